"""Installing Argo Workflows, Argo Events and their bus into a cluster, and taking them off again.

Owns the order; what is installed stands in the modules beside it. Idempotent: a second time nothing changes.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from localkube.addons import argo, argo_events, bus, nats
from localkube.addons.apply import Health, apply_in_phases, wait_ready
from localkube.components import COMPONENTS
from localkube.errors import LocalKubeError
from localkube.kubectl import Kubectl, Manifest, as_list
from localkube.progress import Progress

READY_WITHIN_SECONDS = 300
PATIENCE_SECONDS = 120
GONE_WITHIN_SECONDS = 180

HEALTH = {
    "argo-controller": Health("workflow-controller", argo.CONTROLLER_HEALTH_PORT, "/healthz"),
    "argo-server": Health("argo-server", argo.SERVER_PORT, "/"),
    "argo-events": Health("controller-manager", argo_events.HEALTH_PORT, "/readyz"),
    "nats": Health(nats.NAME, nats.MONITOR_PORT, "/healthz"),
}

# Every object of ours says to which part it belongs: what is taken off later is exactly what carries this.
PART = "localkube/part"
REMOVABLE = (
    "deployments,statefulsets,services,configmaps,secrets,serviceaccounts,persistentvolumeclaims,roles,rolebindings,"
    "clusterroles,clusterrolebindings,priorityclasses,namespaces"
)


# What can be somebody else's: kinds that every API server has, save namespaces, which are left as they are.
GUARDED = {
    "ClusterRole", "ClusterRoleBinding", "ConfigMap", "CustomResourceDefinition", "Deployment", "PriorityClass",
    "Role", "RoleBinding", "Secret", "Service", "StatefulSet",
}  # fmt: skip


def apply(
    kubectl: Kubectl,
    without: Collection[str],
    manifests: Path,
    progress: Progress,
    *,
    ui_node_port: int | None = argo.UI_NODE_PORT,
) -> None:
    """Have the cluster carry Argo without the parts left out, and wait until it is ready.

    Args:
        kubectl: the cluster.
        without: parts to leave out: argo, argo-events.
        manifests: the folder with upstream's objects, the output of the recipe `argo-manifests`.
        progress: told the steps.
        ui_node_port: the node's port for the UI; None where nothing outside is to reach it.

    Raises:
        LocalKubeError: the cluster refuses, or not everything became ready.
    """

    def say(title: str) -> None:
        progress.step("install", title)

    parts = [component for component in COMPONENTS if component.part and component.part not in without]
    if not parts:
        return
    patient = replace(kubectl, patience=PATIENCE_SECONDS)
    apply_in_phases(patient, objects(patient, without, manifests, ui_node_port), say)
    # Impatient on purpose: a pod that does not answer is looked for anew, it may have another name by now.
    wait_ready(kubectl, parts, HEALTH, READY_WITHIN_SECONDS, say)
    if "argo-events" not in without:
        bus.mend(patient, say)
    progress.done("install", f"{', '.join(part.name for part in parts)} ready")


def objects(
    kubectl: Kubectl, without: Collection[str], manifests: Path, ui_node_port: int | None = argo.UI_NODE_PORT
) -> list[Manifest]:
    """All objects of the parts that are not left out; reads from the cluster only what must stay as it is there."""
    found: list[Manifest] = []
    if "argo" not in without:
        found += labelled("argo", argo.manifests(_upstream(manifests, "argo"), ui_node_port=ui_node_port))
    if "argo-events" not in without:
        credentials = bus.obtain_credentials(kubectl)
        events = [
            *argo_events.manifests(_upstream(manifests, "argo-events")),
            *nats.manifests(credentials),
            *nats.event_bus(nats.NAMESPACE, credentials),
        ]
        found += labelled("argo-events", events)
    return [item for item in found if item["kind"] != "Namespace" or _is_ours(kubectl, item)]


def refuse_foreign(kubectl: Kubectl, without: Collection[str], manifests: Path) -> None:
    """Refuse to install over objects of somebody else: they would be changed now, and deleted with ours later.

    Raises:
        LocalKubeError: there are such objects; names them.
    """
    wanted = [item for item in objects(kubectl, without, manifests, None) if item["kind"] in GUARDED]
    answer = kubectl.run("get", "--ignore-not-found", "--output=json", "--filename=-", stdin=as_list(wanted))
    there = json.loads(answer) if answer.strip() else {}
    found = there.get("items", [there] if there else [])
    theirs = [item for item in found if PART not in item["metadata"].get("labels", {})]
    if theirs:
        named = ", ".join(f"{item['kind']} {item['metadata']['name']}" for item in theirs[:3])
        raise LocalKubeError(
            f"{len(theirs)} objects that Argo needs are in the cluster already and not ours: {named}, …",
            "remove what is left of another installation, or leave the part out with --without",
        )


def labelled(part: str, objects: list[Manifest]) -> list[Manifest]:
    """The objects with the label of their part, on claim templates too: claims outlive their StatefulSet."""
    for item in objects:
        templates = item.get("spec", {}).get("volumeClaimTemplates", [])
        for thing in (item, *templates):
            thing["metadata"]["labels"] = {**thing["metadata"].get("labels", {}), PART: part}
    return objects


def _is_ours(kubectl: Kubectl, namespace: Manifest) -> bool:
    """Whether a namespace is not there yet or was made by us: one that somebody else made must outlive us."""
    name = namespace["metadata"]["name"]
    there = kubectl.find("namespace", name)
    if there and "deletionTimestamp" in there["metadata"]:
        # What was being taken off when something was cut off: nothing can be made in it before it is gone.
        timeout = f"--timeout={GONE_WITHIN_SECONDS}s"
        kubectl.run("wait", "--for=delete", f"namespace/{name}", timeout, timeout=GONE_WITHIN_SECONDS + 10)
        there = None
    return there is None or PART in there["metadata"].get("labels", {})


def remove(kubectl: Kubectl, parts: Collection[str], progress: Progress) -> None:
    """Take off the parts that were installed, their custom resources and the bus's volume included."""
    for part in parts:
        progress.step("install", f"remove {part}")
        # Definitions first, while the controllers still run: these free EventBus and the like of their finalizers.
        for kinds in ("customresourcedefinitions", REMOVABLE):
            kubectl.run(
                "delete", kinds, f"--selector={PART}={part}", "--all-namespaces", "--ignore-not-found",
                f"--timeout={GONE_WITHIN_SECONDS}s", timeout=GONE_WITHIN_SECONDS + 10,
            )  # fmt: skip
    progress.done("install", "removed")


def _upstream(manifests: Path, name: str) -> list[Manifest]:
    found: list[Manifest] = json.loads((manifests / f"{name}.json").read_text())
    return found
