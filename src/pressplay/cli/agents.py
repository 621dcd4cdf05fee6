"""`pressplay agents`: the personas and what each is at, and runs by the persona that does them.

Thin: an agent at work is a CodeRun, so running, spawning and terminating one are `pressplay run` and `cancel`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from pressplay.cli import personas_known, runs
from pressplay.cli.cancel import cancel
from pressplay.cli.failures import explains
from pressplay.cli.options import Reach, as_output, reaching
from pressplay.cli.run import run
from pressplay.cli.runs import Run
from pressplay.cli.show import money, say, table
from pressplay.personas.find import having
from pressplay.personas.permissions import nearest
from pressplay.personas.schema import Persona
from pressplay.resources.base import USUAL_PERSONAS

HEADER = ("NAME", "ROLE", "CAPABILITIES", "TAGS", "EFFECTS", "BUDGET", "AT WORK")


@click.group()
def agents() -> None:
    """The personas: who there is, what each may do, and what it is at."""


@agents.command("list")
@click.option("--capability", help="Only those that can do this.")
@click.option("--tag", help="Only those with this tag.")
@click.option("--folder", type=click.Path(path_type=Path), help="Those of a folder of yours; no cluster is asked.")
@as_output("json", "name")
@reaching
@explains
def listed(reach: Reach, capability: str | None, tag: str | None, folder: Path | None, output: str) -> None:
    """List the personas that the cluster has, with their runs that go on in the namespace."""
    if folder:
        known, found = personas_known.of_folder(folder), []
    else:
        access = reach()
        known, found = personas_known.of_cluster(access), runs.every(access)
    personas = having(known, capability, tag)
    busy = at_work(personas, found)
    if output == "name":
        click.echo("\n".join(one.name for one in personas))
    elif output == "json":
        click.echo(json.dumps([shown(one, busy[one.name]) for one in personas], indent=2))
    elif not personas:
        say("\n".join(_none_like(known, capability, tag)))
    else:
        click.echo(table(HEADER, (row(one, busy[one.name]) for one in personas)))


def _none_like(known: Iterable[Persona], capability: str | None, tag: str | None) -> Iterator[str]:
    """Why nobody is found, with the word that was perhaps meant."""
    known = list(known)
    there = {
        "capability": (capability, {word for one in known for word in one.capabilities}),
        "tag": (tag, {word for one in known for word in one.tags}),
    }
    for what, (wanted, words) in there.items():
        if wanted is not None and wanted not in words:
            near = nearest(wanted, words)
            perhaps = f"; is it `{near}`?" if near else "."
            yield f"no persona has the {what} `{wanted}`{perhaps} There are: {', '.join(sorted(words))}"
    if all(wanted is None or wanted in words for wanted, words in there.values()):
        yield f"no persona has the capability `{capability}` and the tag `{tag}`; `pressplay agents list` shows all"


def at_work(personas: Sequence[Persona], found: Sequence[Run]) -> dict[str, list[str]]:
    """The names of runs that go on, by persona."""
    names = {name: one.name for one in personas for name in (one.name, *one.aliases)}
    busy: dict[str, list[str]] = {one.name: [] for one in personas}
    for each in found:
        spec = each["spec"]
        wanted = spec.get("persona") or spec.get("githubApp") or USUAL_PERSONAS[each["kind"]]
        told = runs.status(each).get("persona") or wanted
        if not runs.finished(each) and told in names:
            busy[names[told]].append(str(each["metadata"]["name"]))
    return busy


def row(one: Persona, busy: Sequence[str]) -> tuple[str, ...]:
    """A persona's line in the list, below HEADER."""
    return (
        one.name,
        one.role,
        ", ".join(one.capabilities) or "-",
        ", ".join(one.tags) or "-",
        ", ".join(effect.value for effect in one.effects) or "-",
        budget(one),
        str(len(busy)) if busy else "-",
    )


def budget(one: Persona) -> str:
    """What a run of a persona may spend where it says so itself."""
    mine = one.budget
    parts = [money(mine.dollars)] if mine.dollars else []
    parts += [f"{mine.tokens:,} tokens"] if mine.tokens else []
    parts += [f"{mine.steps} steps"] if mine.steps else []
    parts += [f"{mine.seconds}s"] if mine.seconds else []
    return ", ".join(parts) or "usual"


def shown(one: Persona, busy: Sequence[str]) -> Mapping[str, Any]:
    """A persona for programs."""
    told = one.model_dump(mode="json", exclude={"prompt"}, exclude_none=True)
    return {**told, "atWork": list(busy)}


def _by_persona(name: str, text: str, fixed: Mapping[str, object]) -> click.Command:
    """`pressplay run` with the persona as its first argument, and some options settled."""
    settled = {"persona", *fixed}
    call: Callable[..., Any] = run.callback  # type: ignore[assignment]  # a command always has one

    def made(**told: Any) -> None:
        call(**told, **fixed)

    own = [each for each in run.params if each.name not in settled]
    persona = click.Argument(["persona"], metavar="NAME")
    return click.Command(name, callback=made, help=text, params=[persona, *own])


agents.add_command(_by_persona("run", "Have the persona NAME do TASK: `pressplay run TASK --persona NAME`.", {}))
agents.add_command(
    _by_persona(
        "spawn",
        "Have the persona NAME do TASK, and say only the run's name: for programs. `pressplay watch` follows it.",
        {"output": "name", "wait": False, "watch": False, "timeout": None, "dry_run": False},
    )
)
agents.add_command(cancel, "terminate")
