"""Results as text: tables, ages, money, and objects as JSON, YAML or names. Pure, but for the last function."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click
import yaml

from pressplay.cli.runs import Run, name_of

MINUTE, HOUR, DAY = 60, 3600, 86400


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as they must be, two blanks between them."""
    lines = [tuple(header), *(tuple(shown(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def listing(
    found: Sequence[Run], header: Sequence[str], row: Callable[[Run, datetime], Sequence[str]], now: datetime,
    *, everywhere: bool,
) -> str:  # fmt: skip
    """Objects as a table, with their namespaces where they are of all.

    Args:
        row: the cells of one object.
    """
    if not everywhere:
        return table(header, [row(each, now) for each in found])
    rows = [(each["metadata"]["namespace"], *row(each, now)) for each in found]
    return table(("NAMESPACE", *header), rows)


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, as kubectl says it: 45s, 12m, 3h, 5d."""
    if since is None:
        return "-"
    seconds = max(0, int((now - since).total_seconds()))
    if seconds < 2 * MINUTE:
        return f"{seconds}s"
    if seconds < 2 * HOUR:
        return f"{seconds // MINUTE}m"
    return f"{seconds // HOUR}h" if seconds < 2 * DAY else f"{seconds // DAY}d"


def money(told: str | None) -> str:
    """US dollars: cents where that says enough, more places for little sums."""
    if told is None:
        return "-"
    try:
        sum_ = Decimal(told)
    except InvalidOperation:
        return told
    return f"${sum_:.2f}" if sum_ >= 1 or sum_ == 0 else f"${sum_:.4f}"


def duration(begin: datetime | None, end: datetime | None) -> str:
    """From one moment to another: 1m05s."""
    if begin is None or end is None:
        return "-"
    seconds = max(0, int((end - begin).total_seconds()))
    if seconds < MINUTE:
        return f"{seconds}s"
    if seconds < HOUR:
        return f"{seconds // MINUTE}m{seconds % MINUTE:02}s"
    return f"{seconds // HOUR}h{seconds % HOUR // MINUTE:02}m"


def shown(line: str) -> str:
    """A line as a terminal may show it: what would command the terminal, break or reorder the line is a blank."""
    return "".join(sign if sign.isprintable() or sign == "\t" else " " for sign in line)


def one_line(text: str) -> str:
    """Text without breaks, control characters and bidirectional overrides."""
    return " ".join(shown(text).split())


def clipped(text: str, most: int) -> str:
    """Text of no more than so many signs, the last of which says where something is left out."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def clean(run: Run) -> Run:
    """The object without what only the API server is interested in."""
    meta = {name: value for name, value in run["metadata"].items() if name != "managedFields"}
    return {**run, "metadata": meta}


def objects_as(output: str, found: Run | list[Run]) -> str:
    """One object or several as JSON, YAML or names."""
    several = found if isinstance(found, list) else [found]
    if output == "name":
        return "\n".join(name_of(run) for run in several)
    told: Any
    if isinstance(found, list):
        told = {"apiVersion": "v1", "kind": "List", "items": [clean(run) for run in found]}
    else:
        told = clean(found)
    if output == "json":
        return json.dumps(told, indent=2)
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=120).rstrip()


def say(text: str) -> None:
    """Tell something that is not the result, on standard error."""
    click.echo(text, err=True)
