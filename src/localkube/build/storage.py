"""Dynamic volumes on the node that we build: a StorageClass and the provisioner behind it, as manifests.

The provisioner is part of the multi-call binary (`modules/kit`). Names and namespace are those of kind's own image, so
`status`, `logs` and users find the same things either way.
"""

from __future__ import annotations

from typing import Any

from localkube import versions

NAMESPACE = "local-path-storage"
NAME = "local-path-provisioner"
IMAGE = f"localkube.local/{NAME}:{versions.KUBERNETES}"
PROVISIONER = "localkube.local/directory"
FOLDER = "/var/local-path-provisioner"

# Owners of the files below are whatever users pods have.
CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER"]


def manifests() -> list[dict[str, Any]]:
    """All that makes claims bind, in the order in which it is to be created."""
    return [
        _object("v1", "Namespace", NAMESPACE),
        _object("v1", "ServiceAccount", NAME, namespace=NAMESPACE),
        _object("rbac.authorization.k8s.io/v1", "ClusterRole", NAME, rules=_rules()),
        _object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", NAME, roleRef=_role(), subjects=[_subject()]),
        _object("apps/v1", "Deployment", NAME, namespace=NAMESPACE, spec=_deployment()),
        _storage_class(),
    ]


def _object(api: str, kind: str, name: str, *, namespace: str = "", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def _storage_class() -> dict[str, Any]:
    made = _object(
        "storage.k8s.io/v1", "StorageClass", "standard", provisioner=PROVISIONER,
        reclaimPolicy="Delete", volumeBindingMode="WaitForFirstConsumer",
    )  # fmt: skip
    made["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    return made


def _rules() -> list[dict[str, Any]]:
    read, write = ["get", "list", "watch"], ["create", "delete", "patch", "update"]
    return [
        {"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": [*read, *write]},
        {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": [*read, "update"]},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": read},
        {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": read},
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
    ]


def _role() -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME}


def _subject() -> dict[str, str]:
    return {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}


def _deployment() -> dict[str, Any]:
    labels = {"app": NAME}
    container = {
        "name": "provisioner",
        "image": IMAGE,
        "command": [NAME],
        "env": [{"name": "VOLUMES", "value": FOLDER}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": CAPABILITIES},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": "volumes", "mountPath": FOLDER}],
    }
    pod = {
        "serviceAccountName": NAME,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [container],
        "volumes": [{"name": "volumes", "hostPath": {"path": FOLDER, "type": "DirectoryOrCreate"}}],
    }
    return {
        "replicas": 1,
        # Two at once would make a claim's volume twice.
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
