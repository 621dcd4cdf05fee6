"""Measures flows: how long a run that has ended waits for the node after it, and how often a Workflow is written.

`python -m tests.bench.flow_bench` has this checkout's operator, as a process, carry out pr-flows on the running cluster
in a namespace of its own, which it removes. Runs are ended by the bench as soon as they are made. Nobody else should be
at work; an operator that is installed rests meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from localkube import state
from pressplay.kube.access import Access, Unreachable, connect, objects
from pressplay.kube.argo import nodes_of
from tests.apiserver.a_flow import RUNS, WORKFLOWS, Place, operator, place
from tests.apiserver.conftest import scaled

SECONDS = 300
FIRST, SECOND = "clippy", "qa"
NODES = 2


@dataclass
class Seen:
    """When what was first seen, by flow; on the clock of the one process that measures.

    Attributes:
        ended: the first run's end was written; completed: its node has ended; begun: the node after it waits.
        writes: of each Workflow.
    """

    ended: dict[str, float] = field(default_factory=dict)
    completed: dict[str, float] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    writes: Counter[str] = field(default_factory=Counter)

    def workflow(self, body: Mapping[str, Any]) -> None:
        """A Workflow was written."""
        name, now = str(body["metadata"]["name"]), time.monotonic()
        self.writes[name] += 1
        status = body.get("status") or {}
        for node in nodes_of(status).values():
            if node["displayName"] == f"{FIRST}(0)" and node["phase"] == "Succeeded":
                self.completed.setdefault(name, now)
            if node["displayName"] == f"{SECOND}(0)" and node["phase"] == "Running":
                self.begun.setdefault(name, now)
        if status.get("phase") in ("Succeeded", "Failed", "Error"):
            self.finished.add(name)


def main() -> int:
    """Measure and print the table."""
    told = arguments()
    kubeconfig = state.require(told.name).kubeconfig
    with (
        resting(str(kubeconfig), told.beside),
        tempfile.TemporaryDirectory() as folder,
        space(str(kubeconfig)) as access,
        place(access, told.name, Path(folder)) as here,
        operator(here, kubeconfig, Path(folder)),
    ):
        seen = measure(here, told.flows, told.rate)
    table = Table("what", "measured")
    for what, measured in rows(seen, told):
        table.add_row(what, measured)
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    return 0


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default=os.environ.get("LOCALKUBE_NAME", "pressplay"), help="the cluster")
    parser.add_argument("--flows", type=int, default=100, help="how many")
    parser.add_argument("--rate", type=float, default=5, help="how many a second begin")
    parser.add_argument("--beside", action="store_true", help="leave an operator that is installed at work")
    return parser.parse_args()


def rows(seen: Seen, told: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """The lines of the table."""
    rate = f"{told.flows} flows, {told.rate:g} begin a second"
    yield (
        f"finished run → its node completed, {rate}",
        spread([seen.completed[each] - at for each, at in seen.ended.items()]),
    )
    yield "finished run → next node waits, the same", spread([seen.begun[each] - at for each, at in seen.ended.items()])
    between = [seen.begun[each] - at for each, at in seen.completed.items() if each in seen.ended]
    yield "of that Argo's controller: node completed → next node waits", spread(between)
    writes = statistics.mean(seen.writes.values()) / NODES
    yield f"writes of a Workflow a node (flows of {NODES}), its run apart", f"{writes:.1f}"


def spread(seconds: Sequence[float]) -> str:
    """Of samples."""
    cut = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"p50 {cut[49] * 1000:.0f} ms, p99 {cut[98] * 1000:.0f} ms, largest {max(seconds) * 1000:.0f} ms"


def measure(here: Place, count: int, rate: float, **labels: str) -> Seen:
    """Have flows run to their end; answers when what was seen."""
    seen, over = Seen(), threading.Event()
    threads = [
        threading.Thread(target=follow, args=(here.access, WORKFLOWS, over, seen.workflow), daemon=True),
        threading.Thread(target=follow, args=(here.access, RUNS, over, lambda run: end(here, run, seen)), daemon=True),
    ]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        here.submit(flow(number), f"flow-{number}", **labels)
    asyncio.run(here.until("all flows to end", lambda: len(seen.finished) == count, SECONDS))
    over.set()
    return seen


def flow(number: int) -> dict[str, Any]:
    """A pr-flow."""
    given = {"repository": "acme/bench", "pull-request": str(number + 1), "head": "a" * 40}
    parameters = [{"name": name, "value": value} for name, value in given.items()]
    return {"workflowTemplateRef": {"name": "pr-flow"}, "arguments": {"parameters": parameters}}


def end(here: Place, run: Mapping[str, Any], seen: Seen) -> None:
    """End a run as soon as it is there."""
    if (run.get("status") or {}).get("phase") == "Succeeded":
        return
    flow_name = run["metadata"]["ownerReferences"][0]["name"]
    here.finish(run)
    if run["spec"]["persona"] == FIRST:
        seen.ended.setdefault(flow_name, time.monotonic())


def follow(access: Access, what: tuple[str, str], over: threading.Event, told: Any) -> None:
    """Tell of every version of a namespace's objects, until it is over."""
    path = objects(*what, access.namespace)
    version = str(access.get(path)["metadata"]["resourceVersion"])
    while not over.is_set():
        try:
            for event in access.watch(path, 30, resourceVersion=version):
                version = str(event["object"]["metadata"]["resourceVersion"])
                if event["type"] in ("ADDED", "MODIFIED"):
                    told(event["object"])
        except Unreachable as error:
            print(f"watched again: {error}", file=sys.stderr)


@contextmanager
def space(kubeconfig: str) -> Iterator[Access]:
    """A namespace of its own."""
    access = connect(kubeconfig, namespace=f"api-{secrets.token_hex(4)}")
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": access.namespace}}
    access.create(objects("v1", "namespaces"), body)
    try:
        yield access
    finally:
        access.delete(objects("v1", "namespaces", None, access.namespace))


@contextmanager
def resting(kubeconfig: str, beside: bool) -> Iterator[None]:
    """An operator that is installed does nothing meanwhile."""
    access = connect(kubeconfig)
    replicas = 0 if beside else scaled(access, 0)
    try:
        yield
    finally:
        if replicas:
            scaled(access, replicas)


if __name__ == "__main__":
    sys.exit(main())
