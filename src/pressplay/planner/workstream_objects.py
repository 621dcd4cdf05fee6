"""The objects that work a set of workstreams: one Workflow for all of it, or a CodeRun for each. Pure.

Argo expands `{{…}}` wherever it stands, in values too, and gives up on one that is not closed. So a task's words are
broken up where they hold it, and stand among the Workflow's arguments, never in a template.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from pressplay.kube.argo import API_VERSION as ARGO
from pressplay.planner.workstreams import Planned
from pressplay.resources import names
from pressplay.resources.base import API_VERSION

FLOW: Final = "workstreams"
RUN_NODE: Final = "run"
LONGEST_SET: Final = 40


def set_name(folder: str, repository: str) -> str:
    """The name by which a set is found again: the same from every checkout of the repository.

    Args:
        folder: relative to the checkout's root.
    """
    stem = re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-")[-LONGEST_SET:].strip("-") or FLOW
    stem = stem if stem[0].isalpha() else f"w-{stem}"
    return f"{stem}-{_digest(repository.lower(), folder)}"


def run_name(of: str, stream: str, generation: int) -> str:
    """The CodeRun's name: a second try finds what the first has made."""
    return f"{stream}-{_digest(of, stream)}-{generation}"


def workflow_name(of: str, generation: int) -> str:
    """The Workflow's name."""
    return f"{of}-{generation}"


def build_run(of: str, each: Planned, generation: int) -> dict[str, Any]:
    """A workstream's CodeRun."""
    told = {
        "repository": each.repository, "task": each.task, "persona": each.persona, "base": each.base,
        "model": each.stream.model,
    }  # fmt: skip
    return {
        "apiVersion": API_VERSION,
        "kind": "CodeRun",
        "metadata": {
            "name": run_name(of, each.name, generation),
            "labels": {**_labels(of, generation), names.WORKSTREAM: each.name},
        },
        "spec": {name: value for name, value in told.items() if value},
    }


def build_workflow(of: str, plan: Sequence[Planned], generation: int, chosen: Collection[str]) -> dict[str, Any]:
    """The Workflow that works some of a plan's workstreams.

    Args:
        chosen: those of it that are to run; all others that they depend on are done.
    """
    ours = [each for each in plan if each.name in chosen]
    return {
        "apiVersion": ARGO,
        "kind": "Workflow",
        "metadata": {
            "name": workflow_name(of, generation),
            "labels": _labels(of, generation),
            "annotations": {
                "workflows.argoproj.io/title": f"Workstreams {of}",
                "workflows.argoproj.io/description": f"{len(ours)} workstreams; a node for each waits for its run",
            },
        },
        "spec": {
            "entrypoint": FLOW,
            "arguments": {
                "parameters": [{"name": f"task-{each.name}", "value": unexpanded(each.task)} for each in ours]
            },
            # One that fails keeps only those from beginning that depend on it.
            "templates": [{"name": FLOW, "dag": {"failFast": False, "tasks": [_node(each, chosen) for each in ours]}}],
        },
    }


def unexpanded(text: str) -> str:
    """Words in which Argo finds nothing to expand: `{{` becomes `{ {`."""
    return re.sub(r"\{(?=\{)", "{ ", text)


def _node(each: Planned, chosen: Collection[str]) -> dict[str, Any]:
    given: Mapping[str, str | None] = {
        "kind": "CodeRun", "repository": each.repository, "github-app": each.persona, "base": each.base,
        "model": each.stream.model, "task": "{{workflow.parameters.task-" + each.name + "}}",
    }  # fmt: skip
    before = [name for name in dict.fromkeys(each.stream.dependencies) if name in chosen]
    return {
        "name": each.name,
        **({"depends": " && ".join(f"{name}.Succeeded" for name in before)} if before else {}),
        "templateRef": {"name": names.NODES, "template": RUN_NODE},
        # What is not given keeps the template's own default.
        "arguments": {"parameters": [{"name": name, "value": value} for name, value in given.items() if value]},
    }


def _labels(of: str, generation: int) -> dict[str, str]:
    return {
        names.MANAGED_BY: names.MANAGER, names.FLOW: FLOW, names.SUBJECT: of, names.GENERATION: str(generation),
    }  # fmt: skip


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
