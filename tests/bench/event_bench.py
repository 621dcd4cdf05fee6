"""Measures events: from the moment that a signed webhook is sent until its Workflow is made.

`python -m tests.bench.event_bench` installs the product with its stand-ins on the running cluster and posts webhooks of
as many labelled issues to the EventSource, at a steady rate. Nobody else should be at work; runs wait for their turn
meanwhile, and the Workflows are removed at the end.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from localdemo import platform, vendor
from localdemo.objects import FLOWS, HOOK, SYSTEM
from localdemo.platform import ARRIVALS
from localdemo.standins import StandIns, archive_of, forward
from localkube import state, tools
from localkube.kubectl import Kubectl
from localkube.progress import Progress
from pressplay.kube.access import Access, connect, objects
from tests.bench.flow_bench import follow, spread
from tests.e2e.support.waiting import until
from tests.e2e.support.webhooks import Delivery

WORKFLOWS = ("argoproj.io/v1alpha1", "workflows")
SERVICE = f"service/{ARRIVALS['eventsource']}-eventsource-svc"
PORT = 12000
LABEL = "pressplay"
LIMITS = "pressplay-limits"
SECONDS = 120.0


def main() -> int:
    """Measure and print the table."""
    told = arguments()
    record = state.require(told.name)
    kubectl = tools.kubectl(record)
    with Progress() as progress:
        platform.install(record, vendor.chosen({}), progress, {})
    access = connect(str(record.kubeconfig), namespace=FLOWS)
    repository = f"acme/bench-{secrets.token_hex(3)}"
    webhooks = labelled_issues(StandIns(kubectl), repository, told.events)
    table = Table("what", "measured")
    with no_turns(access), removed(access, repository):
        waits = measure(access, kubectl, webhooks, told.rate)
    table.add_row(f"signed webhook → its Workflow, {told.events} at {told.rate:g} a second", spread(waits))
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    return 0


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default=os.environ.get("LOCALKUBE_NAME", "pressplay"), help="the cluster")
    parser.add_argument("--events", type=int, default=200, help="how many webhooks")
    parser.add_argument("--rate", type=float, default=10, help="how many a second are sent")
    return parser.parse_args()


def labelled_issues(hub: StandIns, repository: str, number: int) -> dict[str, Delivery]:
    """Webhooks that tell of a label at each of so many issues, by the issues' numbers."""
    hub.repository(repository, archive_of({"README.md": "bench\n"}))
    there = hub.hub("GET", f"/api/v3/repos/{repository}")
    found = {}
    for _ in range(number):
        issue = hub.hub("POST", "/_hub/issues", {"repository": repository, "title": "bench"})
        about = {"issue": issue, "repository": there, "sender": issue["user"]}
        payload = {"action": "labeled", "label": {"name": LABEL}, **about}
        found[str(issue["number"])] = Delivery("issues", json.dumps(payload).encode(), str(uuid4()))
    return found


def measure(access: Access, kubectl: Kubectl, webhooks: Mapping[str, Delivery], rate: float) -> list[float]:
    """Send all of them, one after another; answers the seconds that each took to become a Workflow."""
    made: dict[str, float] = {}
    over = threading.Event()

    def seen(workflow: Mapping[str, Any]) -> None:
        made.setdefault(parameters_of(workflow).get("issue", ""), time.monotonic())

    threading.Thread(target=follow, args=(access, WORKFLOWS, over, seen), daemon=True).start()
    with forward(kubectl, SYSTEM, SERVICE, PORT) as port, ThreadPoolExecutor(32) as senders:
        began = time.monotonic()
        sent = {}
        for turn, (number, webhook) in enumerate(webhooks.items()):
            time.sleep(max(0.0, began + turn / rate - time.monotonic()))
            sent[number] = time.monotonic()
            senders.submit(post, port, webhook)
        until("all Workflows to be made", lambda: made.keys() >= sent.keys(), seconds=SECONDS,
              seen=lambda: f"{len(made)} of {len(sent)}")  # fmt: skip
    over.set()
    return [made[number] - at for number, at in sent.items()]


def post(port: int, webhook: Delivery) -> None:
    """Send one as GitHub does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("POST", "/github", webhook.body, webhook.headers(HOOK))
    answer = connection.getresponse()
    answer.read()
    if answer.status != http.client.OK:
        print(f"a webhook was answered with {answer.status}", file=sys.stderr)


def parameters_of(workflow: Mapping[str, Any]) -> dict[str, str]:
    """What a Workflow was given."""
    given = (workflow["spec"].get("arguments") or {}).get("parameters") or []
    return {each["name"]: str(each.get("value", "")) for each in given}


@contextmanager
def no_turns(access: Access) -> Iterator[None]:
    """No run begins meanwhile: each waits for its turn, which costs no pod."""
    path = objects("v1", "configmaps", FLOWS, LIMITS)
    before = access.get(path)["data"]
    access.patch(path, {"data": dict.fromkeys(before, "0")})
    try:
        yield
    finally:
        access.patch(path, {"data": before})


@contextmanager
def removed(access: Access, repository: str) -> Iterator[None]:
    """The Workflows of a repository are gone afterwards, and their runs with them."""
    try:
        yield
    finally:
        for workflow in access.get(objects(*WORKFLOWS, FLOWS))["items"]:
            if parameters_of(workflow).get("repository") == repository:
                access.delete(objects(*WORKFLOWS, FLOWS, workflow["metadata"]["name"]))


if __name__ == "__main__":
    sys.exit(main())
