"""What a cluster of ours consists of, as a table: what is waited for, what `status` lists, whose logs `logs` shows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

# What of Argo can be left out of a cluster.
PARTS = ("argo", "argo-events")


@dataclass(frozen=True)
class Component:
    """A workload of the cluster.

    Attributes:
        name: how users call it, in `status` and `logs`.
        namespace: where it runs.
        kind: what Kubernetes calls it.
        workload: the object's name; for a pod of the control plane the value of its label `component`.
        part: the part of Argo that it belongs to; empty where every cluster has it.
    """

    name: str
    namespace: str
    kind: Literal["deployment", "statefulset", "daemonset", "pod"]
    workload: str
    part: str = ""


COMPONENTS = (
    Component("apiserver", "kube-system", "pod", "kube-apiserver"),
    Component("controller-manager", "kube-system", "pod", "kube-controller-manager"),
    Component("scheduler", "kube-system", "pod", "kube-scheduler"),
    Component("etcd", "kube-system", "pod", "etcd"),
    Component("kube-proxy", "kube-system", "daemonset", "kube-proxy"),
    Component("dns", "kube-system", "deployment", "coredns"),
    Component("storage", "local-path-storage", "deployment", "local-path-provisioner"),
    Component("argo-controller", "argo", "deployment", "workflow-controller", "argo"),
    Component("argo-server", "argo", "deployment", "argo-server", "argo"),
    Component("argo-events", "argo-events", "deployment", "controller-manager", "argo-events"),
    Component("nats", "argo-events", "statefulset", "nats", "argo-events"),
)

# Programs in the node that are no workloads: their logs come from the journal.
NODE_SERVICES = ("kubelet", "containerd")


def expected(provider: str, without: Collection[str]) -> list[Component]:
    """The components that a cluster should have.

    Of a cluster that somebody else made we answer for what we installed: how its control plane runs is its own affair.
    """
    parts = [component for component in COMPONENTS if component.part not in without]
    return [component for component in parts if component.part] if provider == "existing" else parts
