"""What runs in a cluster and what does not, read from the API server and nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from localkube import tools
from localkube.components import Component, expected
from localkube.errors import CommandFailed, LocalKubeError
from localkube.kubectl import Kubectl
from localkube.network_policies import enforcement
from localkube.state import ClusterRecord


@dataclass(frozen=True)
class ComponentStatus:
    """Whether one component is ready, and in a few words why not."""

    name: str
    ready: bool
    detail: str


@dataclass(frozen=True)
class Status:
    """A cluster as it is now.

    Attributes:
        name: its name.
        provider: kind or existing.
        images: pulled or built.
        version: the API server's version; empty where it does not answer.
        components: what it should carry.
        network_policies: whether they are enforced, in a sentence.
        summary: the state in a few words.
        ready: everything that it should carry is ready.
    """

    name: str
    provider: str
    images: str
    version: str
    components: tuple[ComponentStatus, ...]
    network_policies: str
    summary: str
    ready: bool

    def as_json(self) -> dict[str, Any]:
        """For `-o json`; field names are stable."""
        return asdict(self)


def status_of(record: ClusterRecord) -> Status:
    """Ask the cluster of `record` how it is."""
    kubectl = tools.kubectl(record)
    try:
        version = json.loads(kubectl.run("get", "--raw", "/version"))["gitVersion"]
        components = _components(kubectl, record)
    except LocalKubeError as error:
        return _unreachable(record, error)
    waiting = [part.name for part in components if not part.ready]
    summary = f"not ready: {', '.join(waiting)}" if waiting else "ready"
    return Status(
        name=record.name, provider=record.provider, images=record.images, version=version,
        components=components, network_policies=enforcement(kubectl), summary=summary, ready=not waiting,
    )  # fmt: skip


def _unreachable(record: ClusterRecord, error: LocalKubeError) -> Status:
    reason = error.last_line if isinstance(error, CommandFailed) else error.message
    return Status(
        name=record.name, provider=record.provider, images=record.images, version="", components=(),
        network_policies="unknown", summary=f"the API server does not answer ({reason})", ready=False,
    )  # fmt: skip


def _components(kubectl: Kubectl, record: ClusterRecord) -> tuple[ComponentStatus, ...]:
    listed = kubectl.get_json("deployments,statefulsets,daemonsets,pods", "--all-namespaces")["items"]
    return tuple(component_status(component, listed) for component in expected(record.provider, record.without))


def component_status(component: Component, listed: list[dict[str, Any]]) -> ComponentStatus:
    """How `component` is, by a listing of all workloads and pods."""
    found = [item for item in listed if _is(component, item)]
    if not found:
        return ComponentStatus(component.name, False, f"there is no {component.kind} in {component.namespace}")
    wanted, ready = _counts(found[0])
    detail = f"{ready}/{wanted} in {component.namespace}"
    return ComponentStatus(component.name, wanted > 0 and ready >= wanted, detail)


def _is(component: Component, item: dict[str, Any]) -> bool:
    meta = item["metadata"]
    name = meta.get("labels", {}).get("component") if component.kind == "pod" else meta["name"]
    return (item["kind"].lower(), meta["namespace"], name) == (component.kind, component.namespace, component.workload)


def _counts(item: dict[str, Any]) -> tuple[int, int]:
    """How many are wanted and how many are ready, of the generation that was asked for."""
    status = item.get("status", {})
    match item["kind"]:
        case "Pod":
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))
            return 1, int(ready)
        case "DaemonSet":
            return status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
        case _:
            seen = status.get("observedGeneration", 0) >= item["metadata"].get("generation", 0)
            updated = min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0))
            return item["spec"].get("replicas", 1), updated if seen else 0
