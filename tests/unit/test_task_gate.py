"""What a task's flow came to: the ledger says which pull requests are its runs', GitHub whether they are merged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from pressplay.ledger import tables
from pressplay.ledger.flows import Flows, Submitted
from pressplay.protocol.gates import GateAnswer
from tests.unit.a_gateway import platform
from tests.unit.test_gates import Scene, scene_of
from tests.unit.test_merge_gate import NONE_NEEDED, merge, settle

UID = "uid-of-the-workflow"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with platform(tmp_path) as whole:
        yield scene_of(whole)


def a_flow(scene: Scene, *pulls: int | None, uid: str = UID) -> None:
    """A task-flow in the ledger, with a run for each pull request."""
    ledger = scene.whole.gateway.ledger
    identity = scene.whole.hub.state.repositories["acme/sums"]["id"]
    row = Flows(ledger).submitted(("acme/sums", identity), Submitted(uid, "task-flow-1", "task-flow", "workflow:1"))
    with ledger.transaction() as connection:
        for number, pull in enumerate(pulls):
            run = f"{uid}-{number}"
            of = {"run": run, "flow": row.identity, "repository_id": identity, "branch": "work"}
            connection.execute(insert(tables.flow_runs).values(of))
            left = {"run": run, "digest": "", "state": "done", "time": float(number), "body": b"", "pull_request": pull}
            connection.execute(insert(tables.outputs).values(left))


def came_to(scene: Scene, uid: str = UID) -> GateAnswer:
    return scene.ask("task", flow_uid=uid)


def test_it_is_merged_when_github_says_so_of_a_pull_request_of_its_runs(scene: Scene) -> None:
    a_flow(scene, None, scene.number, scene.number)
    assert came_to(scene).verdict == "parked"
    settle(scene, NONE_NEEDED)
    assert merge(scene)[0] == "merged"
    told = came_to(scene)
    assert (told.verdict, told.outputs["pull-request"]) == ("merged", str(scene.number))


def test_one_that_is_not_merged_says_what_its_last_gate_said(scene: Scene) -> None:
    a_flow(scene, scene.number)
    _, why = merge(scene)
    told = came_to(scene)
    assert (told.verdict, told.message) == ("parked", f"pull request {scene.number} is not merged: {why}")


def test_without_a_pull_request_it_is_parked_and_says_where_to_look(scene: Scene) -> None:
    a_flow(scene, None)
    assert came_to(scene).verdict == "parked"
    assert "pressplay workflow status" in came_to(scene).message


def test_somebody_else_s_merged_pull_request_is_none_of_its_own(scene: Scene) -> None:
    a_flow(scene, scene.number, uid="another")
    settle(scene, NONE_NEEDED)
    assert merge(scene)[0] == "merged"
    a_flow(scene)
    assert came_to(scene).verdict == "parked"


def test_of_a_workflow_that_the_ledger_does_not_know_nothing_is_said(scene: Scene) -> None:
    told = came_to(scene, "nobody")
    assert (told.verdict, "knows no flow" in told.message) == (None, True)


def test_a_pull_request_that_is_open_is_gone_on_with_and_a_closed_one_is_not(scene: Scene) -> None:
    a_flow(scene, scene.number)
    assert came_to(scene).outputs["pull-request"] == str(scene.number)
    scene.call("of-ann", "PATCH", f"/pulls/{scene.number}", {"state": "closed"})
    assert came_to(scene).outputs["pull-request"] == ""
