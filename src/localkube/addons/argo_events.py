"""The manifests of Argo Events as this cluster has it: upstream's cluster-install with our changes. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from localkube.addons.objects import container, edited, http_probe, namespace, resources, restricted_container
from localkube.build.argo_events import IMAGE, USER
from localkube.kubectl import Manifest

NAMESPACE = "argo-events"
HEALTH_PORT = 8081


def manifests(upstream: Iterable[Manifest]) -> list[Manifest]:
    """All objects of Argo Events, custom resource definitions included.

    Args:
        upstream: the objects of the module's cluster-install.
    """
    return [namespace(NAMESPACE), *edited(upstream, {("Deployment", "controller-manager"): _change_controller})]


def _change_controller(deployment: Manifest) -> None:
    deployment["spec"]["strategy"] = {"type": "Recreate"}
    workload = container(deployment)
    workload["image"] = IMAGE
    workload["imagePullPolicy"] = "IfNotPresent"
    # With one replica that is stopped before the next starts there is nobody to elect, and a lease costs up to 15 s.
    workload["args"] = ["controller", "--leader-election=false"]
    workload["env"] = [
        {"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        # Both are for the pods that it makes.
        {"name": "ARGO_EVENTS_IMAGE", "value": IMAGE},
        {"name": "IMAGE_PULL_POLICY", "value": "IfNotPresent"},
        {"name": "GOMEMLIMIT", "value": "200MiB"},
    ]
    workload["securityContext"] = {**restricted_container(), "runAsUser": int(USER)}
    workload["resources"] = resources("48Mi", "256Mi")
    workload["startupProbe"] = http_probe("/readyz", HEALTH_PORT, period=1, failures=120)
    workload["readinessProbe"] = http_probe("/readyz", HEALTH_PORT, period=10)
    workload["livenessProbe"] = http_probe("/healthz", HEALTH_PORT, period=20)
