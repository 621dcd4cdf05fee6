"""Write the references of conditions and of personas, from the enums and from agents/, as Markdown."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path

from pressplay.personas import loader
from pressplay.personas.schema import Persona
from pressplay.resources import exits, reasons
from pressplay.resources.exits import FINAL, RunnerExit
from pressplay.resources.reasons import ConditionType, Phase, Reason
from pressplay.resources.remedies import REMEDIES

ROOT = Path(__file__).resolve().parent.parent


def documented(enum: type[Enum], module: object) -> Mapping[str, str]:
    """The text below each member of an enum, which Python itself forgets."""
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == enum.__name__)
    found: dict[str, str] = {}
    last = ""
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            last = node.targets[0].id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and last:
            found[last] = " ".join(str(node.value.value).split())
    return found


def conditions() -> Iterator[str]:
    """The page of phases, conditions, reasons and exit codes."""
    yield "# Phases, conditions, reasons"
    yield ""
    yield "`make generate` writes this page from `pressplay.resources`."
    yield ""
    yield "`status.phase` mirrors the conditions in one word: " + ", ".join(phase.value for phase in Phase) + "."
    yield "`kubectl describe coderun NAME` shows the conditions with reason and message."
    yield ""
    yield from table(
        ("condition", "what it tells"),
        ((f"`{each.value}`", documented(ConditionType, reasons)[each.name]) for each in ConditionType),
    )
    yield ""
    yield "## Reasons"
    yield ""
    rows = ((f"`{each.value}`", REMEDIES[each].meaning, REMEDIES[each].remedy) for each in Reason)
    yield from table(("reason", "what it means", "what to do"), rows)
    yield ""
    yield "## How a runner ends"
    yield ""
    yield "The exit code of the container `runner`, where its Job is looked at with `kubectl`."
    yield ""
    told = documented(RunnerExit, exits)
    rows_of_exits = (
        (str(each.value), each.name, told.get(each.name, ""), "no" if each in FINAL else "yes") for each in RunnerExit
    )
    yield from table(("code", "name", "what it means", "another attempt"), rows_of_exits)


def personas() -> Iterator[str]:
    """The page of the personas that come with the product."""
    yield "# Personas"
    yield ""
    yield "`make generate` writes this page from `agents/`. A run names one in `spec.persona`; `agents/README.md` tells"
    yield "how one is added. No persona may approve or merge. `pressplay agents list` shows those of a cluster, by"
    yield "capability and tag, with what each is at."
    for one in loader.load(ROOT / "agents"):
        yield ""
        yield f"## {one.title}"
        yield ""
        yield one.description
        yield ""
        yield from table(("", ""), ((name, value) for name, value in _facts(one) if value))


def _facts(one: Persona) -> Iterator[tuple[str, str]]:
    writes = one.writes
    yield "name", ", ".join(f"`{name}`" for name in (one.name, *one.aliases))
    yield "role", one.role
    yield "capabilities", ", ".join(one.capabilities)
    yield "tags", ", ".join(one.tags)
    yield "may lead to", ", ".join(effect.value.replace("_", " ") for effect in one.effects)
    yield "its tokens", ", ".join(f"{name}: {level}" for name, level in one.permissions.items())
    only = "; only what the project's fixers make, and lines that they name" if writes.formatting else ""
    yield "changes", (", ".join(writes.kinds) or "nothing") + only
    yield "paths", ", ".join(f"`{path}`" for path in writes.paths)
    yield "never", ", ".join(f"`{path}`" for path in writes.never)
    yield "tests", "may weaken them" if writes.may_weaken_tests else ""
    yield "fixers", "the project's formatters and fixers run first" if one.fixers else ""
    yield "tools", ", ".join(one.tools)
    yield "model", ", ".join(f"{wire}: {model}" for wire, model in one.models.items())
    budget = one.budget.model_dump(exclude_none=True)
    yield "budget", ", ".join(f"{name}: {value}" for name, value in budget.items())


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """A table."""
    for row in (head, tuple("---" for _ in head), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def main() -> int:
    """Write both pages into the folder that is named."""
    folder = Path(sys.argv[1])
    for name, lines in (("conditions.md", conditions()), ("personas.md", personas())):
        (folder / name).write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
