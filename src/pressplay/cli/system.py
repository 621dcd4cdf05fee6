"""The installation in the cluster as the command line finds it: its namespace, its Deployments, how it is set up."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pressplay.cli.app_manifest import Host
from pressplay.cli.failures import INSTALL, Problem
from pressplay.kube.access import Access, Refused, objects

NAMESPACE = "pressplay-system"
SELECTOR = "app.kubernetes.io/name=pressplay,app.kubernetes.io/component"


def deployments(access: Access, namespace: str | None = None) -> dict[str, dict[str, Any]]:
    """The installation's Deployments by component; of several installations the first that is found."""
    try:
        items = access.get(objects("apps/v1", "deployments", namespace), labelSelector=SELECTOR)["items"]
    except Refused as error:
        if error.status != HTTPStatus.FORBIDDEN or namespace is not None:
            raise
        # Whoever may not look everywhere may still look where it usually is.
        return deployments(access, NAMESPACE)
    items.sort(key=lambda item: (item["metadata"]["namespace"] != NAMESPACE, item["metadata"]["namespace"]))
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        if not found or next(iter(found.values()))["metadata"]["namespace"] == item["metadata"]["namespace"]:
            found.setdefault(item["metadata"]["labels"]["app.kubernetes.io/component"], item)
    return found


def find_namespace(access: Access) -> str:
    """Where Pressplay is installed.

    Raises:
        Problem: nowhere.
    """
    found = deployments(access)
    if not found:
        raise Problem(
            "Pressplay is not installed in this cluster",
            f"{INSTALL} installs it",
        )
    return str(next(iter(found.values()))["metadata"]["namespace"])


def pod_of(access: Access, namespace: str, component: str) -> str | None:
    """The name of a component's pod that runs; None where none does."""
    selector = f"app.kubernetes.io/name=pressplay,app.kubernetes.io/component={component}"
    pods = access.get(objects("v1", "pods", namespace), labelSelector=selector)["items"]
    ready = [pod for pod in pods if pod.get("status", {}).get("phase") == "Running"]
    return str(ready[0]["metadata"]["name"]) if ready else None


def github_host(access: Access, namespace: str) -> Host:
    """GitHub as the gateway is set up."""
    gateway = deployments(access, namespace).get("gateway")
    told = variables(gateway) if gateway else {}
    usual = Host()
    return Host(told.get("PRESSPLAY_GITHUB_URL") or usual.url, told.get("PRESSPLAY_GITHUB_API_URL") or usual.api)


def variables(deployment: dict[str, Any]) -> dict[str, str]:
    """The variables of a Deployment's containers that stand there as they are."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for box in containers for each in box.get("env") or [] if "value" in each}
