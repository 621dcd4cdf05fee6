"""What is said of a cluster's parts, by what the API server lists."""

from __future__ import annotations

from typing import Any

import pytest

from localkube.components import COMPONENTS, Component, expected
from localkube.providers.existing import _foreign, _lacking
from localkube.state import ClusterRecord
from localkube.status import component_status

DEPLOYMENT = Component("thing", "space", "deployment", "thing")


def deployment(
    *, ready: int = 1, replicas: int = 1, generation: int = 1, observed: int = 1, image: str = "x", part: str = ""
) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {
            "name": "thing",
            "namespace": "space",
            "generation": generation,
            "labels": {"localkube/part": part} if part else {},
        },
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"image": image}]}}},
        "status": {"readyReplicas": ready, "updatedReplicas": ready, "observedGeneration": observed},
    }


@pytest.mark.parametrize(
    ("listed", "ready"),
    [
        ([deployment()], True),
        ([deployment(ready=1, replicas=2)], False),
        ([deployment(generation=2, observed=1)], False),
        ([deployment(replicas=0, ready=0)], False),
        ([], False),
    ],
    ids=["all ready", "one of two", "a change not seen yet", "scaled to nothing", "not there"],
)
def test_a_deployment_is_ready_when_all_of_its_newest_generation_is(listed: list[dict[str, Any]], ready: bool) -> None:
    assert component_status(DEPLOYMENT, listed).ready is ready


def test_a_pod_of_the_control_plane_is_known_by_its_label() -> None:
    scheduler = next(component for component in COMPONENTS if component.name == "scheduler")
    pod = {
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": "kube-system", "labels": {"component": "kube-scheduler"}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    assert component_status(scheduler, [pod]).ready


def test_a_missing_part_says_where_it_should_be() -> None:
    assert component_status(DEPLOYMENT, []).detail == "there is no deployment in space"


def test_of_an_existing_cluster_only_what_was_installed_counts() -> None:
    assert {component.part for component in expected("existing", ())} == {"argo", "argo-events"}
    assert "etcd" in {component.name for component in expected("kind", ("argo",))}
    assert "argo" not in {component.part for component in expected("kind", ("argo",))}


def test_an_argo_of_somebody_else_is_seen_wherever_it_runs() -> None:
    record = ClusterRecord("outside", "existing", "pulled")
    theirs = deployment(image="registry.example:5000/mirror/workflow-controller:v3.6.0@sha256:0")
    assert _foreign([theirs], record) == {"argo": "space"}


def test_an_argo_of_ours_is_not_taken_for_somebody_elses() -> None:
    ours = deployment(image="quay.io/argoproj/workflow-controller:v3.7.16", part="argo")
    assert _foreign([ours], ClusterRecord("outside", "existing", "pulled")) == {}


def test_what_is_left_out_or_somebody_elses_is_not_installed() -> None:
    assert _lacking([], set()) == ["argo", "argo-events"]
    assert _lacking([], {"argo"}) == ["argo-events"]
