"""Runs of nodes: the CodeRun or DocsRun that a node asks for, and what became of it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pressplay.kube.argo import API_VERSION as ARGO
from pressplay.kube.argo import SuspendedNode, Workflow
from pressplay.operator.nodes.contract import BadInput, check_task
from pressplay.resources import names
from pressplay.resources.base import API_VERSION
from pressplay.resources.reasons import ConditionType, Phase, Reason

LONGEST_NAME: Final = 63
TASKS: Final = ("task", "issue", "pull-request")
# Parameters of a node by the fields of a spec that they become; numbers are numbers there.
FIELDS: Final[Mapping[str, str]] = {
    "repository": "repository", "github-app": "persona", "task": "task", "issue": "issue",
    "pull-request": "pullRequest", "branch": "branch", "base": "base", "model": "model", "head": "head",
    "continue-from": "continueFrom",
}  # fmt: skip
NUMBERS: Final = frozenset({"issue", "pull-request"})
OF_DOCUMENTS: Final = frozenset({"repository", "github-app", "branch", "base", "model"})


@dataclass(frozen=True)
class NodeRun:
    """A run that a node asked for.

    Attributes:
        ended: the phase that it ended with; None while it has not.
        reason, message: of its end.
        cancelled: its end was asked for.
        owner: uid of the Workflow that it belongs to.
        notice: what is to be known of how it began.
        step: of the Workflow, that it is the run of; None of runs that do not say it.
        created: when it was made.
        admitted: it began, so that there may be something to go on with.
        head: the commit that it was to begin on; "" where none was named.
    """

    kind: str
    name: str
    ended: Phase | None
    reason: str
    message: str
    cancelled: bool
    outputs: Mapping[str, str]
    url: str
    owner: str
    notice: str = ""
    step: str | None = None
    created: str = ""
    admitted: bool = False
    head: str = ""


def run_name(workflow: Workflow, node: SuspendedNode) -> str:
    """A node that is started anew keeps its id, and has another start: another run, and no twin of the same start."""
    told = f"{workflow.uid} {node.id} {node.started.isoformat()}"
    digest = hashlib.sha256(told.encode()).hexdigest()[:10]
    stem = (workflow.labels.get(names.FLOW) or workflow.name)[: LONGEST_NAME - len(digest) - 1].strip("-.")
    return f"{stem}-{digest}"


def earlier_of(node: SuspendedNode, runs: Iterable[NodeRun]) -> NodeRun | None:
    """The last run of the same step, where it is to be gone on with: it began on the same commit, and came to nothing.

    Not where somebody had pushed meanwhile: its work is for a commit that is not the newest any more.
    """
    same = [run for run in runs if run.step == node.step and run.kind == "CodeRun" and run.admitted]
    last = max(same, key=lambda run: (run.created, run.name), default=None)
    if last is None or last.ended not in (Phase.FAILED, Phase.CANCELLED) or last.reason == Reason.PUSH_REJECTED:
        return None
    return last if last.head == node.inputs.get("head", "") else None


def build_run(
    workflow: Workflow, node: SuspendedNode, given: Mapping[str, str], earlier: NodeRun | None = None
) -> dict[str, Any]:
    """The run that a node asks for.

    Args:
        earlier: the run of the same step that it goes on with.

    Raises:
        BadInput: it asks for none.
    """
    kind = given.get("kind", "CodeRun")
    if "repository" not in given:
        raise BadInput("parameter repository: it is empty; name one as owner/name")
    given = {**_typed(workflow, given), **given}
    if kind == "CodeRun":
        _check_task([name for name in TASKS if name in given])
    spec: dict[str, Any] = {}
    for name, field in FIELDS.items():
        if name not in given or (kind == "DocsRun" and name not in OF_DOCUMENTS):
            continue
        spec[field] = int(given[name]) if name in NUMBERS else given[name]
    if earlier is not None and kind == earlier.kind:
        spec["continueFrom"] = earlier.name
    owner = {"apiVersion": ARGO, "kind": "Workflow", "name": workflow.name, "uid": workflow.uid, "controller": True}
    carried = (names.FLOW, names.FLOW_ID, names.REPOSITORY_ID, names.SUBJECT)
    labels = {name: workflow.labels[name] for name in carried if name in workflow.labels}
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {
            "name": run_name(workflow, node),
            "namespace": workflow.namespace,
            "labels": {**labels, names.WORKFLOW_UID: workflow.uid, names.MANAGED_BY: names.MANAGER},
            "annotations": {names.NODE: node.id, names.STEP: node.step},
            "ownerReferences": [owner],
        },
        "spec": spec,
    }


def _typed(workflow: Workflow, given: Mapping[str, str]) -> dict[str, str]:
    """The task as a person typed it into the Workflow, where the node names it: Argo has not been at it."""
    words = workflow.parameters.get(given.get("words", ""), "")
    check_task(words)
    return {"task": words} if words else {}


def _check_task(asked: list[str]) -> None:
    """That it is said what to do, in a way that leaves no doubt."""
    if not asked:
        raise BadInput(f"no parameter says what to do; give one of: {', '.join(TASKS)}")
    if "issue" in asked and len(asked) > 1:
        others = " and ".join(name for name in asked if name != "issue")
        raise BadInput(f"parameters issue and {others}: they are different tasks; give task and pull-request, or issue")


def read_run(body: Mapping[str, Any]) -> NodeRun:
    """What became of a run."""
    spec, status = body["spec"], body.get("status") or {}
    phase = status.get("phase")
    ended = Phase(phase) if phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED) else None
    finished, admitted = _condition(status, ConditionType.FINISHED), _condition(status, ConditionType.ADMITTED)
    reason = str(finished.get("reason") or "")
    number = status.get("pullRequest") or spec.get("pullRequest")
    meta = body["metadata"]
    owners = meta.get("ownerReferences") or []
    return NodeRun(
        kind=body["kind"], name=body["metadata"]["name"], ended=ended, reason=reason,
        message=str(finished.get("message") or ""), cancelled=bool(spec.get("cancel")),
        outputs={
            "result": _result(ended, reason), "verdict": status.get("verdict") or "", "run": body["metadata"]["name"],
            "head": status.get("headSHA") or status.get("baseSHA") or "", "pull-request": str(number or ""),
            "branch": status.get("branch") or "",
        },
        url=str(status.get("pullRequestUrl") or ""),
        owner=next((each["uid"] for each in owners if each.get("controller")), ""),
        notice=str(admitted.get("message") or "") if admitted.get("status") == "True" else "",
        step=(meta.get("annotations") or {}).get(names.STEP), created=str(meta.get("creationTimestamp") or ""),
        admitted=admitted.get("status") == "True", head=str(spec.get("head") or ""),
    )  # fmt: skip


def _condition(status: Mapping[str, Any], type_: ConditionType) -> Mapping[str, Any]:
    return next((each for each in status.get("conditions") or [] if each["type"] == type_), {})


def _result(ended: Phase | None, reason: str) -> str:
    if reason == Reason.NOTHING_TO_CHANGE:
        return "nothing-to-do"
    return "" if ended is None else ended.lower()
