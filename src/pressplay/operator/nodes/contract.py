"""What a suspended node asks for and what it is given: parameters are strings, so each is held to its form here. Pure.

A parameter may come from anybody who may submit a Workflow, and an output is pasted into other templates by Argo. So
ids, names and commits pass, and a task's words only into a run's `spec.task`. Argo reads what stands in a parameter for
templates of its own; what a person types is therefore not handed on, but named, and taken from the Workflow as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from pressplay.kube.argo import SuspendedNode
from pressplay.planner.plays import IDENTITY, NAME
from pressplay.resources.run import BRANCH, LONGEST_BRANCH, LONGEST_TASK

OPERATION: Final = "operation"
LONGEST_WAIT: Final = 31 * 24 * 3600

_SHA = r"[0-9a-f]{40}([0-9a-f]{24})?"
_NUMBER = r"[1-9][0-9]{0,9}"
_BRANCH = rf"(?=.{{1,{LONGEST_BRANCH}}}\Z){BRANCH}"
_NAME = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"

INPUTS: Final[Mapping[str, tuple[str, str]]] = {
    "kind": ("CodeRun|DocsRun", "CodeRun or DocsRun"),
    "repository": (r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}", "owner/name"),
    "github-app": (_NAME, "the name of a persona"),
    "issue": (_NUMBER, "the number of an issue"),
    "pull-request": (_NUMBER, "the number of a pull request"),
    "branch": (_BRANCH, "the name of a branch"),
    "base": (_BRANCH, "the name of a branch"),
    "head": (_SHA, "a commit's whole id"),
    "words": (r"task(-[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?)?", "the name of a parameter of the Workflow: task or task-…"),
    "play": (NAME.pattern, "the name of a play"),
    "task-id": (IDENTITY.pattern, "the id of a task: letters, digits and ._-, at most 63"),
    "rank": (r"[0-9]{1,4}", "a number"),
    "paths": (r"paths-[0-9]{1,4}", "the name of a parameter of the Workflow: paths-…"),
    "continue-from": (_NAME, "the name of a run"),
    "model": (r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}", "the name of a model"),
    "timeout": (r"[1-9][0-9]{0,6}", "a number of seconds"),
    "ended": ("Succeeded|Failed|Error", "Succeeded, Failed or Error"),
}
OUTPUTS: Final[Mapping[str, str]] = {
    "result": "succeeded|failed|cancelled|nothing-to-do",
    "verdict": r"[a-z][a-z-]{0,39}",
    "run": r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?",
    "head": _SHA,
    "pull-request": _NUMBER,
    "branch": _BRANCH,
    "actor": r"[A-Za-z0-9][A-Za-z0-9-]{0,60}(\[bot\])?",
    "check": _NUMBER + r"[0-9]{0,10}",
    "job": _NUMBER + r"[0-9]{0,10}",
}


class Operation(StrEnum):
    """What a node is for."""

    RUN = "run"
    CHECKS = "wait-for-checks"
    REVIEW = "wait-for-review"
    APPROVE = "approve"
    TRIAGE = "triage"
    MERGE = "merge"
    TASK = "task"
    REPORT = "report"


# By which output what follows a node decides.
DECIDES: Final[Mapping[Operation, str]] = {
    each: "result" if each is Operation.RUN else "verdict" for each in Operation
}  # fmt: skip


class BadInput(Exception):
    """A node asks for something that cannot be; says which parameter and what would do."""


def operation_of(node: SuspendedNode) -> Operation | None:
    """What a node is for; None where it is none of ours.

    Raises:
        BadInput: there is no such operation.
    """
    named = node.inputs.get(OPERATION)
    if named is None:
        return None
    if named not in set(Operation):
        raise BadInput(f"parameter operation: there is no `{named[:40]}`; use one of: {', '.join(Operation)}")
    return Operation(named)


def checked(node: SuspendedNode) -> dict[str, str]:
    """The node's parameters that are given, each of its form.

    Raises:
        BadInput: one is not.
    """
    given = {name: value for name, value in node.inputs.items() if value and name != OPERATION}
    for name, value in given.items():
        if name == "task":
            check_task(value)
            continue
        if name not in INPUTS:
            raise BadInput(f"parameter {name[:60]}: there is none of that name; use one of: {', '.join(INPUTS)}, task")
        pattern, form = INPUTS[name]
        if re.fullmatch(pattern, value) is None:
            raise BadInput(f"parameter {name}: `{value[:60]}` is not {form}")
    return given


def check_task(words: str) -> None:
    """That a task is not too long to be told.

    Raises:
        BadInput: it is.
    """
    if len(words) > LONGEST_TASK:
        raise BadInput(f"parameter task: it has more than {LONGEST_TASK:,} characters; tell it in fewer")


def check_outputs(node: SuspendedNode, operation: Operation) -> None:
    """That what others decide by is ours to tell, and nobody else's.

    Raises:
        BadInput: a node without it would be passed whatever we find out.
    """
    name = DECIDES[operation]
    if name not in node.outputs:
        told = "a template must have it as `valueFrom: {supplied: {}}`, and a memoised resubmission cannot be used"
        raise BadInput(f"output {name}: there is none, or it has a value already; {told}: submit the flow anew")
    if name in node.defaults:
        raise BadInput(f"output {name}: it has a default, with which `argo resume` alone passes it; take that away")


def seconds_of(given: Mapping[str, str]) -> float | None:
    """How long a node may wait; None where nothing is said."""
    return min(float(given["timeout"]), LONGEST_WAIT) if "timeout" in given else None


def supplied(node: SuspendedNode, values: Mapping[str, str]) -> dict[str, str]:
    """All of a node's outputs; empty where there is nothing to say, or where what there is has not its form.

    Argo hands the literal text of a template on where one is missing.
    """
    return {name: _formed(name, values.get(name, "")) for name in node.outputs}


def _formed(name: str, value: str) -> str:
    return value if name in OUTPUTS and re.fullmatch(OUTPUTS[name], value) else ""
