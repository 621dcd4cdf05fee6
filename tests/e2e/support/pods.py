"""Pods as the tests want them: small, hardened, gone at once when they are deleted."""

from __future__ import annotations

from typing import Any

from tests.e2e.support.kube import Manifest

NON_ROOT = 10001

# What the profile `restricted` asks for, and a root that cannot be written.
HARDENED: Manifest = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": NON_ROOT,
    "runAsGroup": NON_ROOT,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def container(image: str, script: str, *, name: str = "main", **more: Any) -> Manifest:
    """A hardened container that runs a shell script."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-euc", script],
        "securityContext": HARDENED,
        **more,
    }


def pod_spec(*containers: Manifest, **more: Any) -> Manifest:
    """The spec of a pod that is not started again and does not linger."""
    return {
        "containers": [*containers],
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **more,
    }


def pod(namespace: str, name: str, *containers: Manifest, **more: Any) -> Manifest:
    """A pod labelled `app: NAME`."""
    meta = {"name": name, "namespace": namespace, "labels": {"app": name}}
    return {"kind": "Pod", "metadata": meta, "spec": pod_spec(*containers, **more)}


def service(namespace: str, name: str, port: int) -> Manifest:
    """A service before the pods labelled `app: NAME`."""
    spec = {"selector": {"app": name}, "ports": [{"port": port, "targetPort": port}]}
    return {"kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
