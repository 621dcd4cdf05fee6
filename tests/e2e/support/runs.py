"""Runs as a user sees them: made, watched to their end, asked what became of them."""

from __future__ import annotations

from tests.e2e.support.kube import Kube, Manifest
from tests.e2e.support.waiting import until

RUN_SECONDS = 150
ENDS = ("Succeeded", "Failed", "Cancelled")


def create(kube: Kube, namespace: str, name: str, spec: Manifest, kind: str = "CodeRun") -> None:
    kube.create({"kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec})


def status_of(kube: Kube, namespace: str, name: str, kind: str = "CodeRun") -> Manifest:
    found: Manifest = kube.get(kind, name, namespace).get("status", {})
    return found


def end_of(kube: Kube, namespace: str, name: str, kind: str = "CodeRun", seconds: float = RUN_SECONDS) -> Manifest:
    """Wait for the end of a run; answers its status."""

    def look() -> Manifest | None:
        status = status_of(kube, namespace, name, kind)
        return status if status.get("phase") in ENDS else None

    return until(f"the end of {name}", look, seconds=seconds, seen=lambda: status_of(kube, namespace, name, kind))


def ended(kube: Kube, namespace: str, name: str, spec: Manifest, kind: str = "CodeRun") -> Manifest:
    """Make a run and wait for its end; answers its status."""
    create(kube, namespace, name, spec, kind)
    return end_of(kube, namespace, name, kind)


def told(status: Manifest, kind: str) -> tuple[str, str]:
    """Reason and message of a condition."""
    (found,) = [each for each in status["conditions"] if each["type"] == kind]
    return found["reason"], found["message"]
