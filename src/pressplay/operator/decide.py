"""What an attempt's Job and pod mean for the run. Pure: objects of the API server go in, a judgement comes out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pressplay.protocol.control import Record
from pressplay.resources.conditions import Condition, find
from pressplay.resources.exits import FINAL, OF_REASON, REASONS, RunnerExit
from pressplay.resources.names import (
    EXCHANGE_PATH,
    PREPARE_CONTAINER,
    REFEREE_CONTAINER,
    RUNNER_CONTAINER,
    WORKBENCH_CONTAINER,
)
from pressplay.resources.reasons import ConditionType, Reason
from pressplay.resources.remedies import more_of

FIRST_WAIT = 5.0
LONGEST_WAIT = 300.0
# Longer than a registry needs to answer, and long before anybody loses patience.
IMAGE_GRACE = 60.0
# Whose end says most. A workbench is ended with a signal when its runner has ended: that says nothing.
_TELLING = (RUNNER_CONTAINER, WORKBENCH_CONTAINER, REFEREE_CONTAINER, PREPARE_CONTAINER)
LOST = "Lost"
# Volumes of a pod that have one size for all, by where they are seen.
_FIXED = {
    "exchange": EXCHANGE_PATH, "workbench-tmp": "/tmp",  # noqa: S108 - a volume of the pod's own
    "referee-exchange": EXCHANGE_PATH, "referee-tmp": "/tmp",  # noqa: S108
}  # fmt: skip
_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})


# As the API server's quota plug-in words it; other refusals stand until somebody changes something.
QUOTA = re.compile(r"exceeded quota|must specify .* for:|insufficient quota", re.IGNORECASE)
# Each try is of another name.
_NAMED = re.compile(r'pods? "[^"]*"')


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
        told: as `ended` has it; `LOST` where the Job is gone.
        attempt: the one that has ended, from 1.
        attempts: how many there may be.
    """
    if record.outcome is not None:
        reason = Reason.NOTHING_TO_CHANGE if record.outcome == "nothing_to_change" else Reason.SUCCEEDED
        return Judgement(Kind.SUCCEEDED, reason, record.url or "nothing had to be changed")
    if told == "DeadlineExceeded":
        return Judgement(Kind.FAILED, Reason.TIME_EXHAUSTED, f"the time is over; {more_of('seconds')}")
    code, reason, message = _cause(told, pod, record, attempt)
    # Where the pod is gone, what its runner said at its end is all there is.
    if code in FINAL or (code is None and record.end_attempt == attempt and OF_REASON.get(reason) in FINAL):
        return Judgement(Kind.FAILED, reason, message)
    if attempt >= attempts:
        return Judgement(
            Kind.FAILED,
            Reason.ATTEMPTS_EXHAUSTED,
            f"{attempts} attempts were made; the last ended with {reason}: {message}",
        )
    return Judgement(Kind.RETRY, reason, message, min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT))


def with_cause(verdict: Judgement, conditions: Sequence[Condition]) -> Judgement:
    """A judgement with what kept the pod from starting, where the time was spent on that."""
    running = find(conditions, ConditionType.RUNNING)
    stuck = running is not None and running.reason in (Reason.WAITING, Reason.IMAGE_NOT_PULLED, Reason.POD_REFUSED)
    if verdict.reason is not Reason.TIME_EXHAUSTED or running is None or not stuck:
        return verdict
    return replace(verdict, message=f"{verdict.message}; the agent never began: {running.message}")


def _cause(
    told: str, pod: Mapping[str, Any] | None, record: Record, attempt: int
) -> tuple[RunnerExit | None, Reason, str]:
    terminated = _terminated(pod)
    full = _full(pod)
    if full is not None:
        return RunnerExit.NO_SPACE, Reason.NO_SPACE, full
    if record.end_attempt == attempt and record.end_reason is not None:
        code = _exit(terminated.get("exitCode"))
        return code, record.end_reason, record.end_message or str(record.end_reason)
    if terminated.get("reason") == "OOMKilled":
        return None, Reason.OUT_OF_MEMORY, f"{terminated['container']} used more memory than it may"
    if terminated.get("reason") == "StartError" and terminated["container"] == REFEREE_CONTAINER:
        told = "the workbench's image cannot be started; it needs a POSIX shell at /bin/sh"
        return RunnerExit.WORKBENCH, Reason.WORKBENCH_UNUSABLE, told
    code = _exit(terminated.get("exitCode"))
    if code is not None and code is not RunnerExit.DONE:
        return code, REASONS[code], f"the runner ended with {code.name}"
    if told == LOST:
        return None, Reason.DISRUPTED, "its Job was deleted before it had ended"
    return None, Reason.RUNNER_FAILED, f"the pod ended: {terminated.get('reason') or 'without a reason'}"


def _full(pod: Mapping[str, Any] | None) -> str | None:
    """What is said of a pod whose volumes hold more than they may: the kubelet evicts it, which is no disruption."""
    status = (pod or {}).get("status", {})
    told = str(status.get("message") or "")
    if status.get("reason") != "Evicted" or not ("EmptyDir" in told or "ephemeral" in told):
        return None
    # Only the workspace's size is anybody's to choose.
    remedy = "raise spec.workbench.resources.storage and retry"
    if fixed := next((name for name in _FIXED if f'"{name}"' in told), None):
        remedy = f"what runs there must write less into {_FIXED[fixed]}"
    return f"the disk is full: {told.strip()[:300]}; {remedy}"


def _exit(code: object) -> RunnerExit | None:
    return RunnerExit(code) if isinstance(code, int) and code in set(RunnerExit) else None


def _terminated(pod: Mapping[str, Any] | None) -> dict[str, Any]:
    """How the container ended that decides: the runner where it failed, else another that did, else the runner."""
    status = (pod or {}).get("status", {})
    every = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    ends = {each["name"]: each["state"]["terminated"] for each in every if "terminated" in each.get("state", {})}
    found = [{**ends[name], "container": name} for name in _TELLING if name in ends]
    return next((state for state in found if state.get("exitCode")), found[0] if found else {})


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


def no_pod(failures: Sequence[Mapping[str, Any]]) -> tuple[Reason, str, bool] | None:
    """Why a Job has no pod; None where nothing is known. Its controller goes on trying, so it is never final.

    Args:
        failures: its events `FailedCreate`.
    """
    if not failures:
        return None
    last = max(failures, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    told = _NAMED.sub("the pod", str(last.get("message") or "without a word").removeprefix("Error creating: "))[:400]
    remedy = "it is made when the quota has room: wait, or raise it"
    if not QUOTA.search(told):
        remedy = "mend that, and it is made within some minutes"
    return Reason.POD_REFUSED, f"the pod cannot be made: {told}; {remedy}", False


def running(pod: Mapping[str, Any] | None) -> bool:
    """Whether the agent is at work."""
    statuses = (pod or {}).get("status", {}).get("containerStatuses") or []
    return any(each["name"] == RUNNER_CONTAINER and "running" in each.get("state", {}) for each in statuses)
