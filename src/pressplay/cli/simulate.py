"""`pressplay simulate`: what recorded webhooks would start or wake, and why. Offline: nobody is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from pressplay.cli.failures import Problem, explains
from pressplay.cli.options import as_output
from pressplay.cli.show import table
from pressplay.github.client import MAY_WRITE
from pressplay.github.events import NotAnEvent, parse
from pressplay.policy.flows import Context, Effect, Ours, Starts, meaning

HEADER = ("WEBHOOK", "EVENT", "BY", "EFFECT", "FLOW", "WHY")


@dataclass(frozen=True)
class Told:
    """What a webhook would do.

    Attributes:
        webhook: the file, and the place in it where it holds several.
    """

    webhook: str
    event: str
    actor: str
    effect: str
    flow: str
    key: str
    subjects: tuple[str, ...]
    why: str


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="FILE|DIR...")
@click.option("--permission", type=click.Choice(["none", "read", "write", "admin"]), default="write",
              show_default=True, help="What the actors may do in the repository.")  # fmt: skip
@click.option("--app-id", "apps", type=int, multiple=True, help="Id of our App; its doing starts nothing.")
@click.option("--app", "slugs", multiple=True, help="Name of our App, as in its address on GitHub.")
@click.option("--label", "labels", multiple=True, help="Label that has issues be worked on; pressplay if none is said.")
@click.option("--every-issue", is_flag=True, help="Issues are worked on as soon as they are opened.")
@as_output("json")
@explains
def simulate(
    paths: tuple[Path, ...], permission: str, apps: tuple[int, ...], slugs: tuple[str, ...], labels: tuple[str, ...],
    every_issue: bool, output: str,
) -> None:  # fmt: skip
    """Show what recorded webhooks (JSON bodies) would start or wake, and why."""
    ours = Ours(frozenset(apps), frozenset(f"{slug}[bot]" for slug in slugs))
    starts = Starts(frozenset(labels) or Starts().labels, every_issue)
    told = [what(name, body, Context(ours, starts), permission) for path in paths for name, body in bodies(path)]
    if output == "json":
        click.echo(json.dumps([asdict(each) for each in told], indent=2))
        return
    rows = [(each.webhook, each.event, each.actor, each.effect, each.flow, each.why) for each in told]
    click.echo(table(HEADER, rows))


def what(name: str, body: bytes, context: Context, permission: str) -> Told:
    """What one webhook would do."""
    try:
        event = parse(body)
    except NotAnEvent as error:
        return Told(name, "", "", Effect.NOTHING.value, "", "", (), str(error))
    found = meaning(event, context)
    effect, why = found.effect, found.why
    if effect in (Effect.START, Effect.COMMAND) and permission not in MAY_WRITE:
        effect, why = Effect.WAKE, f"{event.actor} may not start anything: it takes write permission ({found.why})"
    kind = f"{event.kind}.{event.action}" if event.action else event.kind.value
    flow = found.flow.value if found.flow and effect is Effect.START else ""
    key = found.key if effect in (Effect.START, Effect.COMMAND) else ""
    return Told(name, kind, event.actor, effect.value, flow, key, found.subjects, why)


def bodies(path: Path) -> Iterator[tuple[str, bytes]]:
    """The webhooks of a file, or of all JSON files below a folder; a list holds several."""
    try:
        files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    except OSError as error:
        told = f"{error.filename} cannot be read: {error.strerror}"
        raise Problem(told, f"name the files, or a folder within {path} that may be read") from None
    if not files:
        raise Problem(f"{path} has no JSON file in it", "record webhooks as one JSON body a file")
    for file in files:
        try:
            data = file.read_bytes()
            told = json.loads(data)
        except OSError as error:
            raise Problem(f"{file} cannot be read: {error.strerror}", "name files that may be read") from None
        except (ValueError, RecursionError):
            raise Problem(f"{file} is no JSON", "each file holds the body of a webhook, or a list of them") from None
        if not isinstance(told, list):
            yield str(file), data
            continue
        for number, each in enumerate(told):
            yield from _recorded(f"{file}#{number}", each)


def _recorded(name: str, told: Any) -> Iterator[tuple[str, bytes]]:
    """A body in a list, or a list of examples of one event as GitHub's own descriptions have them."""
    if isinstance(told, dict) and isinstance(told.get("examples"), list):
        for number, each in enumerate(told["examples"]):
            yield f"{name}.{number}", json.dumps(each).encode()
    else:
        yield name, json.dumps(told).encode()
