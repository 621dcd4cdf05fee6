"""The product on the cluster, installed as a user would, by helm; GitHub is the stand-in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from localdemo import checkout
from localdemo.objects import (
    FLOWS,
    HOOK,
    HUB_PORT,
    RESTRICTED,
    STAND_INS,
    SYSTEM,
    Manifest,
    app_secret,
    namespace,
    secret,
    stand_ins,
    webhook_secret,
)
from localdemo.standins import StandIns
from localdemo.vendor import Vendor
from localkube import shell, tools
from localkube.addons import bus
from localkube.errors import CommandFailed, LocalKubeError
from localkube.kubectl import Kubectl
from localkube.progress import Progress
from localkube.state import ClusterRecord

RELEASE = "pressplay"
DEPLOYMENTS = ("pressplay-gateway", "pressplay-operator")
PERMISSIONS = {
    "contents": "write", "pull_requests": "write", "issues": "write", "metadata": "read", "checks": "write",
    "statuses": "read", "actions": "write",
}  # fmt: skip
KEYS = "pressplay/keys"
HUB = f"http://{STAND_INS}.{STAND_INS}:{HUB_PORT}"
READY_SECONDS = 240
# What Argo Events makes of the chart's EventSource and Sensor.
WEBHOOK = f"http://pressplay-github-eventsource-svc.{SYSTEM}:12000/github"
ARRIVALS = {"eventsource": "pressplay-github", "sensor": "pressplay-inbox"}
HELM_SECONDS = 300
GONE_SECONDS = 120


def install(record: ClusterRecord, vendor: Vendor, progress: Progress, values: Mapping[str, Any]) -> dict[str, str]:
    """Have everything of this checkout on the cluster, and ready; answers the images' tags.

    Args:
        values: of the chart, laid over what the stand-ins need.

    Raises:
        LocalKubeError: something could not be built, or does not become ready.
    """
    _have_no_other(record)
    images = checkout.images(record.name)
    kubectl = tools.kubectl(record)
    progress.step("stand-ins", "install")
    _await_gone(kubectl)
    flows = [] if "argo" in record.without else [namespace(FLOWS, RESTRICTED)]
    kubectl.apply([*stand_ins(images["localhub"]), namespace(SYSTEM), *flows])
    _await(record, STAND_INS, STAND_INS)
    hub = StandIns(kubectl)
    app = _app(hub)
    progress.done("stand-ins", "GitHub and, where you gave no key, the model are stood in for")
    progress.step("chart", "install")
    keys = [app_secret(app), secret("pressplay-llm", {vendor.key_name: vendor.key})]
    kubectl.apply(keys)
    chosen = {**_values(vendor, flows=bool(flows), events="argo-events" not in record.without), **values}
    events = chosen["events"]["mode"] == "webhook"
    if events:
        bus.add(kubectl, SYSTEM)
        kubectl.apply([webhook_secret()])
        hub.hub("POST", "/_hub/hooks", {"app_id": app["id"], "url": WEBHOOK, "secret": HOOK})
    _helm(record, started_anew_by(keys, chosen))
    for name in DEPLOYMENTS:
        progress.step("chart", f"wait for {name}")
        _await(record, SYSTEM, name)
    if events:
        progress.step("chart", "wait for EventSource and Sensor")
        _await_arrivals(record)
    progress.done("chart", "operator and gateway are ready")
    return images


def started_anew_by(keys: Sequence[Manifest], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with which the gateway has another pod where it has other keys, and stays where it is with the same ones.

    Keys that changed reach a signer that runs with the kubelet's next look; a new pod has them at once.
    """
    gateway = values.get("gateway", {})
    digest = hashlib.sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest()[:16]
    return {**values, "gateway": {**gateway, "podAnnotations": {KEYS: digest, **gateway.get("podAnnotations", {})}}}


