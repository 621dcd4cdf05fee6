"""GitHub webhooks as GitHub sends them, and the pipeline they run through: EventSource → JetStream → Sensor → receiver.

The payloads are the examples of npm's @octokit/webhooks-examples.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from localkube import tools
from localkube.addons import bus
from tests.e2e.support.kube import Kube, Manifest
from tests.e2e.support.pods import container, pod, service
from tests.e2e.support.waiting import until

PACKAGES = Path(__file__).parents[2] / "node" / "node_modules"
EXAMPLES = PACKAGES / "@octokit" / "webhooks-examples" / "api.github.com" / "index.json"

SECRET = "what GitHub and we know"
MEGABYTES_25 = 26_214_400  # what GitHub sends at the most
PORT = 12000
READY_SECONDS = 120.0
ARRIVAL_SECONDS = 60.0


@dataclass(frozen=True)
class Delivery:
    """One webhook: its id, its event and its body, byte for byte."""

    event: str
    body: bytes
    delivery: str

    def headers(self, secret: str = SECRET) -> dict[str, str]:
        """What GitHub sends with it, signed with `secret`."""
        signature = hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/1",
            "X-GitHub-Event": self.event,
            "X-GitHub-Delivery": self.delivery,
            "X-Hub-Signature-256": f"sha256={signature}",
        }


@dataclass(frozen=True)
class Received:
    """What the receiver was handed: the headers that name a delivery, and the digest of the body."""

    delivery: str
    event: str
    digest: str


def example(event: str, padding: int = 0) -> Delivery:
    """A new delivery of an example, made longer by a text of `padding` bytes where one is given."""
    payload = dict(_examples()[event])
    if padding:
        payload["padding"] = "0123456789abcdef" * (padding // 16)
    return Delivery(event, json.dumps(payload).encode(), str(uuid4()))


def passed_on(delivery: Delivery) -> Received:
    """What the receiver is handed of a delivery: the EventSource writes event and id into the body, too."""
    added = {"X-GitHub-Event": delivery.event, "X-GitHub-Delivery": delivery.delivery}
    return Received(delivery.delivery, delivery.event, _digest({**json.loads(delivery.body), **added}))


def _digest(payload: object) -> str:
    """The same for equal JSON, however it is written."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _examples() -> dict[str, dict[str, Any]]:
    assert EXAMPLES.exists(), "the examples are not installed: `npm --prefix tests/node ci`, or `make test-e2e`"
    return {entry["name"]: entry["examples"][0] for entry in json.loads(EXAMPLES.read_text())}


class Pipeline:
    """EventSource, Sensor and receiver in a namespace; the receiver's image has Python."""

    def __init__(self, kube: Kube, namespace: str, image: str) -> None:
        self.kube = kube
        self._image = image
        self.namespace = namespace

    def install(self) -> None:
        """Create all of it and wait until it is ready."""
        bus.add(tools.kubectl(self.kube.record), self.namespace)
        for manifest in (
            _secret(self.namespace),
            _event_source(self.namespace),
            _sensor(self.namespace),
            _receiver(self.namespace, self._image),
            service(self.namespace, "receiver", 8080),
        ):
            self.kube.create(manifest)
        self.kube.await_ready(self.namespace, "app=receiver", READY_SECONDS)
        self.kube.await_ready(self.namespace, f"eventsource-name={self.namespace}", READY_SECONDS)
        sensor = self.kube.await_ready(self.namespace, f"sensor-name={self.namespace}", READY_SECONDS)
        # What was sent before a new Sensor listens for the first time is none of its business, and ready is earlier.
        until("the Sensor to listen", lambda: self._listens(sensor["metadata"]["name"]), seconds=READY_SECONDS)

    def _listens(self, pod: str) -> bool:
        return "Subscribing to subject" in self.kube.logs(self.namespace, pod)

    @contextmanager
    def without_sensor(self) -> Iterator[None]:
        """Have the Sensor stand still, so that what is taken meanwhile lies in JetStream."""
        (sensor,) = self.kube.list("Deployment", self.namespace, f"sensor-name={self.namespace}")
        with (
            # The controller would start it again at once.
            self.kube.scaled("Deployment", "controller-manager", "argo-events", 0),
            self.kube.scaled("Deployment", sensor["metadata"]["name"], self.namespace, 0),
        ):
            yield

    def post(self, delivery: Delivery, *, secret: str = SECRET, body: bytes | None = None) -> int:
        """Send one webhook, once, with another body than was signed where one is given; answers the status."""
        with self.kube.forward(self.namespace, f"service/{self.namespace}-eventsource-svc", PORT) as port:
            url = f"http://127.0.0.1:{port}/github"
            request = urllib.request.Request(url, body or delivery.body, delivery.headers(secret))
            try:
                with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                    return int(response.status)
            except urllib.error.HTTPError as refused:
                with refused:
                    return refused.code

    def post_until_taken(self, delivery: Delivery) -> None:
        """Send one webhook again and again until it is taken, as GitHub's redelivery does after an outage."""

        def taken() -> bool:
            with suppress(OSError, AssertionError):
                return self.post(delivery) == 200
            return False

        until(f"delivery {delivery.delivery} to be taken", taken, seconds=READY_SECONDS)

    def received(self) -> list[Received]:
        """All that the receiver was handed, in order."""
        lines = self.kube.logs(self.namespace, "receiver").splitlines()
        return [Received(**json.loads(line)) for line in lines if line.startswith("{")]

    def await_arrival(self, delivery: Delivery) -> Received:
        """Wait until the receiver was handed a delivery."""

        def look() -> Received | None:
            return next((one for one in self.received() if one.delivery == delivery.delivery), None)

        return until(f"delivery {delivery.delivery} to arrive", look, seconds=ARRIVAL_SECONDS, seen=self.received)


