"""`pressplay workstreams` as its users call it: a process of its own, before an API server on a real port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.a_cluster import OF_ARGO, PLAIN, Cluster, api_server
from tests.unit.a_run import git

STREAMS: dict[str, dict[str, Any]] = {
    "api": {"priority": "high"},
    "tests": {"capabilities": ["test"], "dependencies": ["api"]},
    "docs": {"dependencies": ["api"], "priority": "low"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three workstreams in a checkout of octo/shop."""
    checkout = tmp_path / "shop"
    (checkout / "plans").mkdir(parents=True)
    git(checkout, "init", "--quiet", "--initial-branch=main")
    git(checkout, "remote", "add", "origin", "git@github.example:octo/shop.git")
    for name, more in STREAMS.items():
        told = {"name": name, "capabilities": ["implement"], "objectives": [f"Do {name}"], **more}
        (checkout / "plans" / f"{name}.yaml").write_text(yaml.safe_dump(told))
    return checkout / "plans"


def call(cluster: Cluster | None, *words: str | Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "KUBECONFIG": cluster.kubeconfig if cluster else "/nonexistent", "NO_COLOR": "1"}
    words = ("workstreams", *words)
    return subprocess.run(
        [sys.executable, "-m", "pressplay", *map(str, words)],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def operator(**phases: str) -> Callable[[Cluster, dict[str, Any]], None]:
    """Ends each CodeRun as soon as it is made; each succeeds unless another phase is said for its workstream."""

    def end(cluster: Cluster, made: dict[str, Any]) -> None:
        if made["kind"] != "CodeRun":
            return
        phase = phases.get(made["metadata"]["labels"]["agents.platform/workstream"], "Succeeded")
        threading.Timer(0, cluster.set_status, ("coderuns", made["metadata"]["name"]), status(phase)).start()

    return end


def status(phase: str) -> dict[str, Any]:
    finished = {"type": "Finished", "status": "True", "reason": "Succeeded", "message": "done"}
    if phase == "Failed":
        finished |= {"reason": "TimeBudgetExceeded", "message": "30 minutes | are\nover"}
    return {
        "phase": phase, "conditions": [finished], "cost": "0.25", "pullRequest": 7, "summary": "<b>It</b> is done",
        "pullRequestUrl": "https://github.example/octo/shop/pull/7", "startTime": "2026-05-01T12:00:00Z",
        "completionTime": "2026-05-01T12:01:05Z",
    }  # fmt: skip


def states(answer: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return {each["name"]: each["state"] for each in json.loads(answer.stdout)["workstreams"]}


def streams_of(cluster: Cluster) -> list[str]:
    return [name.rpartition("-")[0].rpartition("-")[0] for name in cluster.named("coderuns")]


def test_without_argo_each_begins_when_what_it_depends_on_is_done(folder: Path, tmp_path: Path) -> None:
    with api_server(tmp_path, on_change=operator()) as cluster:
        answer = call(cluster, "run", folder, "--wait", "--timeout", "50s", "-o", "json")
        assert answer.returncode == 0, answer.stderr
        assert states(answer) == {"api": "done", "tests": "done", "docs": "done"}
        assert streams_of(cluster)[0] == "api"
        spec = cluster.get("coderuns", cluster.named("coderuns")[0])["spec"]
    assert spec == {"repository": "octo/shop", "task": "Do api", "persona": "rex"}
    assert "the runs are made from here" in answer.stderr


def test_what_fails_keeps_back_only_what_depends_on_it_and_is_run_again_with_it(folder: Path, tmp_path: Path) -> None:
    other = {"name": "other", "capabilities": ["implement"], "objectives": ["Do other"]}
    (folder / "other.yml").write_text(yaml.safe_dump(other))
    with api_server(tmp_path, on_change=operator(api="Failed")) as cluster:
        failed = call(cluster, "run", folder, "--wait", "-o", "json")
        assert failed.returncode == 1
        assert states(failed) == {"api": "failed", "tests": "blocked", "docs": "blocked", "other": "done"}
        assert "api failed: TimeBudgetExceeded: 30 minutes | are over" in failed.stderr
        cluster.on_change = operator()
        again = call(cluster, "run", folder, "--wait", "-o", "json")
        assert again.returncode == 0
        assert set(states(again).values()) == {"done"}
        assert sorted(streams_of(cluster)) == ["api", "api", "docs", "other", "tests"]
        assert sum(name.startswith("api-") and name.endswith("-2") for name in cluster.named("coderuns")) == 1


def test_what_is_done_is_run_again_only_when_that_is_asked_for(folder: Path, tmp_path: Path) -> None:
    with api_server(tmp_path, on_change=operator()) as cluster:
        call(cluster, "run", folder, "--wait")
        assert call(cluster, "run", folder, "--wait").returncode == 0
        assert len(cluster.named("coderuns")) == 3
        refused = call(cluster, "run", folder, "--again")
        assert refused.returncode == 2
        assert "add --wait" in refused.stderr
        assert call(cluster, "run", folder, "--again", "--wait").returncode == 0
        assert len(cluster.named("coderuns")) == 6


def test_without_waiting_what_cannot_begin_yet_is_named(folder: Path, tmp_path: Path) -> None:
    with api_server(tmp_path) as cluster:
        answer = call(cluster, "run", folder)
        assert answer.returncode == 0
        assert streams_of(cluster) == ["api"]
        assert "without Argo nobody begins tests, docs" in answer.stderr
        assert call(cluster, "run", folder).returncode == 0
        assert streams_of(cluster) == ["api"]
        late = call(cluster, "run", folder, "--wait", "--timeout", "1s")
        assert late.returncode == 4


def test_no_more_are_at_work_at_once_than_is_said_and_the_urgent_goes_first(folder: Path, tmp_path: Path) -> None:
    for name, priority in (("b", "low"), ("c", "critical")):
        told = {"name": name, "capabilities": ["fix"], "objectives": ["x"], "priority": priority}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(told))
    most = []

    def count(cluster: Cluster, made: dict[str, Any]) -> None:
        most.append(sum(not cluster.get("coderuns", name).get("status") for name in cluster.named("coderuns")))
        operator()(cluster, made)

    with api_server(tmp_path, on_change=count) as cluster:
        assert call(cluster, "run", folder, "--wait", "--parallel", "1").returncode == 0
        assert streams_of(cluster) == ["c", "api", "tests", "b", "docs"]
    assert most == [1, 1, 1, 1, 1]


def nodes(workflow: dict[str, Any], **phases: str) -> dict[str, Any]:
    name = workflow["metadata"]["name"]
    outputs = {"result": "succeeded", "run": "workstreams-1", "pull-request": "7", "branch": "work"}
    return {
        f"{name}-{stream}": {
            "id": f"{name}-{stream}", "name": f"{name}.{stream}", "displayName": stream, "phase": phase,
            "type": "Skipped" if phase == "Omitted" else "Suspend", "startedAt": "2026-05-01T12:00:00Z",
            "message": "ModelUnavailable: nobody answers" if phase == "Failed" else "",
            **({"outputs": {"parameters": [{"name": key, "value": value} for key, value in outputs.items()]}}
               if phase == "Succeeded" else {}),
        }
        for stream, phase in phases.items()
    }  # fmt: skip


@pytest.fixture
def with_argo(tmp_path: Path) -> Any:
    with api_server(tmp_path, plurals=(*PLAIN, *OF_ARGO)) as cluster:
        cluster.put("workflowtemplates", {"metadata": {"name": "pressplay-nodes", "namespace": "flows"}})
        yield cluster


def test_with_argo_one_workflow_does_it_where_flows_are_worked(folder: Path, with_argo: Cluster) -> None:
    answer = call(with_argo, "run", folder, "-o", "json")
    assert answer.returncode == 0, answer.stderr
    (name,) = with_argo.named("workflows")
    workflow = with_argo.get("workflows", name)
    assert workflow["metadata"]["namespace"] == "flows"
    tasks = workflow["spec"]["templates"][0]["dag"]["tasks"]
    assert {task["name"]: task.get("depends") for task in tasks} == {
        "api": None, "tests": "api.Succeeded", "docs": "api.Succeeded",
    }  # fmt: skip
    assert with_argo.named("coderuns") == []
    followed = call(with_argo, "run", folder)
    assert f"workflow/{name} works" in followed.stderr
    assert with_argo.named("workflows") == [name]


def test_a_workflow_is_waited_for_and_what_it_leaves_is_taken_up_by_the_next(folder: Path, with_argo: Cluster) -> None:
    def ends(cluster: Cluster, made: dict[str, Any]) -> None:
        told = nodes(made, api="Succeeded", tests="Failed", docs="Succeeded")
        threading.Timer(0, cluster.set_status, ("workflows", made["metadata"]["name"]),
                        {"phase": "Failed", "nodes": told}).start()  # fmt: skip

    with_argo.on_change = ends
    answer = call(with_argo, "run", folder, "--wait", "--timeout", "50s", "-o", "json")
    assert answer.returncode == 1, answer.stderr
    assert states(answer) == {"api": "done", "tests": "failed", "docs": "done"}
    assert "tests failed: ModelUnavailable: nobody answers" in answer.stderr
    with_argo.on_change = None
    assert call(with_argo, "run", folder).returncode == 0
    tasks = with_argo.get("workflows", with_argo.named("workflows")[1])["spec"]["templates"][0]["dag"]["tasks"]
    assert [(task["name"], task.get("depends")) for task in tasks] == [("tests", None)]
    # What failed before is being done anew, so it counts no more.
    assert states(call(with_argo, "status", folder, "-o", "json"))["tests"] == "ready"


def test_a_workflow_that_somebody_stops_ends_the_waiting(folder: Path, with_argo: Cluster) -> None:
    def ends(cluster: Cluster, made: dict[str, Any]) -> None:
        told = {"phase": "Failed", "nodes": nodes(made, api="Succeeded")}
        threading.Timer(0, cluster.set_status, ("workflows", made["metadata"]["name"]), told).start()

    with_argo.on_change = ends
    answer = call(with_argo, "run", folder, "--wait", "--timeout", "50s")
    assert answer.returncode == 1
    assert "has ended before all had begun" in answer.stderr


def test_what_was_done_without_argo_counts_where_there_is_argo_now(folder: Path, with_argo: Cluster) -> None:
    with_argo.on_change = operator(tests="Failed")
    assert call(with_argo, "run", folder, "--no-argo", "--wait").returncode == 1
    with_argo.on_change = None
    assert call(with_argo, "run", folder).returncode == 0
    tasks = with_argo.get("workflows", with_argo.named("workflows")[0])["spec"]["templates"][0]["dag"]["tasks"]
    assert [task["name"] for task in tasks] == ["tests"]
    refused = call(with_argo, "run", folder, "--no-argo")
    assert refused.returncode == 1
    assert "works plans-" in refused.stderr


def test_a_set_can_be_named_and_a_name_that_cannot_be_is_refused(folder: Path, with_argo: Cluster) -> None:
    assert call(with_argo, "run", folder, "--name", "autumn").returncode == 0
    assert with_argo.named("workflows") == ["autumn-1"]
    assert "--name 'Autumn 1' is wrong" in call(with_argo, "status", folder, "--name", "Autumn 1").stderr


def test_a_node_that_was_resumed_by_hand_is_no_work_that_was_done(folder: Path, with_argo: Cluster) -> None:
    call(with_argo, "run", folder)
    workflow = with_argo.get("workflows", with_argo.named("workflows")[0])
    told = nodes(workflow, api="Succeeded")
    del next(iter(told.values()))["outputs"]
    with_argo.set_status("workflows", workflow["metadata"]["name"], phase="Running", nodes=told)
    assert states(call(with_argo, "status", folder, "-o", "json"))["api"] == "failed"


def test_of_a_node_that_was_tried_again_the_last_run_holds(folder: Path, with_argo: Cluster) -> None:
    call(with_argo, "run", folder)
    workflow = with_argo.get("workflows", with_argo.named("workflows")[0])
    node = f"{workflow['metadata']['name']}-api"
    tries = [f"{node}-0", f"{node}-1"]
    labels = {**workflow["metadata"]["labels"], "agents.platform/workflow-uid": workflow["metadata"]["uid"]}
    meta = {"name": "workstreams-1", "namespace": "flows", "labels": labels,
            "annotations": {"agents.platform/node": tries[1]}}  # fmt: skip
    earlier = {**meta, "name": "workstreams-0", "annotations": {"agents.platform/node": tries[0]}}
    with_argo.put("coderuns", {"metadata": earlier, "spec": {}, "status": status("Failed")})
    with_argo.put("coderuns", {"metadata": meta, "spec": {}, "status": status("Succeeded")})

    def told(phase: str) -> tuple[str, str, str]:
        of_argo = nodes(workflow, api=phase)
        of_argo[node] |= {"type": "Retry", "children": tries}
        of_argo |= {each: {**of_argo[node], "id": each, "name": f"{of_argo[node]['name']}({each[-1]})",
                           "displayName": f"api({each[-1]})", "type": "Suspend"} for each in tries}  # fmt: skip
        with_argo.set_status("workflows", workflow["metadata"]["name"], nodes=of_argo)
        found = json.loads(call(with_argo, "status", folder, "-o", "json").stdout)["workstreams"][0]
        return found["state"], found["run"]["cost"], found["run"]["run"]

    # It may be tried once more, so only the node says that its runs have come to an end.
    assert told("Running") == ("running", "0.25", "workstreams-1")
    assert told("Succeeded") == ("done", "0.25", "workstreams-1")


def test_several_places_with_flows_must_be_told_apart(folder: Path, with_argo: Cluster) -> None:
    with_argo.put("workflowtemplates", {"metadata": {"name": "pressplay-nodes", "namespace": "more"}})
    refused = call(with_argo, "run", folder)
    assert refused.returncode == 1
    assert "flows, more" in refused.stderr
    assert call(with_argo, "run", folder, "-n", "more").returncode == 0
    assert call(with_argo, "run", folder, "--parallel", "2", "-n", "more").returncode == 2


def test_the_report_is_markdown_that_shows_what_others_wrote_as_it_reads(folder: Path, tmp_path: Path) -> None:
    with api_server(tmp_path, on_change=operator(tests="Failed")) as cluster:
        call(cluster, "run", folder, "--wait")
        answer = call(cluster, "report", folder)
        told = json.loads(call(cluster, "report", folder, "-o", "json").stdout)
    assert answer.returncode == 0
    assert "2 done, 1 failed. Cost $0.7500." in answer.stdout
    assert "| api | done | rex | [#7](https://github.example/octo/shop/pull/7) | $0.2500 | 1m05s |" in answer.stdout
    assert "TimeBudgetExceeded: 30 minutes \\| are over." in answer.stdout
    assert "> \\<b\\>It\\</b\\> is done" in answer.stdout
    assert (told["dollars"], told["counts"]) == ("0.75", {"done": 2, "failed": 1})


def test_what_is_wrong_with_the_files_is_told_before_a_cluster_is_asked(folder: Path) -> None:
    (folder / "docs.yaml").write_text("{name: docs, capabilities: [implement], objectives: [x], dependencies: [apo]}")
    refused = call(None, "run", folder)
    assert refused.returncode == 1
    assert "docs.yaml: dependencies: there is no workstream `apo`" in refused.stderr
    assert "is it `api`?" in refused.stderr


def test_a_dry_run_shows_the_order_and_the_workflow_and_asks_no_cluster(folder: Path) -> None:
    shown = call(None, "run", folder, "--dry-run")
    assert [line.split()[1] for line in shown.stdout.splitlines()[1:]] == ["api", "tests", "docs"]
    workflow = yaml.safe_load(call(None, "run", folder, "--dry-run", "-o", "yaml").stdout)
    assert workflow["kind"] == "Workflow"
    assert len(workflow["spec"]["templates"][0]["dag"]["tasks"]) == 3
