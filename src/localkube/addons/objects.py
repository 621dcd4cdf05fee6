"""Small parts that the manifests of the addons share: security contexts, probes, look-ups. Pure functions only."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

from localkube.kubectl import Manifest

Edit: TypeAlias = Callable[[Manifest], None]

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "localkube"


def edited(objects: Iterable[Manifest], edits: Mapping[tuple[str, str], Edit]) -> list[Manifest]:
    """Copies of upstream's objects with our changes, by (kind, name).

    Raises:
        KeyError: there is an edit for an object that upstream does not have: its manifests changed.
    """
    copies = {(item["kind"], item["metadata"]["name"]): copy.deepcopy(item) for item in objects}
    for key, edit in edits.items():
        edit(copies[key])
    return list(copies.values())


def namespace(name: str) -> Manifest:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def restricted_container() -> dict[str, Any]:
    """A container's security context that the Pod Security Standard `restricted` accepts."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def resources(memory: str, limit: str) -> dict[str, Any]:
    """Requests small enough for a laptop; a limit on memory only, since one on CPU slows the start for nothing."""
    return {"requests": {"cpu": "10m", "memory": memory}, "limits": {"memory": limit}}


def http_probe(path: str, port: int, *, period: int, failures: int = 3) -> dict[str, Any]:
    """A probe by plain HTTP that begins at once: as a start-up probe of period 1 s it has a pod ready within that."""
    return {
        "httpGet": {"path": path, "port": port, "scheme": "HTTP"},
        "initialDelaySeconds": 0,
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def container(workload: Manifest) -> dict[str, Any]:
    """The only container of a workload's pod template."""
    (only,) = workload["spec"]["template"]["spec"]["containers"]
    return cast("dict[str, Any]", only)


def role_with_binding(name: str, namespace: str, rules: list[dict[str, Any]], account: str) -> list[Manifest]:
    """A Role and its binding to a service account of the same namespace."""
    meta = {"name": name, "namespace": namespace, "labels": {MANAGED_BY: MANAGER}}
    return [
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        },
    ]
