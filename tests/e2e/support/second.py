"""A second cluster beside the one that all tests share: without Argo, brought up once, used by two files."""

from __future__ import annotations

from localkube import state
from tests.e2e.support.commands import answer, pressplay
from tests.e2e.support.kube import Kube, Manifest

SECOND = "second"
OUTSIDE = "outside"
BARE_UP = ("cluster", "up", "--yes", "--name", SECOND, "--without", "argo", "--without", "argo-events")

# What `up` writes into a cluster.
WRITTEN = ("ConfigMap", "Secret", "Service", "ServiceAccount", "Role", "RoleBinding", "Deployment", "StatefulSet")
CLUSTER_WIDE = (
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "StorageClass",
    "PriorityClass",
)
VOLUMES = ("PersistentVolumeClaim", "PersistentVolume")


def remove(name: str) -> None:
    """Bring a cluster down, if there is such a one."""
    if state.find(name):
        pressplay("cluster", "down", "--yes", "--name", name)


def is_up(name: str) -> bool:
    """Whether all of a cluster is ready."""
    return answer("cluster", "status", "--name", name).code == 0


def called(one: Manifest) -> str:
    """Kind, namespace and name."""
    return f"{one['kind']} {one['metadata'].get('namespace', '')}/{one['metadata']['name']}"


def names(kube: Kube) -> set[str]:
    """What is in the cluster, the objects that Kubernetes itself puts into each namespace included."""
    listed = [one for kind in (*CLUSTER_WIDE, *WRITTEN, *VOLUMES) for one in kube.list(kind)]
    return {called(one) for one in listed}
