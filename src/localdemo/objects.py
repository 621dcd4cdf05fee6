"""The objects that are installed beside the chart: the stand-ins, and the Secrets that a person would make."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, TypeAlias

Manifest: TypeAlias = dict[str, Any]

SYSTEM, STAND_INS, FLOWS = "pressplay-system", "localhub", "pressplay-flows"
# Runs keep to it, so the demo enforces it.
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
HUB_PORT, MODEL_PORT = 8080, 8090
# Neither opens anything: they are for a cluster on this machine, with nothing real behind it.
ADMIN, KEY, HOOK = "admin-of-the-stand-in", "sk-ant-key-of-the-stand-in", "webhook-secret-of-the-stand-in"


def namespace(name: str, labels: Mapping[str, str] | None = None) -> Manifest:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}}


def secret(name: str, values: Mapping[str, str]) -> Manifest:
    """A Secret beside the product."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    meta = {"name": name, "namespace": SYSTEM}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded}


def app_secret(app: Mapping[str, Any]) -> Manifest:
    """The Secret of the GitHub App, as `pressplay github setup` would make it."""
    return secret("pressplay-github-app", {"app-id": str(app["id"]), "private-key.pem": app["private_key"]})


def webhook_secret() -> Manifest:
    """The Secret of the App's webhook, as `pressplay github setup --webhook-url` would make it."""
    return secret("pressplay-webhook", {"secret": HOOK})


def stand_ins(image: str) -> list[Manifest]:
    """Both stand-ins: one pod, two containers, a volume for the repositories."""
    labels = {"app": STAND_INS}
    meta = {"name": STAND_INS, "namespace": STAND_INS}
    ports = [{"name": "hub", "port": HUB_PORT}, {"name": "model", "port": MODEL_PORT}]
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    template = {"metadata": {"labels": labels}, "spec": _pod(image)}
    deployment = {
        "replicas": 1, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": labels}, "template": template,
    }  # fmt: skip
    return [
        namespace(STAND_INS),
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": claim},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": labels, "ports": ports}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": deployment},
    ]


def _pod(image: str) -> Manifest:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 2,
        "securityContext": {"runAsNonRoot": True, "fsGroup": 10030},
        "containers": [
            _container("hub", image, ["python3", "-m", "localhub"], HUB_PORT, {"LOCALHUB_ADMIN_TOKEN": ADMIN}),
            _container("model", image, ["python3", "-m", "localhub.model"], MODEL_PORT, {"LOCALHUB_MODEL_KEYS": KEY}),
        ],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": STAND_INS}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }


def _container(name: str, image: str, command: list[str], port: int, env: Mapping[str, str]) -> Manifest:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "ports": [{"containerPort": port}],
        "readinessProbe": {"httpGet": {"path": "/", "port": port}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the container's
    }
