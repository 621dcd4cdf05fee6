"""Waiting for a run at the end of a command, and ending the process as the run ended."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from rich.console import Console

from pressplay.cli import runs
from pressplay.cli.describe import ending
from pressplay.cli.follow import until_finished
from pressplay.cli.show import objects_as, say
from pressplay.cli.tail import Tail
from pressplay.kube.access import Access

F = TypeVar("F", bound=Callable[..., Any])

DURATION = re.compile(r"^(?P<number>[0-9]+)(?P<unit>[smh]?)$")
INTERRUPTED = 130
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


class Duration(click.ParamType[float]):
    """Seconds, as 90, 90s, 15m or 2h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read what the user wrote."""
        if isinstance(value, int | float):
            return float(value)
        found = DURATION.match(str(value))
        if not found:
            self.fail(f"{value!r} is no duration: write 90s, 15m or 2h", param, ctx)
        return float(found["number"]) * UNITS[found["unit"]]


def waits(command: F) -> F:
    """Add --wait, --watch and --timeout."""
    command = click.option("--timeout", type=Duration(), help="Wait no longer: 90s, 15m, 2h. The run goes on.")(command)
    command = click.option("-w", "--watch", is_flag=True, help="Wait until it ends, and tell what happens.")(command)
    return click.option("--wait", is_flag=True, help="Wait until it ends, and say nothing before.")(command)


@contextmanager
def telling(name: str) -> Iterator[Callable[[str], None]]:
    """A function that tells a line on standard error; on a terminal with a sign of life below the last one."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield say
        return
    with console.status(f"{name} (Ctrl-C ends the watching, not the run)"):
        yield lambda line: console.print(line, markup=False, soft_wrap=True)


def finish(access: Access, run: runs.Run, output: str, *, wait: bool, watch: bool, timeout: float | None) -> None:
    """Wait if that was asked for, print the run, and end the process with the exit code that says how it ended."""
    if not (wait or watch):
        if output == "text":
            name = run["metadata"]["name"]
            named = f"{name} -n {run['metadata']['namespace']}"
            say(f"  `pressplay watch {named}` follows it, `pressplay why {named}` says what holds it up")
            click.echo(name)
        else:
            click.echo(objects_as(output, run))
        return
    try:
        if watch:
            with telling(run["metadata"]["name"]) as tell, Tail(access, run, tell):
                seen = until_finished(access, run, tell, timeout)
        else:
            seen = until_finished(access, run, lambda _: None, timeout)
    except KeyboardInterrupt:
        say(f"{run['metadata']['name']} goes on; `pressplay cancel` would end it")
        sys.exit(INTERRUPTED)
    if output != "text":
        click.echo(objects_as(output, seen))
    elif runs.finished(seen):
        click.echo("\n".join(ending(seen)))
    else:
        say(f"{seen['metadata']['name']} is not finished; it goes on without us")
    sys.exit(runs.exit_of(seen))
