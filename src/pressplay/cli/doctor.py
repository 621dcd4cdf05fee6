"""`pressplay doctor`: says what is missing, and what to do about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict

import click

from pressplay.cli import examine
from pressplay.cli.examine import Finding
from pressplay.cli.examine_events import examine_events
from pressplay.cli.examine_flows import examine_flows
from pressplay.cli.failures import Exit, explained, explains
from pressplay.cli.options import as_output, on_cluster
from pressplay.kube.access import Access, Refused

CHECKS = (*examine.CHECKS, examine_flows, examine_events)
MARKS = {"ok": "✓", "warning": "!", "missing": "✗"}


@click.command()
@as_output("json")
@explains
@on_cluster
def doctor(access: Access, output: str) -> None:
    """Look at the whole installation; exit code 1 if something is missing."""
    found = [finding for check in CHECKS for finding in _look(check, access)]
    click.echo(json.dumps([asdict(each) for each in found], indent=2) if output == "json" else as_text(found))
    if any(each.state == "missing" for each in found):
        sys.exit(Exit.FAILED)


def _look(check: Callable[[Access], list[Finding]], access: Access) -> list[Finding]:
    try:
        return check(access)
    except Refused as error:
        name = check.__name__.removeprefix("examine_")
        message, _, remedy = explained(error).message.partition("\n")
        return [Finding(name, "warning", message, remedy.strip())]


def as_text(found: list[Finding]) -> str:
    """The findings, two lines for what is not well."""
    width = max(len(each.name) for each in found)
    lines = []
    for each in found:
        lines.append(f"{MARKS[each.state]} {each.name:<{width}}  {each.detail}")
        if each.remedy:
            lines.append(f"  {'':<{width}}  → {each.remedy}")
    return "\n".join(lines)
