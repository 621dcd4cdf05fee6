"""The way of GitHub's events into the product, from both ends: webhooks are posted, the ledger is read.

What stands in the ledger is asked of its file in the gateway's pod: no route tells it.
"""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from localdemo.objects import HOOK, SYSTEM
from localdemo.platform import ARRIVALS
from pressplay.github.bodies import as_said
from tests.e2e.support.kube import Kube, Manifest
from tests.e2e.support.waiting import until
from tests.e2e.support.webhooks import Delivery

PORT = 12000
SERVICE = f"service/{ARRIVALS['eventsource']}-eventsource-svc"
SENSOR = f"sensor-name={ARRIVALS['sensor']}"
SOURCE = f"eventsource-name={ARRIVALS['eventsource']}"
GATEWAY = "app.kubernetes.io/component=gateway"
OPERATOR = "app.kubernetes.io/component=operator"
READY_SECONDS = 120.0
ARRIVAL_SECONDS = 90.0
READ = """
import json, sqlite3, sys
ledger = sqlite3.connect("file:/data/ledger/ledger.db?mode=ro", uri=True)
print(json.dumps(ledger.execute(sys.argv[1]).fetchall()))
"""


@dataclass(frozen=True)
class Kept:
    """An event in the ledger; `times` is how often it came."""

    digest: str
    times: int
    kind: str
    effect: str | None
    repository: str | None


def digest_of(body: bytes) -> str:
    """By what the inbox knows a body."""
    return hashlib.sha256(as_said(body)).hexdigest()


class Arrivals:
    """EventSource, Sensor and inbox of the installed product."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube

    def await_ready(self) -> None:
        """Wait until all three are there, and the Sensor listens: ready is earlier."""
        self.pod(GATEWAY)
        self.pod(SOURCE)
        sensor = self.pod(SENSOR)["metadata"]["name"]
        until("the Sensor to listen", lambda: "Subscribing to subject" in self.kube.logs(SYSTEM, sensor),
              seconds=READY_SECONDS)  # fmt: skip

    def pod(self, selector: str) -> Manifest:
        """The ready pod with these labels."""
        return self.kube.await_ready(SYSTEM, selector, READY_SECONDS)

    @contextmanager
    def door(self) -> Iterator[Door]:
        """Where GitHub's webhooks arrive."""
        with self.kube.forward(SYSTEM, SERVICE, PORT) as port:
            yield Door(f"http://127.0.0.1:{port}/github")

    def kept(self) -> dict[str, Kept]:
        """All events in the ledger, by their digests."""
        rows = self.rows("select digest, times, kind, effect, repository from events")
        return {row[0]: Kept(*row) for row in rows}

    def rows(self, query: str) -> list[list[Any]]:
        """What a query of the ledger gives."""
        gateway = self.pod(GATEWAY)["metadata"]["name"]
        code, told = self.kube.execute(SYSTEM, gateway, "python3", "-c", READ, query, container="gateway")
        assert code == 0, told
        found: list[list[Any]] = json.loads(told)
        return found

    def await_kept(self, digests: Collection[str], seconds: float = ARRIVAL_SECONDS) -> dict[str, Kept]:
        """Wait until these events stand in the ledger and are dealt with; answers all that is there."""

        def look() -> dict[str, Kept] | None:
            there = self.kept()
            return there if all(each in there and there[each].effect for each in digests) else None

        def seen() -> str:
            there = self.kept()
            lacking = [each for each in digests if each not in there]
            return f"{len(there)} events, {len(lacking)} of {len(digests)} lacking: {lacking[:3]}"

        return until("events to arrive", look, seconds=seconds, seen=seen)

    def restarts(self) -> dict[str, int]:
        """How often each container of the way, and of who makes the flows at its end, has ended and begun again."""
        pods = [self.pod(selector) for selector in (SOURCE, SENSOR, GATEWAY, OPERATOR)]
        return {
            f"{pod['metadata']['name']}/{each['name']}": each["restartCount"]
            for pod in pods
            for each in pod["status"]["containerStatuses"]
        }


@dataclass(frozen=True)
class Door:
    """The EventSource, reached from outside."""

    url: str

    def post(self, delivery: Delivery, secret: str = HOOK) -> int:
        """Send a webhook as GitHub does; answers the status."""
        request = urllib.request.Request(self.url, delivery.body, delivery.headers(secret))  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                return int(response.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code
