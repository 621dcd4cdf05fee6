"""What follows for one suspended node from what is known of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from pressplay.kube.argo import SuspendedNode, Workflow
from pressplay.operator.nodes.contract import (
    BadInput,
    Operation,
    check_outputs,
    checked,
    operation_of,
    seconds_of,
    supplied,
)
from pressplay.operator.nodes.runs import NodeRun, build_run, run_name
from pressplay.protocol.gates import GateAnswer
from pressplay.resources.reasons import Phase

LONGEST_MESSAGE = 1_000
TIMED_OUT = "timed-out"
TOLD, UNTOLD = "told", "untold"
# A run tells of its end by an event, a gate by a wake; this is for what is lost.
LOOK_AGAIN = 60.0
SHORTEST_WAIT = 1.0


@dataclass(frozen=True)
class Create:
    """Make the run that the node asks for."""

    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class Cancel:
    """End the node's run; the node follows when it has ended."""

    run: NodeRun


@dataclass(frozen=True)
class Complete:
    """Complete the node with all of its outputs."""

    phase: Literal["Succeeded", "Failed"]
    outputs: Mapping[str, str]
    message: str


@dataclass(frozen=True)
class Ask:
    """Ask the gateway whether what the node waits for has come."""

    operation: Operation
    given: Mapping[str, str]


@dataclass(frozen=True)
class Wait:
    """Nothing now.

    Attributes:
        seconds: until the next look.
        message: what the node shows meanwhile.
    """

    seconds: float
    message: str = ""


Action: TypeAlias = Create | Cancel | Complete | Ask | Wait


@dataclass(frozen=True)
class Observed:
    """What is known of a node.

    Attributes:
        run: that it asked for, where it did.
        answer: of the gateway, where it has been asked in this look.
        earlier: the run of the same step that came to nothing, and that the next one goes on with.
    """

    workflow: Workflow
    node: SuspendedNode
    run: NodeRun | None
    answer: GateAnswer | None
    now: datetime
    earlier: NodeRun | None = None


def executable(workflow: Workflow, node: SuspendedNode) -> bool:
    """Whether a node may be worked on: not when its Workflow is to end, save for exit handlers of one that stops."""
    if workflow.finished or workflow.deleted:
        return False
    return not workflow.shutdown or (workflow.shutdown == "Stop" and node.on_exit)


def decide(observed: Observed) -> Action | None:
    """What to do about a node; None where it is none of ours."""
    try:
        operation = operation_of(observed.node)
        if operation is None:
            return None
        check_outputs(observed.node, operation)
        given = checked(observed.node)
        if operation is Operation.RUN:
            return _about_run(observed, given)
        if operation is Operation.REPORT:
            return _about_report(observed, given)
        return _about_gate(observed, operation, given)
    except BadInput as error:
        return refused(observed.node, str(error))


def refused(node: SuspendedNode, message: str) -> Complete:
    """The end of a node that asks for what cannot be."""
    return Complete("Failed", supplied(node, {"result": "failed"}), message[:LONGEST_MESSAGE])


def _about_run(observed: Observed, given: Mapping[str, str]) -> Action:
    run, late = observed.run, _is_late(observed, given)
    if run is None:
        name = run_name(observed.workflow, observed.node)
        if name in observed.node.message:
            # It was there: somebody has deleted it, which is no wish for another.
            outputs = supplied(observed.node, {"result": "cancelled", "run": name})
            return Complete("Failed", outputs, f"{given.get('kind', 'CodeRun')} {name}: it was deleted")
        if late:
            return refused(observed.node, f"not begun within {given['timeout']} s")
        if observed.workflow.held:
            return Wait(LOOK_AGAIN, "the Workflow is suspended")
        return Create(build_run(observed.workflow, observed.node, given, observed.earlier))
    if run.ended is None:
        if late:
            return Wait(LOOK_AGAIN) if run.cancelled else Cancel(run)
        return Wait(_left(observed, given), _joined(f"{run.kind} {run.name}", run.url, run.notice))
    outputs = supplied(observed.node, run.outputs)
    told = f"{run.kind} {run.name}: {run.reason}"
    if run.ended is Phase.SUCCEEDED:
        return Complete("Succeeded", outputs, _joined(told, run.url, run.notice))
    words = f"not done within {given['timeout']} s" if late else run.message
    return Complete("Failed", outputs, f"{told}: {words}"[:LONGEST_MESSAGE])


def _joined(told: str, url: str, notice: str) -> str:
    found = f"{told} {url}".strip()
    return (f"{found}; {notice}" if notice else found)[:LONGEST_MESSAGE]


def _about_gate(observed: Observed, operation: Operation, given: Mapping[str, str]) -> Action:
    if "repository" not in given:
        raise BadInput("parameter repository: it is empty; name one as owner/name")
    if _is_late(observed, given):
        return _verdict(observed, TIMED_OUT, {}, f"nothing within {given['timeout']} s")
    if observed.workflow.held:
        return Wait(LOOK_AGAIN, "the Workflow is suspended")
    answer = observed.answer
    if answer is None:
        return Ask(operation, given)
    if answer.verdict is None:
        return Wait(min(max(answer.again, SHORTEST_WAIT), _left(observed, given)), answer.message[:LONGEST_MESSAGE])
    return _verdict(observed, answer.verdict, answer.outputs, answer.message)


def _about_report(observed: Observed, given: Mapping[str, str]) -> Action:
    """It never fails: Argo has a flow fail whose exit handler does."""
    if "ended" not in given:
        raise BadInput("parameter ended: it is empty; give {{workflow.status}}")
    answer = observed.answer
    if answer is None and not _is_late(observed, given):
        return Ask(Operation.REPORT, given)
    if answer is not None and answer.verdict is None and not _is_late(observed, given):
        return Wait(min(max(answer.again, SHORTEST_WAIT), _left(observed, given)), answer.message[:LONGEST_MESSAGE])
    if answer is None or answer.verdict is None:
        return _verdict(observed, UNTOLD, {}, f"the gateway did not take it within {given.get('timeout')} s")
    return _verdict(observed, answer.verdict, {}, answer.message)


def _verdict(observed: Observed, verdict: str, more: Mapping[str, str], message: str) -> Complete:
    """A gate that says no has done what it is for: it succeeds, and says so."""
    outputs = supplied(observed.node, {**more, "verdict": verdict})
    return Complete("Succeeded", outputs, f"{verdict}: {message}"[:LONGEST_MESSAGE])


def _is_late(observed: Observed, given: Mapping[str, str]) -> bool:
    limit = seconds_of(given)
    return limit is not None and (observed.now - observed.node.started).total_seconds() >= limit


def _left(observed: Observed, given: Mapping[str, str]) -> float:
    """Seconds until the next look that must be made."""
    limit = seconds_of(given)
    if limit is None:
        return LOOK_AGAIN
    return max(SHORTEST_WAIT, min(LOOK_AGAIN, limit - (observed.now - observed.node.started).total_seconds()))
