"""The bus of Argo Events: one NATS server with JetStream on a volume, and the EventBus of a namespace. Pure functions.

What the server took it has written to the volume before it answers, so a killed server loses nothing. All namespaces
share one stream, in which EventSources and Sensors are known by their names alone: names must differ across namespaces.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from localkube.addons.objects import MANAGED_BY, MANAGER, http_probe, resources, restricted_container
from localkube.build.nats_image import IMAGE, USER
from localkube.kubectl import Manifest

NAMESPACE = "argo-events"
NAME = "nats"
CLIENT_PORT = 4222
MONITOR_PORT = 8222
SERVER_SECRET = "nats-server"  # noqa: S105 the name of one
ACCESS_SECRET = "eventbus-access"  # noqa: S105 the name of one
USER_NAME = "argo-events"
CONFIG_DIR = "/etc/nats"
HOST = f"{NAME}.{NAMESPACE}.svc"

# GitHub's deliveries are up to 25 MB, and an event carries them in base64.
MAX_PAYLOAD_BYTES = 40 * 1024 * 1024
VOLUME_SIZE = "2Gi"
STREAM_BYTES = 1024**3
STORE_BYTES = STREAM_BYTES + 256 * 1024**2  # beside the stream: what each Sensor notes of itself

# The name that Argo Events gives the stream; it cannot be set.
STREAM = "default"


@dataclass(frozen=True)
class Credentials:
    """What server and clients must have in common.

    Attributes:
        certificate: the server's certificate, PEM; clients trust exactly this one.
        key: its private key, PEM.
        password: of the one user.
    """

    certificate: str
    key: str
    password: str


def manifests(credentials: Credentials) -> list[Manifest]:
    """The server's objects."""
    secret = _server_secret(credentials)
    return [secret, _service(), _stateful_set(_digest(secret))]


def event_bus(namespace: str, credentials: Credentials) -> list[Manifest]:
    """The EventBus `default` of a namespace, in which EventSources and Sensors find it without naming it."""
    stream = {
        "replicas": 1,
        "maxMsgs": 50_000,
        "maxAge": "168h",
        "maxBytes": STREAM_BYTES,
        "duplicates": "300s",
        "retention": 0,
        "discard": 0,
    }
    access = {"auth": json.dumps({"username": USER_NAME, "password": credentials.password})}
    bus = {
        "url": f"tls://{HOST}:{CLIENT_PORT}",
        "accessSecret": {"name": ACCESS_SECRET, "key": "auth"},
        "tls": {"caCertSecret": {"name": ACCESS_SECRET, "key": "ca.crt"}},
        "streamConfig": json.dumps(stream),
    }
    return [
        _opaque_secret(ACCESS_SECRET, namespace, {**access, "ca.crt": credentials.certificate}),
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "EventBus",
            "metadata": {"name": "default", "namespace": namespace, "labels": {MANAGED_BY: MANAGER}},
            "spec": {"jetstreamExotic": bus},
        },
    ]


def credentials_of(secret: Manifest) -> Credentials:
    """The credentials in the server's Secret as the API server shows it."""
    plain = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    return Credentials(plain["tls.crt"], plain["tls.key"], plain["password"])


def _server_secret(credentials: Credentials) -> Manifest:
    data = {
        "tls.crt": credentials.certificate,
        "tls.key": credentials.key,
        "password": credentials.password,
        "nats.conf": _config(credentials.password),
    }
    return _opaque_secret(SERVER_SECRET, NAMESPACE, data)


def _digest(secret: Manifest) -> str:
    return hashlib.sha256(json.dumps(secret["data"], sort_keys=True).encode()).hexdigest()


def _opaque_secret(name: str, namespace: str, data: dict[str, str]) -> Manifest:
    # `data` and not `stringData`: what the API server keeps is then what was sent, so applying again changes nothing.
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {MANAGED_BY: MANAGER}},
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def _config(password: str) -> str:
    # The server reads JSON as its own configuration format.
    config = {
        "server_name": NAME,
        "port": CLIENT_PORT,
        "http_port": MONITOR_PORT,
        "max_payload": MAX_PAYLOAD_BYTES,
        "max_pending": 4 * MAX_PAYLOAD_BYTES,
        "jetstream": {
            "store_dir": "/data",
            "max_memory_store": 64 * 1024**2,
            "max_file_store": STORE_BYTES,
            "sync_interval": "always",
        },
        "tls": {"cert_file": f"{CONFIG_DIR}/tls.crt", "key_file": f"{CONFIG_DIR}/tls.key"},
        "authorization": {"user": USER_NAME, "password": password},
    }
    return json.dumps(config, indent=1)


def _service() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {"app": NAME}},
        "spec": {
            "selector": {"app": NAME},
            "ports": [{"name": "client", "port": CLIENT_PORT, "targetPort": CLIENT_PORT}],
        },
    }


def _stateful_set(config_digest: str) -> Manifest:
    labels = {"app": NAME}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "serviceName": NAME,
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                # Another configuration is another pod: the server reads it once, as it starts.
                "metadata": {"labels": labels, "annotations": {"localkube/config": config_digest}},
                "spec": _pod(),
            },
            "volumeClaimTemplates": [
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "metadata": {"name": "data"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": VOLUME_SIZE}},
                    },
                }
            ],
        },
    }


def _pod() -> dict[str, Any]:
    uid = int(USER)
    files = [{"key": name, "path": name} for name in ("nats.conf", "tls.crt", "tls.key")]
    server = {
        "name": "nats",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        # Arguments and no command: upstream's image brings the program as its entry point, and so does ours.
        "args": ["--config", f"{CONFIG_DIR}/nats.conf"],
        "env": [{"name": "GOMEMLIMIT", "value": "300MiB"}],
        "ports": [{"name": "client", "containerPort": CLIENT_PORT}, {"name": "monitor", "containerPort": MONITOR_PORT}],
        "startupProbe": http_probe("/healthz", MONITOR_PORT, period=1, failures=120),
        "readinessProbe": http_probe("/healthz", MONITOR_PORT, period=5),
        "livenessProbe": http_probe("/healthz?js-server-only=true", MONITOR_PORT, period=20),
        "resources": resources("32Mi", "512Mi"),
        "securityContext": restricted_container(),
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "config", "mountPath": CONFIG_DIR, "readOnly": True},
        ],
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 10,
        "securityContext": {"runAsNonRoot": True, "runAsUser": uid, "runAsGroup": uid, "fsGroup": uid},
        "containers": [server],
        "volumes": [
            # Readable by the pod's group: secret files belong to root.
            {"name": "config", "secret": {"secretName": SERVER_SECRET, "items": files, "defaultMode": 0o440}},
        ],
    }
