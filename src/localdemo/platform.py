"""The product on the cluster, installed as a user would, by helm; GitHub is the stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localdemo import checkout
from localdemo.objects import HUB_PORT, STAND_INS, SYSTEM, app_secret, namespace, secret, stand_ins
from localdemo.standins import StandIns
from localdemo.vendor import Vendor
from localkube import shell, tools
from localkube.progress import Progress
from localkube.state import ClusterRecord

RELEASE = "pressplay"
DEPLOYMENTS = ("pressplay-gateway", "pressplay-operator")
PERMISSIONS = {"contents": "write", "pull_requests": "write", "issues": "write", "metadata": "read"}
READY_SECONDS = 240
HELM_SECONDS = 300


def install(record: ClusterRecord, vendor: Vendor, progress: Progress, values: Mapping[str, Any]) -> dict[str, str]:
    """Have everything of this checkout on the cluster, and ready; answers the images' tags.

    Args:
        values: of the chart, laid over what the stand-ins need.

    Raises:
        LocalKubeError: something could not be built, or does not become ready.
    """
    images = checkout.images(record.name)
    kubectl = tools.kubectl(record)
    progress.step("stand-ins", "install")
    kubectl.apply([*stand_ins(images["localhub"]), namespace(SYSTEM)])
    _await(record, STAND_INS, STAND_INS)
    app = _app(StandIns(kubectl))
    progress.done("stand-ins", "GitHub and, where you gave no key, the model are stood in for")
    progress.step("chart", "install")
    kubectl.apply([app_secret(app), secret("pressplay-llm", {vendor.key_name: vendor.key})])
    _helm(record, {**_values(vendor), **values})
    # Keys that changed reach the signer with the kubelet's next look; a new pod has them at once.
    kubectl.run("rollout", "restart", "deployment/pressplay-gateway", f"--namespace={SYSTEM}")
    for name in DEPLOYMENTS:
        progress.step("chart", f"wait for {name}")
        _await(record, SYSTEM, name)
    progress.done("chart", "operator and gateway are ready")
    return images


def uninstall(record: ClusterRecord) -> None:
    """Remove all of it, so that the cluster is as it was; definitions and runs stay, as they do for a user.

    Raises:
        LocalKubeError: something does not go.
    """
    helm = tools.path_of("helm")
    words = ("uninstall", RELEASE, f"--namespace={SYSTEM}", f"--kubeconfig={record.kubeconfig}", "--ignore-not-found")
    shell.run([helm, *words], timeout=HELM_SECONDS)
    namespaces = ("namespace", SYSTEM, STAND_INS)
    tools.kubectl(record).run("delete", *namespaces, "--ignore-not-found", "--timeout=120s", timeout=150)


def _app(hub: StandIns) -> dict[str, Any]:
    app: dict[str, Any] = hub.hub("POST", "/_hub/apps", {"slug": "pressplay"})
    hub.hub("POST", "/_hub/installations", {"app_id": app["id"], "repositories": "all", "permissions": PERMISSIONS})
    return app


def _await(record: ClusterRecord, place: str, name: str) -> None:
    words = ("rollout", "status", f"deployment/{name}", f"--namespace={place}", f"--timeout={READY_SECONDS}s")
    tools.kubectl(record).run(*words, timeout=READY_SECONDS + 20)


def _values(vendor: Vendor) -> dict[str, Any]:
    hub = f"http://{STAND_INS}.{STAND_INS}:{HUB_PORT}"
    return {
        "github": {"url": hub, "apiUrl": f"{hub}/api/v3"},
        "llm": dict(vendor.values),
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
