"""The pods of a run's attempts: which one is meant, and what it waits for."""

from __future__ import annotations

from typing import Any

from pressplay.cli.runs import Run
from pressplay.kube.access import Access, objects
from pressplay.resources.names import ATTEMPT, RUN_UID


def pods_of(access: Access, run: Run) -> list[dict[str, Any]]:
    """The pods of a run's attempts, as far as they are still there."""
    selector = f"{RUN_UID}={run['metadata']['uid']}"
    namespace = run["metadata"]["namespace"]
    found: list[dict[str, Any]] = access.get(objects("v1", "pods", namespace), labelSelector=selector)["items"]
    return found


def choose(pods: list[dict[str, Any]], attempt: int | None) -> dict[str, Any] | None:
    """The pod of an attempt; of several the youngest."""
    if attempt is not None:
        pods = [pod for pod in pods if pod["metadata"]["labels"].get(ATTEMPT) == str(attempt)]
    return max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)


def waiting_reason(pod: dict[str, Any], container: str) -> str | None:
    """Why a container has written nothing yet; None where it has begun."""
    status = pod.get("status") or {}
    states = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    state = next((each.get("state") or {} for each in states if each["name"] == container), None)
    if state is None:
        conditions = status.get("conditions") or []
        unscheduled = next((each for each in conditions if each["type"] == "PodScheduled"), None)
        return (unscheduled or {}).get("message") or "the pod has not begun"
    waiting = state.get("waiting")
    if waiting is None:
        return None
    return ": ".join(filter(None, (waiting.get("reason", "waiting"), waiting.get("message"))))
