"""The files that `workflow_templates/` and the chart hold, by their names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import yaml
from hera.workflows import WorkflowTemplate

from pressplay.workflows import nodes, parts, runs
from pressplay.workflows.flows import checks, comment, issue, loop, pull_request, security, task

HEAD: Final = "# Generated from src/pressplay/workflows by `make generate`; do not edit.\n"
LIMITS_FILE: Final = "pressplay-limits"

# Keys that stand before all others in a manifest.
FIRST: Final = (
    "apiVersion", "kind", "metadata", "spec",
    "name", "description", "entrypoint", "arguments", "inputs", "outputs",
    "depends", "when", "template", "templateRef",
)  # fmt: skip

# How many there may be at once where nobody says otherwise. A flow that waits for a person counts, so of those there
# are many; what costs is runs.
AT_ONCE: Final[Mapping[str, int]] = {
    parts.RUNS_AT_ONCE: 10,
    pull_request.NAME: 100,
    comment.NAME: 100,
    issue.NAME: 200,
    checks.NAME: 100,
    security.NAME: 100,
    loop.NAME: 50,
    task.NAME: 200,
}


def templates() -> list[WorkflowTemplate]:
    """All templates."""
    return [
        nodes.build(),
        runs.coderun(),
        runs.docsrun(),
        runs.coderun_resource(),
        pull_request.build(),
        comment.build(),
        issue.build(),
        checks.build(),
        security.build(),
        loop.build(),
        task.build(),
    ]


def manifests() -> dict[str, dict[str, Any]]:
    """All templates as objects, by name."""
    return {str(each.name): _in_order(each.to_dict()) for each in templates()}


def _in_order(part: Any) -> Any:
    """What a reader looks for comes first: Hera's order is that of the alphabet."""
    if isinstance(part, list):
        return [_in_order(each) for each in part]
    if not isinstance(part, dict):
        return part
    first = [key for key in FIRST if key in part]
    return {key: _in_order(part[key]) for key in (*first, *(key for key in part if key not in FIRST))}


def files() -> dict[str, str]:
    """What the chart installs besides the limits, which are values of it."""
    return {f"{name}.yaml": text(manifest) for name, manifest in manifests().items()}


def limits() -> dict[str, str]:
    """The limits as they are without the chart."""
    return {f"{LIMITS_FILE}.yaml": text(parts.limits(AT_ONCE))}


def text(manifest: Mapping[str, Any]) -> str:
    """A manifest as a file."""
    return HEAD + yaml.safe_dump(dict(manifest), sort_keys=False, width=110, allow_unicode=True)
