"""The main job, to watch: four lines become a pull request that mends a real bug in a real package, and the proof."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from localdemo import checkout, events, example, picture, platform, proof
from localdemo.events import Flow
from localdemo.objects import FLOWS, HUB_PORT, RESTRICTED, STAND_INS, namespace
from localdemo.standins import StandIns
from localdemo.vendor import Vendor
from localkube import cluster as clusters
from localkube import tools
from localkube.errors import LocalKubeError
from localkube.progress import Progress, duration
from localkube.state import ClusterRecord

NAMESPACE = "demo"
RUN_SECONDS = 900
DEFAULT_NAME = "pressplay"


@dataclass(frozen=True)
class Shown:
    """What came of the run: its object, its pull request and the difference, what the proof said, what followed."""

    run: dict[str, Any]
    pull: dict[str, Any]
    difference: str
    proof: list[str]
    flows: list[Flow]
    picture: Path | None


def demo(record: ClusterRecord, vendor: Vendor, *, alone: bool = False) -> int:
    """Install, seed, apply the four lines, show the work, prove the result, follow its events; answers the exit code.

    Args:
        alone: the single run, without what its events start.

    Raises:
        LocalKubeError: a step failed; says what to do.
    """
    began = time.monotonic()
    kubectl = tools.kubectl(record)
    hub = StandIns(kubectl)
    with Progress() as progress:
        images = platform.install(record, vendor, progress, {})
        progress.step("repository", f"{example.REPOSITORY}: more-itertools {example.BROKEN[0]}, one commit")
        hub.repository(example.REPOSITORY, example.source(), f"Import more-itertools {example.BROKEN[0]}")
        for script in example.SCRIPTS if vendor.scripted else ():
            hub.script(script, example.script(script))
        kubectl.apply([namespace(NAMESPACE, RESTRICTED)])
        progress.done("repository", "there, with real git behind it")
    name = f"numeric-range-{time.strftime('%H%M%S')}"
    manifest = example.manifest(name)
    click.echo(f"\nThe four lines:\n\n{indented(manifest)}\n")
    click.echo("The agent at work:\n", err=True)
    kubectl.run("create", f"--namespace={NAMESPACE}", "--filename=-", stdin=manifest)
    ended = _watched(record, name)
    if ended.get("status", {}).get("phase") != "Succeeded":
        click.echo(_product(record, "why", name))
        return 1
    with Progress() as progress:
        progress.step("proof", f"the test of more-itertools {example.MENDED[0]} for this bug, before and after")
        pull = hub.pull(example.REPOSITORY, ended["status"]["pullRequest"])
        said = proof.prove(kubectl, NAMESPACE, f"{name}-proof", images["workbench"], pull)
        progress.done("proof", "fails before, passes after")
    shown = Shown(ended, pull, _difference(hub, pull), said, *_events(record, hub, pull, alone=alone))
    click.echo(summary(shown, _product(record, "cost", name), record, vendor, time.monotonic() - began))
    return 0


def _events(
    record: ClusterRecord, hub: StandIns, pull: dict[str, Any], *, alone: bool
) -> tuple[list[Flow], Path | None]:
    """What the pull request's events start, and a picture of the first; nothing where the cluster has no events."""
    if alone or {"argo", "argo-events"} & set(record.without):
        return [], None
    kubectl = tools.kubectl(record)
    click.echo("\nWhat its events start:\n", err=True)
    with Progress() as progress:
        flows = events.follow(kubectl, hub, pull, lambda told: progress.step("events", told))
        progress.done("events", "a webhook, a review and a failed check are dealt with")
        try:
            target = checkout.root() / "build" / "artifacts" / "demo-pr-flow.png"
            progress.step("picture", "of the first flow in the Argo UI")
            shown = picture.take(*clusters.ui(record), FLOWS, flows[0].name, target)
            progress.done("picture", str(shown))
        except LocalKubeError as error:
            progress.say(f"There is no picture: {error}")
            return flows, None
    return flows, shown


