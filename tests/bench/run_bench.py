"""Measures what a run costs the cluster and its user, beside a plain Job on the same cluster.

`python -m tests.bench.run_bench` installs the product with its stand-ins on the running cluster, measures, and leaves
it there. Writes are counted in the API server's audit log, switched on meanwhile; nobody else should be at work.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from localdemo import platform, vendor
from localdemo.objects import SYSTEM
from localdemo.standins import StandIns, archive_of, forward
from localkube import state, tools
from localkube.kubectl import Kubectl
from localkube.progress import Progress
from localkube.providers.kind import KindCluster
from localkube.state import ClusterRecord
from pressplay.kube.access import Access, Unreachable, connect, objects
from tests.bench.audit import audited, by_client

API = "agents.platform/v1"
REPOSITORY = "acme/bench"
SCRIPT = """
match: bench
turns:
  - tools:
      - {name: write, arguments: {path: note.txt, content: "measured"}}
      - {name: finish, arguments: {title: A note, body: ""}}
"""
SECONDS = 300
POLL_SECONDS = 0.2
LEASE_SECONDS = 10
MIB = 1024 * 1024


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    measured: str


def main() -> int:
    """Measure and print the table."""
    told = arguments()
    record = state.require(told.name)
    kubectl = tools.kubectl(record)
    workbench = installed(record)
    rows: list[Row] = []
    try:
        for row in measure(told, kubectl, str(record.kubeconfig), workbench):
            print(f"{row.what}: {row.measured}", file=sys.stderr)
            rows.append(row)
    finally:
        table = Table("what", "measured")
        for row in rows:
            table.add_row(row.what, row.measured)
        Console(width=None if sys.stdout.isatty() else 150).print(table)
    return 0


def installed(record: ClusterRecord) -> str:
    """Have the product be there, with a repository and a script for runs; answers the workbench's image.

    Without events: each run's pull request would start a flow of its own beside what is measured.
    """
    with Progress() as progress:
        images = platform.install(record, vendor.chosen({}), progress, {"events": {"mode": "off"}})
    hub = StandIns(tools.kubectl(record))
    hub.repository(REPOSITORY, archive_of({"README.md": "bench\n"}))
    hub.script("bench.yaml", SCRIPT)
    return images["workbench"]


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default=os.environ.get("LOCALKUBE_NAME", "pressplay"), help="the cluster")
    parser.add_argument("--runs", type=int, default=20, help="how many runs and Jobs are timed, one after another")
    parser.add_argument("--finished", type=int, default=1000, help="finished runs for the operator to know")
    return parser.parse_args()


def measure(told: argparse.Namespace, kubectl: Kubectl, kubeconfig: str, image: str) -> Iterator[Row]:
    """All measurements."""
    with place(kubeconfig) as access:
        yield Row(f"plain Job → its pod created, {told.runs} Jobs", spread(pod_waits(access, told.runs, job(image))))
        yield Row(f"CodeRun → its pod created, {told.runs} runs", spread(pod_waits(access, told.runs, code_run)))
        yield Row("CodeRun → pull request, the same runs", spread(durations(access)))
    yield from written(told, kubectl, kubeconfig)
    yield Row("operator, resident memory", f"{resident(kubectl):.0f} MiB")
    with place(kubeconfig) as access:
        began = time.monotonic()
        finish_many(access, told.finished)
        took = time.monotonic() - began
        yield Row(f"{told.finished} cancelled runs made and ended", f"{took:.0f} s")
        yield Row(f"operator, resident memory with {told.finished} finished runs", f"{resident(kubectl):.0f} MiB")
    yield Row("demo, everything built", f"{demo_seconds():.0f} s")


def written(told: argparse.Namespace, kubectl: Kubectl, kubeconfig: str) -> Iterator[Row]:
    """Writes to the API server, by who writes: of runs, and of plain Jobs with the same containers."""
    with audited(KindCluster.of(state.require(told.name)), kubectl) as writes:
        until("the operator to lead again", lambda: leads(kubectl))
        with place(kubeconfig) as access:
            pod_waits(access, told.runs, code_run)
            template = access.get(objects("batch/v1", "jobs", access.namespace))["items"][0]["spec"]
            runs = by_client(writes(), access.namespace, told.runs)
        yield Row("API writes a CodeRun, by client", runs)
        with place(kubeconfig) as access:
            pod_waits(access, told.runs, same_job(template))
            yield Row(
                "API writes a plain Job with the same containers", by_client(writes(), access.namespace, told.runs)
            )


def leads(kubectl: Kubectl) -> bool:
    """Whether an operator has renewed its Lease lately."""
    told = kubectl.run(
        "get", "lease", "pressplay-operator", f"--namespace={SYSTEM}", "--output=jsonpath={.spec.renewTime}"
    )
    renewed = datetime.fromisoformat(told)
    return (datetime.now(UTC) - renewed).total_seconds() < LEASE_SECONDS


@contextmanager
def place(kubeconfig: str) -> Iterator[Access]:
    """A namespace of the bench's own."""
    name = f"bench-{secrets.token_hex(3)}"
    access = connect(kubeconfig, namespace=name)
    access.create(objects("v1", "namespaces"), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    try:
        yield access
    finally:
        access.delete(objects("v1", "namespaces", None, name))


Make = Callable[[Access, str], None]


def code_run(access: Access, name: str, **spec: Any) -> None:
    """Make a run."""
    body = {"apiVersion": API, "kind": "CodeRun", "metadata": {"name": name},
            "spec": {"repository": REPOSITORY, "task": "bench", **spec}}  # fmt: skip
    access.create(objects(API, "coderuns", access.namespace), body)


def job(image: str) -> Make:
    """What makes a plain Job."""

    def make(access: Access, name: str) -> None:
        pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": image, "command": ["true"]}]}
        spec = {"template": {"spec": pod}}
        body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
        access.create(objects("batch/v1", "jobs", access.namespace), body)

    return make


def same_job(spec: dict[str, Any]) -> Make:
    """What makes a Job with the containers of a run's Job, which do nothing for as long as a short run takes."""
    pod = spec["template"]["spec"]
    prepare, bench, runner = pod["initContainers"][0], pod["initContainers"][1], pod["containers"][0]
    idle = [
        {**prepare, "command": ["python3", "-c", ""]},
        {**bench, "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]},
        {**runner, "command": ["python3", "-c", "import time; time.sleep(3)"]},
    ]
    template = {"spec": {**pod, "initContainers": idle[:2], "containers": idle[2:], "serviceAccountName": "default"}}

    def make(access: Access, name: str) -> None:
        kept = {"backoffLimit": 0, "podReplacementPolicy": "Failed", "podFailurePolicy": spec["podFailurePolicy"]}
        body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {**kept, "template": template},
        }
        access.create(objects("batch/v1", "jobs", access.namespace), body)

    return make


def pod_waits(access: Access, number: int, make: Make) -> list[float]:
    """Seconds from making something until the watch tells of its pod, one after another."""
    seen: dict[str, float] = {}
    thread = threading.Thread(target=_watch_pods, args=(access, seen), daemon=True)
    thread.start()
    waits = []
    for each in range(number):
        began, known = time.monotonic(), set(seen)
        make(access, f"one-{each}-{secrets.token_hex(2)}")
        until(f"pod {each}", lambda known=known: bool(set(seen) - known))  # type: ignore[misc]
        waits.append(min(seen[name] for name in set(seen) - known) - began)
        until("all to have ended", lambda: all_ended(access))
    return waits


def _watch_pods(access: Access, seen: dict[str, float]) -> None:
    # It breaks off when the API server is started anew, which is after all that is timed here.
    with suppress(Unreachable):
        for event in access.watch(objects("v1", "pods", access.namespace), SECONDS):
            seen.setdefault(event["object"]["metadata"]["name"], time.monotonic())


def all_ended(access: Access) -> bool:
    """Whether no run and no Job is under way."""
    runs = access.get(objects(API, "coderuns", access.namespace))["items"]
    jobs = access.get(objects("batch/v1", "jobs", access.namespace))["items"]
    under_way = [run for run in runs if not run.get("status", {}).get("completionTime")]
    return not under_way and not [each for each in jobs if each.get("status", {}).get("active")]


def durations(access: Access) -> list[float]:
    """Seconds that the runs took, by their own times, which are whole seconds."""
    told = [run["status"] for run in access.get(objects(API, "coderuns", access.namespace))["items"]]
    failed = [status for status in told if status["phase"] != "Succeeded"]
    if failed:
        raise AssertionError(f"a run did not succeed: {failed[0]}")
    return [_moment(status["completionTime"]) - _moment(status["startTime"]) for status in told]


def _moment(text: str) -> float:
    return time.mktime(time.strptime(text.partition(".")[0].rstrip("Z"), "%Y-%m-%dT%H:%M:%S"))


def resident(kubectl: Kubectl) -> float:
    """The operator's resident memory in MiB, as its own metrics tell."""
    way = forward(kubectl, SYSTEM, "deployment/pressplay-operator", 8082)
    with way as port, urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        said = answer.read().decode()
    found = re.search(r"^process_resident_memory_bytes (\S+)", said, re.MULTILINE)
    return float(found[1]) / MIB if found else float("nan")


def finish_many(access: Access, number: int) -> None:
    """Have so many runs that are over: each is cancelled before it has begun."""
    for each in range(number):
        code_run(access, f"over-{each}", cancel=True)
    until("all runs to be over", lambda: all_ended(access))


def demo_seconds() -> float:
    """How long the demo takes on a cluster that is up."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "pressplay", "dev", "demo"], check=True, capture_output=True, timeout=SECONDS)
    return time.monotonic() - began


def spread(values: list[float]) -> str:
    """Median, 99th percentile (the largest of few) and the largest."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    return f"median {statistics.median(ordered):.2f} s, p99 {p99:.2f} s, largest {ordered[-1]:.2f} s"


def until(what: str, holds: Callable[[], bool]) -> None:
    """Wait for something, with a deadline."""
    ends = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > ends:
            raise TimeoutError(f"waited {SECONDS} s for {what}")
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
