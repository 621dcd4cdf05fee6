"""One look at a Workflow, and the making of Workflows, where something is refused: it holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pressplay.kube import argo
from pressplay.kube.access import Refused, Unreachable
from pressplay.kube.argo import ArgoServer
from pressplay.operator.flows import FlowMaker, workflow_name
from pressplay.operator.gateway import Gateway
from pressplay.operator.metrics import Metrics
from pressplay.operator.nodes.worker import NodeWorker
from pressplay.protocol.flows import Due, DueFlow, DueWake
from pressplay.protocol.gates import Gate, GateAnswer, GateAsked
from pressplay.resources import names
from pressplay.resources.base import API_VERSION
from tests.unit.an_api_server import Cluster, cluster

SECONDS = 20
WORKFLOWS = f"/apis/{argo.API_VERSION}/namespaces/team/workflows"
RUNS = f"/apis/{API_VERSION}/namespaces/team/coderuns"
SERVER = "/api/v1/workflows/team/w"
HEAD = "a" * 40
NOW = datetime(2026, 5, 1, 12, 0, 1, tzinfo=UTC)


@pytest.fixture
def there() -> Iterator[Cluster]:
    with cluster() as made:
        made.control[f"PUT {SERVER}/set"] = {"metadata": {"resourceVersion": "2"}}
        yield made


def a_workflow(there: Cluster, **nodes: dict[str, str]) -> None:
    """A Workflow with suspended nodes that wait."""
    open_: list[dict[str, Any]] = [{"name": each, "valueFrom": {"supplied": {}}} for each in ("result", "verdict")]
    found = {
        f"w-{name}": {
            "id": f"w-{name}", "name": f"w.{name}", "displayName": name, "type": "Suspend", "phase": "Running",
            "startedAt": "2026-05-01T12:00:00Z",
            "inputs": {"parameters": [{"name": key, "value": value} for key, value in inputs.items()]},
            "outputs": {"parameters": open_},
        }
        for name, inputs in nodes.items()
    }  # fmt: skip
    there.objects[f"{WORKFLOWS}/w"] = {
        "metadata": {"name": "w", "namespace": "team", "uid": "u-w", "resourceVersion": "1"}, "spec": {},
        "status": {"phase": "Running", "nodes": found},
    }  # fmt: skip


A_RUN = {"operation": "run", "repository": "acme/sums", "task": "add"}
A_GATE = {"operation": "wait-for-checks", "repository": "acme/sums", "pull-request": "7", "head": HEAD}
NONSENSE = {"operation": "deploy"}


@asynccontextmanager
async def a_worker(there: Cluster, folder: Path, kind: type[Gateway] = Gateway) -> Any:
    there.gateway(folder)
    gateway, server = kind(there.address, folder / "token"), ArgoServer(there.address, lambda: "token")
    try:
        yield NodeWorker(there.access(), gateway, server, Metrics(), lambda: NOW)
    finally:
        await gateway.close()
        await server.close()


def look(there: Cluster, folder: Path) -> float | None:
    async def work() -> float | None:
        async with a_worker(there, folder) as worker:
            waits: float | None = await worker.look("team", "w")
            return waits

    return asyncio.run(asyncio.wait_for(work(), SECONDS))


def test_a_node_that_cannot_be_completed_now_holds_up_no_other(there: Cluster, tmp_path: Path) -> None:
    a_workflow(there, bad=NONSENSE, work=A_RUN)
    there.refusals[f"PUT {SERVER}/set"] = (500, "no suspend nodes matching")
    with pytest.raises(argo.Unserved):
        look(there, tmp_path)
    assert len(there.of("coderuns")) == 1


def test_a_run_that_the_api_server_finds_invalid_ends_its_node_with_the_api_servers_words(
    there: Cluster, tmp_path: Path
) -> None:
    a_workflow(there, work=A_RUN)
    there.refusals[f"POST {RUNS}"] = (422, "spec.task: too long")
    look(there, tmp_path)
    assert f"PUT {SERVER}/set" in there.asked


def test_a_run_that_may_not_be_made_now_is_tried_again(there: Cluster, tmp_path: Path) -> None:
    a_workflow(there, work=A_RUN)
    there.refusals[f"POST {RUNS}"] = (403, "exceeded quota")
    with pytest.raises(Refused, match="exceeded quota"):
        look(there, tmp_path)


def test_a_gate_that_cannot_be_asked_now_waits(there: Cluster, tmp_path: Path) -> None:
    a_workflow(there, gate=A_GATE)
    there.refusals["POST /control/gates/checks"] = (503, "later")
    assert look(there, tmp_path) == pytest.approx(10)
    there.refusals.clear()
    there.control["POST /control/gates/checks"] = {"unknown": "answer"}
    assert look(there, tmp_path) == pytest.approx(10)


class Woken(Gateway):
    """While a gate is asked, something comes that it waits for."""

    worker: NodeWorker
    answers = 0

    async def gate(self, gate: Gate, asked: GateAsked) -> GateAnswer:
        self.answers += 1
        if self.answers == 1:
            self.worker.wake("team", "w")
        return await super().gate(gate, asked)


def test_what_comes_while_a_gate_is_asked_has_it_asked_once_more(there: Cluster, tmp_path: Path) -> None:
    a_workflow(there, gate=A_GATE)
    there.control["POST /control/gates/checks"] = {"verdict": None, "message": "", "again": 60}

    async def work() -> int:
        async with a_worker(there, tmp_path, Woken) as worker:
            worker.gateway.worker = worker
            for _ in range(3):
                await worker.look("team", "w")
            asked: int = worker.gateway.answers
            return asked

    assert asyncio.run(asyncio.wait_for(work(), SECONDS)) == 2


@pytest.mark.parametrize("taken_up", [False, True])
def test_a_completion_that_argos_controller_overlooks_is_told_once_more(
    there: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken_up: bool
) -> None:
    monkeypatch.setattr("pressplay.operator.nodes.worker.NUDGE_SECONDS", 0.0)
    a_workflow(there, bad=NONSENSE, gate=A_GATE)
    there.control["POST /control/gates/checks"] = {"verdict": None, "message": "", "again": 60}

    async def work() -> None:
        async with a_worker(there, tmp_path) as worker:
            await worker.look("team", "w")
            kept = there.objects[f"{WORKFLOWS}/w"]
            kept["status"]["nodes"]["w-bad"]["phase"] = "Failed"
            kept["metadata"]["resourceVersion"] = "3" if taken_up else "2"
            await worker.look("team", "w")

    asyncio.run(asyncio.wait_for(work(), SECONDS))
    told = there.objects[f"{WORKFLOWS}/w"]["metadata"].get("annotations") or {}
    assert (names.NUDGED in told) is not taken_up


def test_a_label_alone_makes_no_run_a_nodes(there: Cluster, tmp_path: Path) -> None:
    a_workflow(there, work=A_RUN)
    theirs = {"name": "theirs", "namespace": "team", "labels": {names.WORKFLOW_UID: "u-w"}}
    there.objects[f"{RUNS}/theirs"] = {"kind": "CodeRun", "metadata": theirs, "spec": {}}
    look(there, tmp_path)
    assert "cancel" not in there.objects[f"{RUNS}/theirs"]["spec"]
    assert len(there.of("coderuns")) == 2


def test_nodes_that_cannot_be_read_are_looked_at_again(there: Cluster, tmp_path: Path) -> None:
    a_workflow(there)
    there.objects[f"{WORKFLOWS}/w"]["status"]["compressedNodes"] = "nonsense"
    with pytest.raises(Unreachable, match="cannot be read"):
        look(there, tmp_path)


def test_a_workflow_whose_nodes_are_in_argos_database_is_read_by_its_server(there: Cluster, tmp_path: Path) -> None:
    a_workflow(there, work=A_RUN)
    whole = {**there.objects[f"{WORKFLOWS}/w"]}
    status = {"phase": "Running", "offloadNodeStatusVersion": "fnv:1"}
    there.control[f"GET {SERVER}"] = {**whole, "status": {**whole["status"], **status}}
    there.objects[f"{WORKFLOWS}/w"]["status"] = status
    look(there, tmp_path)
    assert len(there.of("coderuns")) == 1


END = "2026-05-01T11:59:00Z"


def failed(there: Cluster, wish: str, **annotations: str) -> dict[str, Any]:
    """Have the Workflow have failed, and somebody wish that it goes on."""
    a_workflow(there)
    kept = there.objects[f"{WORKFLOWS}/w"]
    kept["metadata"] |= {"labels": {names.FLOW_ID: "3"}, "annotations": {names.RETRY: wish, **annotations}}
    kept["status"] |= {"phase": "Failed", "finishedAt": END}
    there.control["POST /control/flows/3"] = {}
    there.control[f"PUT {SERVER}/retry"] = {}
    return kept


def asked_to_retry(there: Cluster) -> int:
    return there.asked.count(f"PUT {SERVER}/retry")


def test_a_workflow_that_failed_goes_on_where_that_is_wished_and_the_ledger_knows_it_first(
    there: Cluster, tmp_path: Path
) -> None:
    failed(there, f"{END} id=w-qa", **{names.STOPPED: "by hand"})
    look(there, tmp_path)
    calls = [each for each in there.asked if each.startswith(("POST /control/flows", "PUT"))]
    # And again afterwards: the sweep may have found it ended meanwhile.
    assert calls == ["POST /control/flows/3", f"PUT {SERVER}/retry", "POST /control/flows/3"]
    told = there.objects[f"{WORKFLOWS}/w"]["metadata"]["annotations"]
    assert not told.get(names.RETRY)
    assert not told.get(names.STOPPED)


def test_a_wish_is_for_the_end_that_it_names_and_for_no_later_one(there: Cluster, tmp_path: Path) -> None:
    failed(there, "2026-05-01T11:58:00Z id=w-qa")
    look(there, tmp_path)
    assert asked_to_retry(there) == 0


@pytest.mark.parametrize(
    ("refusing", "status", "words"),
    [
        (f"PUT {SERVER}/retry", 500, "pods is forbidden"),
        ("POST /control/flows/3", 422, "another pr-flow of pr:7 is at work"),
    ],
)
def test_a_retry_that_cannot_be_is_told_once_and_not_tried_for_ever(
    there: Cluster, tmp_path: Path, refusing: str, status: int, words: str
) -> None:
    failed(there, f"{END} id=w-qa")
    there.refusals[refusing] = (status, words)
    there.reason = "InvalidRun"
    for _ in range(2):
        look(there, tmp_path)
    told = there.objects[f"{WORKFLOWS}/w"]["metadata"]["annotations"][names.RETRY_REFUSED]
    assert words in told
    assert asked_to_retry(there) == (0 if status == 422 else 1)


def test_an_answer_to_a_retry_that_was_lost_is_no_refusal(there: Cluster, tmp_path: Path) -> None:
    """Argo has done it: the Workflow is at work when it is looked at again."""
    kept = failed(there, f"{END} id=w-qa")
    going = {**kept, "status": {"phase": "Running", "nodes": {}}}
    there.refusals[f"PUT {SERVER}/retry"] = (500, "lost")
    there.after[f"PUT {SERVER}/retry"] = lambda: there.objects.update({f"{WORKFLOWS}/w": going})
    look(there, tmp_path)
    assert names.RETRY_REFUSED not in there.objects[f"{WORKFLOWS}/w"]["metadata"]["annotations"]


REPOSITORY = {"name": "repository", "value": "acme/sums"}


def submitted(there: Cluster, **labels: str) -> dict[str, Any]:
    """Have the Workflow be one that a person submitted."""
    kept = there.objects[f"{WORKFLOWS}/w"]
    kept["metadata"]["labels"] = {names.FLOW: "loop-flow", **labels}
    about = [REPOSITORY, {"name": "pull-request", "value": "7"}, {"name": "task", "value": "{{it}}"}]
    kept["spec"] = {"arguments": {"parameters": about}}
    there.control["POST /control/flows/"] = {}
    there.control["POST /control/flows"] = {"id": 3, "repository_id": 5, "subject": "pr:7"}
    return kept


def test_a_flow_that_a_person_submits_is_known_to_the_ledger_before_its_first_run(
    there: Cluster, tmp_path: Path
) -> None:
    a_workflow(there, work=A_RUN)
    kept = submitted(there)
    look(there, tmp_path)
    labels = {names.FLOW_ID: "3", names.REPOSITORY_ID: "5", names.SUBJECT: "pr-7"}
    assert labels.items() <= there.objects[f"{WORKFLOWS}/w"]["metadata"]["labels"].items()
    assert labels.items() <= there.of("coderuns")[0]["metadata"]["labels"].items()
    assert kept["spec"]
    look(there, tmp_path)
    assert there.asked.count("POST /control/flows") == 1


@pytest.mark.parametrize("status", [422, 503])
def test_a_flow_that_the_ledger_does_not_take_goes_on_without_it(there: Cluster, tmp_path: Path, status: int) -> None:
    a_workflow(there, work=A_RUN)
    submitted(there)
    there.refusals["POST /control/flows"] = (status, "RepositoryNotAllowed")
    look(there, tmp_path)
    assert len(there.of("coderuns")) == 1


def test_an_end_that_is_told_to_nobody_completes_its_node_all_the_same(there: Cluster, tmp_path: Path) -> None:
    a_workflow(there, report={"operation": "report", "ended": "Failed"})
    look(there, tmp_path)
    assert f"PUT {SERVER}/set" in there.asked
    assert not [each for each in there.asked if each.startswith("POST /control")]


def test_an_end_is_told_as_that_of_the_flow_that_the_label_names(there: Cluster, tmp_path: Path) -> None:
    a_workflow(there, report={"operation": "report", "ended": "Failed"})
    submitted(there, **{names.FLOW_ID: "3"})
    look(there, tmp_path)
    assert "POST /control/flows/3" in there.asked
    assert f"PUT {SERVER}/set" in there.asked


def a_flow(number: int) -> DueFlow:
    return DueFlow(
        id=number, key=f"5:pr:{number}", generation=1, flow="pr-flow", repository="acme/sums", repository_id=5,
        subject=f"pr:{number}", parameters={},
    )  # fmt: skip


def step(there: Cluster, folder: Path, due: Due) -> list[str]:
    """Have it done; answers what the gateway was told of."""

    async def work() -> None:
        gateway, server = there.gateway(folder), ArgoServer(there.address, lambda: "token")
        active = asyncio.Event()
        maker = FlowMaker(
            there.access(), gateway, server, Metrics(), "team", active, lambda *_: None, lambda *_: None
        )  # fmt: skip
        try:
            with suppress(Refused, Unreachable):
                await maker.step(due)
        finally:
            await gateway.close()
            await server.close()

    there.control["POST /control/flows"] = {}
    asyncio.run(asyncio.wait_for(work(), SECONDS))
    return [each.rpartition("/")[2] for each in there.asked if each.startswith("POST /control/flows/")]


def test_a_flow_whose_name_is_taken_by_another_holds_up_no_other(there: Cluster, tmp_path: Path) -> None:
    taken = workflow_name(a_flow(1))
    there.objects[f"{WORKFLOWS}/{taken}"] = {"metadata": {"name": taken}, "status": {}}
    there.refusals[f"POST {WORKFLOWS}"] = (409, "already exists")
    second = workflow_name(a_flow(2))
    ours = {"name": second, "annotations": {names.FLOW_KEY: "5:pr:2#1"}}
    there.objects[f"{WORKFLOWS}/{second}"] = {"metadata": ours, "status": {}}
    assert step(there, tmp_path, Due(make=(a_flow(1), a_flow(2)))) == ["2"]


def test_the_latest_flow_of_a_subject_says_why_none_follows_it(there: Cluster, tmp_path: Path) -> None:
    for name, made in (("first", "2026-05-01T12:00:00Z"), ("last", "2026-05-01T12:05:00Z")):
        labels = {names.REPOSITORY_ID: "5", names.SUBJECT: "pr-7", names.FLOW: "ci-flow"}
        told = {"name": name, "namespace": "team", "creationTimestamp": made, "labels": labels}
        there.objects[f"{WORKFLOWS}/{name}"] = {"metadata": told, "status": {"phase": "Succeeded"}}
    there.control["POST /control/wakes"] = {}
    wake = DueWake(id=1, repository_id=5, subject="pr:7", why="a check", parked="twelve flows began")
    for _ in range(2):
        step(there, tmp_path, Due(wakes=(wake,)))
    told = {name: there.objects[f"{WORKFLOWS}/{name}"]["metadata"].get("annotations") for name in ("first", "last")}
    assert told == {"first": None, "last": {names.PARKED: "twelve flows began"}}
    assert len([each for each in there.asked if each.startswith("PATCH")]) == 1


def test_a_flow_of_a_person_is_stopped_by_the_name_that_it_has(there: Cluster, tmp_path: Path) -> None:
    there.objects[f"{WORKFLOWS}/mine"] = {"metadata": {"name": "mine"}, "status": {"phase": "Running"}}
    there.control["PUT /api/v1/workflows/team/mine/terminate"] = {}
    assert step(there, tmp_path, Due(stop=(a_flow(1).model_copy(update={"workflow": "mine"}),))) == ["1"]
    assert "PUT /api/v1/workflows/team/mine/terminate" in there.asked


def test_a_flow_that_has_ended_already_is_not_ended_again(there: Cluster, tmp_path: Path) -> None:
    name = workflow_name(a_flow(1))
    there.objects[f"{WORKFLOWS}/{name}"] = {"metadata": {"name": name}, "status": {"phase": "Succeeded"}}
    assert step(there, tmp_path, Due(stop=(a_flow(1), a_flow(2)))) == ["1", "2"]
    assert not [each for each in there.asked if "terminate" in each]