def _watched(record: ClusterRecord, name: str) -> dict[str, Any]:
    """Show what the agent writes until the run has ended, and answer the run."""
    # What is shown is progress: standard output is for the result.
    command = _command(record, "watch", name, "--timeout", f"{RUN_SECONDS}s")
    subprocess.run(command, stdout=sys.stderr, timeout=RUN_SECONDS + 60, check=False)
    found: dict[str, Any] = json.loads(_product(record, "get", name, "-o", "json"))
    return found


def _product(record: ClusterRecord, *words: str) -> str:
    """What the product's own command line says."""
    done = subprocess.run(_command(record, *words), stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    return done.stdout.rstrip("\n")


def _command(record: ClusterRecord, command: str, *words: str) -> list[str]:
    context = ("--context", record.context) if record.context else ()
    where = ("--namespace", NAMESPACE, "--kubeconfig", str(record.kubeconfig), *context)
    return [sys.executable, "-m", "pressplay", command, *words, *where]


def _difference(hub: StandIns, pull: dict[str, Any]) -> str:
    url = f"/api/v3/repos/{example.REPOSITORY}/pulls/{pull['number']}"
    return str(hub.hub("GET", url, accept="application/vnd.github.diff"))


def summary(shown: Shown, cost: str, record: ClusterRecord, vendor: Vendor, seconds: float) -> str:
    """What is printed at the end: status, difference, cost, proof, and how to look further."""
    status, pull = shown.run["status"], shown.pull
    name = shown.run["metadata"]["name"]
    option = "" if record.name == DEFAULT_NAME else f" --name {record.name}"
    conditions = [f"{each['type']}: {each['reason']}  {each.get('message', '')}" for each in status["conditions"]]
    thinks = "a script that the stand-in for a vendor replays" if vendor.scripted else f"{status.get('model')}, real"
    parts = [
        ("Status", "\n".join((f"phase: {status['phase']}", f"pull request: {status['pullRequestUrl']}", *conditions))),
        (f"Pull request #{pull['number']}: {pull['title']}", f"{pull['body'] or ''}\n\n{shown.difference}"),
        ("Cost, by the vendor's price list", cost),
        (f"Proof: {example.PROOF} of more-itertools {example.MENDED[0]}", "\n".join(shown.proof)),
        *_followed(shown, record),
        ("Real", "the cluster, the package and its tests, every tool call, git, the gateway's checks"),
        ("Stood in for", f"GitHub (real git behind it); the model: {thinks}"),
        ("Look further", "\n".join((
            f'eval "$(pressplay cluster env{option})"',
            f"kubectl describe coderun {name} --namespace {NAMESPACE}",
            f"pressplay why {name} --namespace {NAMESPACE}        # and logs, cost, get",
            f"kubectl port-forward --namespace {STAND_INS} deployment/{STAND_INS} {HUB_PORT}   # then",
            f"  http://127.0.0.1:{HUB_PORT}/{example.REPOSITORY}/pull/{pull['number']}",
            f"pressplay dev uninstall{option}     # product and stand-ins go, the cluster stays",
        ))),
    ]  # fmt: skip
    told = "\n\n".join(f"{title}\n\n{indented(text)}" for title, text in parts)
    return f"\n{told}\n\nDone in {duration(seconds)}."


def _followed(shown: Shown, record: ClusterRecord) -> list[tuple[str, str]]:
    if not shown.flows:
        return []
    address, _ = clusters.ui(record)
    looked = [f"{address}/workflows/{FLOWS}/{flow.name}" for flow in shown.flows]
    option = "" if record.name == DEFAULT_NAME else f" --name {record.name}"
    where = "\n".join((*looked, f"log in with the token of: pressplay cluster ui{option}", str(shown.picture or "")))
    return [("Flows that its events started", events.table(shown.flows)), ("In the Argo UI", where)]


def indented(text: str) -> str:
    """The text, four blanks to the right."""
    return "\n".join(f"    {line}".rstrip() for line in text.strip("\n").splitlines())
