"""The entry of the command line: options that hold for every command, and finding the command.

Owns no command itself, only the list of ours. A command reports what the user can mend as a `click.ClickException`:
one line that says what is wrong, one that says what to do, and an exit code.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.metadata import EntryPoint

import click

from pressplay import __version__
from pressplay.cli.plugins import GROUP, PluginGroup, installed

# Found like those of other packages, so that a command is imported only when it is called.
OWN = (
    "agents", "cancel", "comments", "completion", "cost", "doctor", "get", "github", "logs", "play", "plays", "repo",
    "retry", "run", "simulate", "watch", "why", "workflow", "workstreams",
)  # fmt: skip


def commands() -> Iterable[EntryPoint]:
    """Our own commands, and after them those that other packages bring."""
    return (*(EntryPoint(name, f"pressplay.cli.{name}:{name}", GROUP) for name in OWN), *installed())


@click.group(
    cls=PluginGroup,
    find=commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`pressplay COMMAND --help` tells more about a command.",
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
@click.option("--no-color", is_flag=True, help="Plain text: no colours. NO_COLOR=1 does the same.")
@click.pass_context
def cli(ctx: click.Context, no_color: bool) -> None:
    """Press play on a backlog: AI agents work each task to a merged pull request, on your own Kubernetes cluster."""
    if no_color or os.environ.get("NO_COLOR"):
        ctx.color = False
        # rich and the programs that we start look there.
        os.environ["NO_COLOR"] = "1"


def main() -> None:
    """Run the command line and end the process with its exit code."""
    cli(prog_name="pressplay")
