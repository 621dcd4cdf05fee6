"""The event bus of a running cluster: credentials, buses for namespaces, mending clients that lost their stream.

Argo Events makes the stream as an EventSource or Sensor starts and never again. A killed NATS server has its stream on
the volume and its clients come back within seconds. Only where the volume itself was lost do they go on in vain, and
starting them anew is the cure: see `mend`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

from localkube.addons import nats
from localkube.addons.certificate import new_credentials
from localkube.errors import CommandFailed, LocalKubeError
from localkube.kubectl import Kubectl, Manifest

# The labels that Argo Events gives the Deployments of EventSources and Sensors.
CLIENT_LABELS = ("eventsource-name", "sensor-name")


def credentials(kubectl: Kubectl) -> nats.Credentials | None:
    """The credentials that the cluster has; None where it has no bus yet."""
    secret = kubectl.find("secret", nats.SERVER_SECRET, nats.NAMESPACE)
    return nats.credentials_of(secret) if secret else None


def obtain_credentials(kubectl: Kubectl) -> nats.Credentials:
    """The credentials that the cluster has, or new ones."""
    return credentials(kubectl) or new_credentials(dt.datetime.now(dt.UTC))


def add(kubectl: Kubectl, namespace: str) -> None:
    """Give a namespace an EventBus `default` on the cluster's NATS server.

    Raises:
        LocalKubeError: the cluster carries no NATS server.
    """
    found = credentials(kubectl)
    if found is None:
        raise LocalKubeError("this cluster carries no event bus", "`pressplay cluster up` brings it")
    kubectl.apply(nats.event_bus(namespace, found))


def mend(kubectl: Kubectl, say: Callable[[str], None]) -> list[str]:
    """Start EventSources and Sensors anew if they run and their stream is gone; answers which."""
    clients = [item for label in CLIENT_LABELS for item in _deployments(kubectl, label)]
    if not clients or stream_exists(kubectl):
        return []
    say("start EventSources and Sensors anew: their stream is gone")
    for item in clients:
        meta = item["metadata"]
        kubectl.run("rollout", "restart", f"deployment/{meta['name']}", f"--namespace={meta['namespace']}")
    return [f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in clients]


def stream_exists(kubectl: Kubectl) -> bool:
    """Whether NATS has the stream of Argo Events, by its monitoring port.

    Raises:
        LocalKubeError: the server does not answer.
    """
    path = f"/api/v1/namespaces/{nats.NAMESPACE}/pods/{nats.NAME}-0:{nats.MONITOR_PORT}/proxy/jsz?streams=true"
    try:
        told = json.loads(kubectl.run("get", "--raw", path))
    except CommandFailed as failed:
        raise LocalKubeError(
            f"the NATS server does not answer: {failed.output.strip()}", "`pressplay cluster logs nats` shows why"
        ) from None
    accounts = told.get("account_details") or []
    return any(stream["name"] == nats.STREAM for account in accounts for stream in account.get("stream_detail") or [])


def _deployments(kubectl: Kubectl, label: str) -> list[Manifest]:
    found: list[Manifest] = kubectl.get_json("deployments", "--all-namespaces", f"--selector={label}")["items"]
    return found