def uninstall(record: ClusterRecord, progress: Progress) -> None:
    """Remove all of it, so that the cluster is as it was; definitions and runs stay, as they do for a user.

    Raises:
        LocalKubeError: something does not go, or is not of ours.
    """
    _have_no_other(record)
    progress.step("chart", "end its flows, and remove it")
    kubectl = tools.kubectl(record)
    if "argo" not in record.without and kubectl.find("namespace", FLOWS):
        # Argo's controller loses the turns that are given back when the ConfigMap that counts them is gone.
        ended = ("delete", "workflows.argoproj.io", "--all", f"--namespace={FLOWS}", f"--timeout={GONE_SECONDS}s")
        kubectl.run(*ended, timeout=GONE_SECONDS + 20)
    helm = tools.path_of("helm")
    words = ("uninstall", RELEASE, f"--namespace={SYSTEM}", f"--kubeconfig={record.kubeconfig}", "--ignore-not-found")
    shell.run([helm, *words], timeout=HELM_SECONDS)
    kubectl.run("delete", "deployment", STAND_INS, f"--namespace={STAND_INS}", "--ignore-not-found")
    progress.step("namespaces", "wait for their pods to go, and remove them")
    # A namespace with a pod in it is looked at again after half of its grace period: they go first.
    for place in (SYSTEM, STAND_INS):
        gone = ("wait", "pod", "--all", f"--namespace={place}", "--for=delete", f"--timeout={GONE_SECONDS}s")
        kubectl.run(*gone, timeout=GONE_SECONDS + 20)
    namespaces = ("namespace", SYSTEM, STAND_INS, FLOWS)
    kubectl.run("delete", *namespaces, "--ignore-not-found", f"--timeout={GONE_SECONDS}s", timeout=GONE_SECONDS + 20)
    progress.done("namespaces", "product and stand-ins are gone")


def _have_no_other(record: ClusterRecord) -> None:
    """See that an installation that is there is one with stand-ins.

    Raises:
        LocalKubeError: somebody has installed the product for a real GitHub: that is not to be overwritten.
    """
    told = ("get", "values", RELEASE, f"--namespace={SYSTEM}", "--output=json", f"--kubeconfig={record.kubeconfig}")
    try:
        values = json.loads(shell.run([tools.path_of("helm"), *told], timeout=HELM_SECONDS))
    except CommandFailed:
        # There is no such release.
        return
    github = (values or {}).get("github") or {}
    if github.get("url") != HUB:
        raise LocalKubeError(
            f"there is a Pressplay in {SYSTEM} that works for {github.get('url') or 'https://github.com'}, no stand-in",
            f"`helm uninstall {RELEASE} --namespace {SYSTEM}` removes it; or take another cluster: --name",
        )


def _await_gone(kubectl: Kubectl) -> None:
    """Wait for what an uninstallation that was cut short has left on its way out: nothing can be made in it."""
    for place in (SYSTEM, STAND_INS, FLOWS):
        there = kubectl.find("namespace", place)
        if there and there["metadata"].get("deletionTimestamp"):
            gone = ("wait", "namespace", place, "--for=delete", f"--timeout={GONE_SECONDS}s")
            kubectl.run(*gone, timeout=GONE_SECONDS + 20)


def _app(hub: StandIns) -> dict[str, Any]:
    app: dict[str, Any] = hub.hub("POST", "/_hub/apps", {"slug": "pressplay"})
    hub.hub("POST", "/_hub/installations", {"app_id": app["id"], "repositories": "all", "permissions": PERMISSIONS})
    return app


def _await(record: ClusterRecord, place: str, name: str) -> None:
    words = ("rollout", "status", f"deployment/{name}", f"--namespace={place}", f"--timeout={READY_SECONDS}s")
    tools.kubectl(record).run(*words, timeout=READY_SECONDS + 20)


def _await_arrivals(record: ClusterRecord) -> None:
    where, kubectl = f"--namespace={SYSTEM}", tools.kubectl(record)
    for kind, name in ARRIVALS.items():
        words = ("wait", f"{kind}/{name}", where, "--for=condition=Deployed", f"--timeout={READY_SECONDS}s")
        kubectl.run(*words, timeout=READY_SECONDS + 20)
        words = ("rollout", "status", "deployment", f"--selector={kind}-name={name}", where)
        kubectl.run(*words, f"--timeout={READY_SECONDS}s", timeout=READY_SECONDS + 20)


def _values(vendor: Vendor, *, flows: bool, events: bool) -> dict[str, Any]:
    return {
        "github": {"url": HUB, "apiUrl": f"{HUB}/api/v3"},
        "llm": dict(vendor.values),
        "flows": {"enabled": flows, "namespace": FLOWS},
        "events": {"mode": "webhook" if events else "off"},
        # They would allow what is public; the stand-ins are in the cluster.
        "networkPolicy": {"enabled": False},
    }


def _helm(record: ClusterRecord, values: Mapping[str, Any]) -> None:
    chart = checkout.root() / "charts" / "pressplay"
    files = (checkout.image_values(), checkout.written("demo-values.json", dict(values)))
    shell.run(
        [tools.path_of("helm"), "upgrade", "--install", RELEASE, chart, "--take-ownership", f"--namespace={SYSTEM}",
         *(f"--values={file}" for file in files), f"--kubeconfig={record.kubeconfig}"],
        timeout=HELM_SECONDS,
    )  # fmt: skip
