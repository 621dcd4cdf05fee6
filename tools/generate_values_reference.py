"""Write the reference of the chart's values, from the comments in values.yaml, as Markdown."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
VALUES = ROOT / "charts" / "pressplay" / "values.yaml"
KEY = re.compile(r"^(?P<indent> *)(?P<name>[A-Za-z]+):")


@dataclass(frozen=True)
class Entry:
    """One value.

    Attributes:
        name: with the names of what it stands in: images.registry.
        text: the comment above it.
    """

    name: str
    default: Any
    text: str


def entries(source: str) -> Iterator[Entry]:
    """The values in their order. What is explained is one value; what is not, and holds others, is their heading."""
    values = yaml.safe_load(source)
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    whole: int | None = None
    for line in source.splitlines():
        if line.strip().startswith("#"):
            comment.append(line.strip().lstrip("#").strip())
            continue
        key = KEY.match(line)
        if not key:
            comment = []
            continue
        indent = len(key["indent"])
        if whole is not None and indent > whole:
            continue
        path = [*(part for part in path if part[0] < indent), (indent, key["name"])]
        name = ".".join(part for _, part in path)
        default = _at(values, name)
        leaf = bool(comment) or not isinstance(default, dict) or not default
        whole = indent if leaf else None
        if leaf:
            yield Entry(name, default, " ".join(comment))
        comment = []


def _at(values: Any, name: str) -> Any:
    for part in name.split("."):
        values = values[part]
    return values


def reference(source: str) -> str:
    """The whole page."""
    rows = []
    for entry in entries(source):
        default = entry.default if isinstance(entry.default, str) and entry.default else json.dumps(entry.default)
        rows.append(f"| `{entry.name}` | `{default}` | {entry.text} |")
    lines = [
        "<!-- Written by `make generate`; do not edit. -->",
        "# Values of the chart",
        "",
        "`helm show values charts/pressplay` prints them as YAML. `values.schema.json` refuses names and values that",
        "it does not know, before anything is installed.",
        "",
        "| value | default | what it is |",
        "| --- | --- | --- |",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def main(target: Path) -> int:
    """Write the reference into the file `target`; answers the exit code."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(reference(VALUES.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
