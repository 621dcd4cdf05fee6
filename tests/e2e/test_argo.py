"""Argo Workflows: containers, resources, and gates that somebody outside completes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.support import argo
from tests.e2e.support.kube import Kube

# One workflow that has ended serves both files.
pytestmark = pytest.mark.xdist_group("argo")


@pytest.fixture(scope="module")
def at_gate(kube: Kube, base: str) -> Iterator[argo.Run]:
    """A workflow whose gate waits."""
    with kube.namespace("gate") as namespace:
        yield argo.start(kube, namespace, base)


def test_a_dag_with_a_container_a_resource_and_a_gate_runs_to_its_end(finished: argo.Run) -> None:
    assert finished.phase == "Succeeded", finished
    kinds = {name: finished.nodes[name]["type"] for name in ("measure", "record", "gate", "report")}
    assert kinds == {"measure": "Pod", "record": "Pod", "gate": "Suspend", "report": "Pod"}


def test_what_a_container_wrote_reaches_the_object_that_a_resource_step_creates(kube: Kube, finished: argo.Run) -> None:
    kept = kube.get("ConfigMap", finished.output("record", "object"), finished.namespace)
    assert kept["data"] == {"lines": "41"}


def test_a_gates_question_holds_what_came_before(finished: argo.Run) -> None:
    assert finished.nodes["gate"]["inputs"]["parameters"] == [{"name": "question", "value": "41 lines: good enough?"}]


def test_the_outputs_supplied_to_a_gate_reach_the_next_step(kube: Kube, finished: argo.Run) -> None:
    assert finished.output("gate", "verdict") == "approved by Ada"
    pods = kube.list("Pod", finished.namespace, f"workflows.argoproj.io/workflow={finished.name}")
    said = [kube.logs(finished.namespace, pod["metadata"]["name"], "main") for pod in pods]
    assert any("the gate said: approved by Ada" in text for text in said), said


def test_a_gate_waits_without_a_pod(kube: Kube, at_gate: argo.Run) -> None:
    pods = kube.list("Pod", at_gate.namespace)
    assert {pod["status"]["phase"] for pod in pods} == {"Succeeded"}


def test_without_a_token_a_gate_stays_shut(kube: Kube, at_gate: argo.Run) -> None:
    status, _ = pass_gate(argo.Server(kube, None), at_gate)
    assert status == 401
    assert_still_waits(kube, at_gate)


def test_with_a_token_that_may_not_write_workflows_a_gate_stays_shut(kube: Kube, at_gate: argo.Run) -> None:
    status, _ = pass_gate(argo.Server(kube, kube.new_token(at_gate.namespace, argo.RUNNER)), at_gate)
    assert status == 403
    assert_still_waits(kube, at_gate)


def pass_gate(server: argo.Server, run: argo.Run) -> tuple[int, object]:
    return server.complete(run.namespace, run.name, run.nodes["gate"]["id"], {"verdict": "yes"})


def assert_still_waits(kube: Kube, run: argo.Run) -> None:
    gate = argo.read(kube, run.namespace, run.name).nodes["gate"]
    assert gate["phase"] == "Running"
    assert "value" not in gate["outputs"]["parameters"][0]
