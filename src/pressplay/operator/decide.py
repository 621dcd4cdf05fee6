"""What an attempt's Job and pod mean for the run. Pure: objects of the API server go in, a judgement comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pressplay.protocol.control import Record
from pressplay.resources.exits import FINAL, REASONS, RunnerExit
from pressplay.resources.names import RUNNER_CONTAINER
from pressplay.resources.reasons import Reason

FIRST_WAIT = 5.0
LONGEST_WAIT = 300.0
# Longer than a registry needs to answer, and long before anybody loses patience.
IMAGE_GRACE = 60.0
_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})


class Kind(StrEnum):
    """What is to be done after an attempt."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRY = "retry"


@dataclass(frozen=True)
class Judgement:
    """What becomes of the run.

    Attributes:
        wait: seconds before the next attempt.
    """

    kind: Kind
    reason: Reason
    message: str
    wait: float = 0.0


def ended(job: Mapping[str, Any]) -> tuple[str, datetime | None] | None:
    """How a Job ended, `Complete` or the reason of its failure, and when; None where it has not ended.

    FailureTarget counts: no further pod comes, although the last one may still be on its way out.
    """
    for condition in job.get("status", {}).get("conditions") or []:
        if condition["status"] == "True" and condition["type"] in ("Complete", "Failed", "FailureTarget"):
            moment = condition.get("lastTransitionTime")
            told = "Complete" if condition["type"] == "Complete" else str(condition.get("reason") or "Failed")
            return told, datetime.fromisoformat(moment) if moment else None
    return None


def judge(told: str, pod: Mapping[str, Any] | None, record: Record, attempt: int, attempts: int) -> Judgement:
    """What an attempt that has ended means.

    Args:
        told: as `ended` has it.
        attempt: the one that has ended, from 1.
        attempts: how many there may be.
    """
    if record.outcome is not None:
        reason = Reason.NOTHING_TO_CHANGE if record.outcome == "nothing_to_change" else Reason.SUCCEEDED
        return Judgement(Kind.SUCCEEDED, reason, record.url or "nothing had to be changed")
    if told == "DeadlineExceeded":
        return Judgement(Kind.FAILED, Reason.TIME_EXHAUSTED, "the time is over; raise spec.budget.seconds and retry")
    code, reason, message = _cause(pod, record, attempt)
    if code in FINAL:
        return Judgement(Kind.FAILED, reason, message)
    if attempt >= attempts:
        return Judgement(
            Kind.FAILED,
            Reason.ATTEMPTS_EXHAUSTED,
            f"{attempts} attempts were made; the last ended with {reason}: {message}",
        )
    return Judgement(Kind.RETRY, reason, message, min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT))


def _cause(pod: Mapping[str, Any] | None, record: Record, attempt: int) -> tuple[RunnerExit | None, Reason, str]:
    terminated = _terminated(pod)
    if record.end_attempt == attempt and record.end_reason is not None:
        code = _exit(terminated.get("exitCode"))
        return code, record.end_reason, record.end_message or str(record.end_reason)
    if terminated.get("reason") == "OOMKilled":
        return None, Reason.OUT_OF_MEMORY, f"{terminated['container']} used more memory than it may"
    code = _exit(terminated.get("exitCode"))
    if code is not None and code is not RunnerExit.DONE:
        return code, REASONS[code], f"the runner ended with {code.name}"
    return None, Reason.RUNNER_FAILED, f"the pod ended: {terminated.get('reason') or 'without a reason'}"


def _exit(code: object) -> RunnerExit | None:
    return RunnerExit(code) if isinstance(code, int) and code in set(RunnerExit) else None


def _terminated(pod: Mapping[str, Any] | None) -> dict[str, Any]:
    """How the pod's container ended that decides: the first that failed, else the runner."""
    status = (pod or {}).get("status", {})
    every = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    found = [(each["name"], each["state"]["terminated"]) for each in every if "terminated" in each.get("state", {})]
    for name, state in found:
        if state.get("exitCode") and (name == RUNNER_CONTAINER or state.get("reason") != "Completed"):
            return {**state, "container": name}
    return {**found[-1][1], "container": found[-1][0]} if found else {}


def trouble(pod: Mapping[str, Any] | None, age: float) -> tuple[Reason, str, bool] | None:
    """What keeps a pod from starting, and whether that is final.

    Args:
        age: seconds since the Job was made.
    """
    status = (pod or {}).get("status", {})
    for each in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = each.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in _IMAGE:
            told = (
                f"the image {each.get('image')} cannot be had: {str(waiting.get('message') or waiting['reason'])[:300]}"
            )
            return Reason.IMAGE_NOT_PULLED, f"{told}; check spec.workbench.image", age > IMAGE_GRACE
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Reason.WAITING, f"no node takes the pod: {str(condition.get('message'))[:400]}", False
    return None


def running(pod: Mapping[str, Any] | None) -> bool:
    """Whether the agent is at work."""
    statuses = (pod or {}).get("status", {}).get("containerStatuses") or []
    return any(each["name"] == RUNNER_CONTAINER and "running" in each.get("state", {}) for each in statuses)