def _secret(namespace: str) -> Manifest:
    return {"kind": "Secret", "metadata": {"name": "github", "namespace": namespace}, "stringData": {"secret": SECRET}}


def _event_source(namespace: str) -> Manifest:
    github = {
        # Registers no hook: for that it would need a token and a URL of ours. It must name a repository all the same.
        "repositories": [{"owner": "octocat", "names": ["hello"]}],
        "events": ["*"],
        "contentType": "json",
        "webhook": {"endpoint": "/github", "port": str(PORT), "method": "POST", "maxPayloadSize": MEGABYTES_25},
        "webhookSecret": {"name": "github", "key": "secret"},
    }
    spec = {"service": {"ports": [{"port": PORT, "targetPort": PORT}]}, "github": {"all": github}}
    return {"kind": "EventSource", "metadata": _called_like(namespace), "spec": spec}


def _sensor(namespace: str) -> Manifest:
    def passed(key: str, dest: str) -> Manifest:
        return {"src": {"dependencyName": "github", "dataKey": key, "useRawData": key == "body"}, "dest": dest}

    http = {
        "url": f"http://receiver.{namespace}.svc.cluster.local:8080/",
        "method": "POST",
        "timeout": 30,
        "payload": [
            passed("body", "body"),
            passed("headers.X-Github-Delivery.0", "delivery"),
            passed("headers.X-Github-Event.0", "event"),
        ],
    }
    trigger = {
        "template": {"name": "receiver", "http": http},
        "atLeastOnce": True,
        "retryStrategy": {"steps": 10, "duration": "1s"},
    }
    spec = {
        "dependencies": [{"name": "github", "eventSourceName": namespace, "eventName": "all"}],
        "triggers": [trigger],
    }
    return {"kind": "Sensor", "metadata": _called_like(namespace), "spec": spec}


def _called_like(namespace: str) -> Manifest:
    """All namespaces share one stream, in which EventSources and Sensors are known by their names alone."""
    return {"name": namespace, "namespace": namespace}


# Writes a line for each request; `_digest` is the function above, which the pod does not have.
RECEIVER = """
import hashlib, http.server, json

class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = json.dumps(told["body"], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        print(json.dumps({"delivery": told["delivery"], "event": told["event"], "digest": digest}), flush=True)
        self.send_response(204)
        self.end_headers()

http.server.ThreadingHTTPServer(("", 8080), Receiver).serve_forever()
"""


def _receiver(namespace: str, image: str) -> Manifest:
    ready = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    serves = container(image, "", command=["python3", "-c", RECEIVER], readinessProbe=ready)
    return pod(namespace, "receiver", serves, restartPolicy="Always")
