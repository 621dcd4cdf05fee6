"""Having a cluster be as some objects say: in phases, idempotent, and waiting until all of it is ready.

Ready is what says so and answers: after a node went down its objects say for a while what they said before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from localkube.components import Component
from localkube.errors import CommandFailed, LocalKubeError
from localkube.kubectl import Kubectl, Manifest
from localkube.status import ComponentStatus, component_status

POLL_SECONDS = 0.5
DEFINED_WITHIN_SECONDS = 60

ANSWERS_WITHIN_SECONDS = 10


@dataclass(frozen=True)
class Health:
    """Where a component says that it is well: a path at a port of the pods whose label `app` is the given one."""

    app: str
    port: int
    path: str


# What must be there before other objects name it.
FIRST = ("Namespace", "CustomResourceDefinition", "PriorityClass")


def apply_in_phases(kubectl: Kubectl, objects: Sequence[Manifest], say: Callable[[str], None]) -> None:
    """Apply definitions, wait until the API server serves them, then the rest; a second time nothing changes."""
    first = [item for item in objects if item["kind"] in FIRST]
    rest = [item for item in objects if item["kind"] not in FIRST]
    if first:
        say("apply definitions")
        kubectl.apply(first)
    definitions = [f"crd/{item['metadata']['name']}" for item in first if item["kind"] == "CustomResourceDefinition"]
    if definitions:
        kubectl.run(
            "wait", "--for=condition=Established", f"--timeout={DEFINED_WITHIN_SECONDS}s", *definitions,
            timeout=DEFINED_WITHIN_SECONDS + 10,
        )  # fmt: skip
    say(f"apply {len(rest)} objects")
    kubectl.apply(rest)


def wait_ready(
    kubectl: Kubectl,
    components: Sequence[Component],
    health: Mapping[str, Health],
    seconds: float,
    say: Callable[[str], None],
) -> None:
    """Wait until all components are ready; says what is missing whenever that changes.

    Args:
        kubectl: the cluster.
        components: what to wait for.
        health: component name → where to ask it; one that is not in it is taken at its objects' word.
        seconds: how long to wait.
        say: told what is missing.

    Raises:
        LocalKubeError: not within `seconds`; names what is missing and why its pods do not run.
    """
    deadline = time.monotonic() + seconds
    told = ""
    while missing := _missing(kubectl, components, health):
        names = ", ".join(part.name for part in missing)
        if names != told:
            say(f"wait for {names}")
            told = names
        if time.monotonic() > deadline:
            raise _late(kubectl, components, missing, seconds)
        time.sleep(POLL_SECONDS)


def _missing(kubectl: Kubectl, components: Sequence[Component], health: Mapping[str, Health]) -> list[ComponentStatus]:
    try:
        listed = kubectl.get_json("deployments,statefulsets,daemonsets,pods", "--all-namespaces")["items"]
    except CommandFailed:
        # The API server of a node that has just started goes away once more; the deadline ends this, not one refusal.
        return [ComponentStatus(component.name, False, "the API server does not answer") for component in components]
    states = [component_status(component, listed) for component in components]
    if missing := [state for state in states if not state.ready]:
        return missing
    silent = [one for one in components if one.name in health and not _answers(kubectl, one, health[one.name], listed)]
    return [ComponentStatus(component.name, False, "does not answer") for component in silent]


def _answers(kubectl: Kubectl, component: Component, health: Health, listed: Sequence[Manifest]) -> bool:
    """Whether a pod of the component says itself that it is well."""
    for pod in listed:
        meta = pod["metadata"]
        labels = meta.get("labels", {})
        if (pod["kind"], meta["namespace"], labels.get("app")) == ("Pod", component.namespace, health.app):
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}:{health.port}/proxy{health.path}"
            try:
                kubectl.run("get", "--raw", path, timeout=ANSWERS_WITHIN_SECONDS)
            except CommandFailed:
                continue
            return True
    return False


def _late(
    kubectl: Kubectl, components: Sequence[Component], missing: Sequence[ComponentStatus], seconds: float
) -> LocalKubeError:
    late = {part.name for part in missing}
    namespaces = {component.namespace for component in components if component.name in late}
    reasons = [reason for namespace in sorted(namespaces) for reason in _why(kubectl, namespace)]
    details = "; ".join([*(f"{part.name} {part.detail}" for part in missing), *reasons])
    return LocalKubeError(
        f"after {seconds:.0f} s not everything is ready: {details}",
        f"`pressplay cluster logs {missing[0].name}` shows what it wrote; `up` again goes on waiting",
    )


def _why(kubectl: Kubectl, namespace: str) -> list[str]:
    """The reasons for which containers of a namespace wait, as the kubelet gives them."""
    try:
        pods = kubectl.get_json("pods", f"--namespace={namespace}")["items"]
    except CommandFailed:
        return []
    return [reason for pod in pods if (reason := _pod_reason(pod))]


def _pod_reason(pod: Manifest) -> str:
    name = pod["metadata"]["name"]
    for state in pod.get("status", {}).get("containerStatuses", []):
        if waiting := state.get("state", {}).get("waiting"):
            return f"{name}: {waiting.get('reason', '')} {waiting.get('message', '')}".strip()
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            return f"{name}: {condition.get('message', 'not scheduled')}"
    return ""
