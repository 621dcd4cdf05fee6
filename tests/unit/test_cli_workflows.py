"""Workflows of flows as the command line tells of them: listed, step by step, and the one thing that holds one up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pressplay.cli.describe_workflow import why_workflow
from pressplay.cli.workflows import steps
from pressplay.resources import names
from tests.unit.a_cluster import OF_ARGO, PLAIN, Cluster, api_server

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
QA = {"operation": "run", "repository": "octo/shop", "pull-request": "7", "github-app": "qa"}
REVIEW = {"operation": "wait-for-review", "repository": "octo/shop", "pull-request": "7"}


def node(name: str, phase: str, inputs: dict[str, str] | None = None, kind: str = "Suspend", **more: Any) -> Any:
    outputs = more.pop("outputs", {})
    return {
        "id": f"pr-flow-1-{name}", "name": f"pr-flow-1.{name}", "displayName": name, "phase": phase, "type": kind,
        "startedAt": "2030-01-01T11:50:00Z",
        "inputs": {"parameters": [{"name": key, "value": value} for key, value in (inputs or {}).items()]},
        "outputs": {"parameters": [{"name": key, "value": value} for key, value in outputs.items()]}, **more,
    }  # fmt: skip


def workflow(*nodes: dict[str, Any], phase: str = "Running", **spec: Any) -> dict[str, Any]:
    group = {"id": "pr-flow-1", "name": "pr-flow-1", "type": "DAG", "phase": phase, "displayName": "pr-flow-1"}
    arguments = {"parameters": [{"name": "repository", "value": "octo/shop"}]}
    labels = {names.FLOW: "pr-flow", names.SUBJECT: "pr-7"}
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": "pr-flow-1", "namespace": "flows", "uid": "w-1", "labels": labels,
                     "creationTimestamp": "2030-01-01T11:49:00Z"},
        "spec": {"workflowTemplateRef": {"name": "pr-flow"}, "arguments": arguments, **spec},
        "status": {"phase": phase, "startedAt": "2030-01-01T11:49:00Z", "finishedAt": "2030-01-01T11:59:00Z",
                   "nodes": {each["id"]: each for each in (group, *nodes)}} if phase else {},
    }  # fmt: skip


RUN: dict[str, Any] = {
    "apiVersion": "agents.platform/v1", "kind": "CodeRun",
    "metadata": {"name": "pr-flow-qa", "namespace": "flows", "uid": "r-1", "labels": {names.WORKFLOW_UID: "w-1"},
                 "annotations": {names.NODE: "pr-flow-1-qa"}, "creationTimestamp": "2030-01-01T11:50:00Z"},
    "spec": {"repository": "octo/shop", "task": "x"},
    "status": {"phase": "Pending", "conditions": [
        {"type": "Admitted", "status": "False", "reason": "ModelUnavailable", "message": "nobody answers",
         "lastTransitionTime": "2030-01-01T11:55:00Z"}]},
}  # fmt: skip
CLIPPY = node("clippy", "Succeeded", {"operation": "run"}, outputs={"result": "nothing-to-do", "run": "pr-flow-clippy"})


def why(told: dict[str, Any], *runs: dict[str, Any]) -> list[str]:
    of_node = {run["metadata"]["annotations"][names.NODE]: run for run in runs}
    return why_workflow(told, steps(told), of_node, NOW)


def test_a_step_with_a_run_is_explained_by_the_run() -> None:
    assert why(workflow(CLIPPY, node("qa", "Running", QA)), RUN) == [
        "pr-flow-1: step qa waits for coderun pr-flow-qa, for 10m",
        "  pr-flow-qa: ModelUnavailable for 5m: nobody answers",
    ]


def test_a_gate_says_what_it_waits_for_and_what_the_operator_has_found() -> None:
    told = workflow(node("review", "Running", REVIEW, message="nobody has\nreviewed it"))
    assert why(told) == ["pr-flow-1: step review waits for a review of octo/shop#7: nobody has reviewed it, for 10m"]


def test_a_step_that_nobody_has_looked_at_sends_to_the_doctor() -> None:
    line, remedy = why(workflow(node("qa", "Running", QA)))
    assert line == "pr-flow-1: step qa waits for its run, and no operator has looked at it, for 10m"
    assert "pressplay doctor" in remedy


def test_a_workflow_of_somebody_s_own_that_lacks_the_label_says_how_it_is_added() -> None:
    told = workflow(node("qa", "Running", QA))
    del told["metadata"]["labels"][names.FLOW]
    line, remedy = why(told)
    assert line.startswith("pr-flow-1: step qa waits for its run, and operators look at Workflows with the label")
    assert remedy == "  `kubectl label workflow pr-flow-1 -n flows agents.platform/flow=pr-flow-1` adds it"


def test_of_several_steps_the_one_that_has_waited_longest_is_told_and_the_others_counted() -> None:
    late = node("late", "Running", REVIEW, startedAt="2030-01-01T11:58:00Z", message="x")
    (line,) = why(workflow(late, node("review", "Running", REVIEW, message="x")))
    assert line.startswith("pr-flow-1: step review waits")
    assert line.endswith("for 10m (1 other step besides)")


@pytest.mark.parametrize(
    ("told", "line", "remedy"),
    [
        (workflow(node("pr-flow-1.onExit", "Running", {"operation": "report"})),
         "step onExit waits for the gateway to hear how it ended, and no operator", "pressplay doctor"),
        (workflow(node("ask", "Running")), "step ask waits for somebody to resume it", "--node-field-selector id="),
        (workflow(node("qa", "Pending", QA, kind="Retry", message="Lock status: 0/10",
                       synchronizationStatus={"waiting": "flows/ConfigMap/pressplay-limits/runs"})),
         "step qa waits for its turn: Lock status: 0/10", "how many may run"),
        (workflow(node("qa", "Pending", QA, kind="Retry", message="Lock status: 10/10",
                       synchronizationStatus={"waiting": "flows/ConfigMap/pressplay-limits/runs"})),
         "step qa waits for its turn: Lock status: 10/10", "kubectl rollout restart deployment workflow-controller"),
        (workflow(node("build", "Pending", kind="Pod", message="ImagePullBackOff")),
         "step build waits for its pod: ImagePullBackOff", "kubectl describe pods"),
        (workflow(node("qa", "Running", QA), suspend=True), "suspended as a whole", "kubectl patch workflow pr-flow-1"),
        (workflow(phase=""), "no Argo controller has looked at it for 11m", "workflow-controller"),
        (workflow(node("qa", "Failed", QA, message="CodeRun pr-flow-qa: GaveUp", outputs={"run": "pr-flow-qa"}),
                  phase="Failed"), "pr-flow-1 failed after 10m00s", "step qa: CodeRun pr-flow-qa: GaveUp"),
    ],
)  # fmt: skip
def test_each_reason_has_its_words_and_what_to_do(told: dict[str, Any], line: str, remedy: str) -> None:
    first, *rest = why(told)
    assert line in first
    assert remedy in rest[0]


def test_an_expression_that_argo_does_not_read_is_named_with_its_parameter() -> None:
    told = workflow(phase="")
    told["spec"]["arguments"]["parameters"].append({"name": "task", "value": "Mend {{=foo("})
    problem, remedy = why(told)
    assert "the expression in parameter task" in problem
    assert "argo delete pr-flow-1 --namespace flows" in remedy


def test_the_last_one_of_a_subject_tells_why_none_follows_it() -> None:
    told = workflow(CLIPPY, phase="Succeeded")
    told["metadata"]["annotations"] = {names.PARKED: "twelve flows of pr:7 began; `/pressplay run` goes on"}
    assert why(told)[-1] == "  parked: twelve flows of pr:7 began; `/pressplay run` goes on"


def test_one_that_ends_or_has_ended_asks_for_nothing() -> None:
    assert why(workflow(node("qa", "Running", QA), shutdown="Stop")) == [
        "pr-flow-1: it is being ended (Stop); its runs are cancelled, and their work is kept"
    ]
    assert why(workflow(CLIPPY, phase="Succeeded")) == ["pr-flow-1 succeeded after 10m00s"]
    assert why(workflow(CLIPPY)) == ["pr-flow-1: no step waits; Argo is about to begin the next one"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with api_server(tmp_path, plurals=(*PLAIN, *OF_ARGO, "namespaces")) as found:
        found.put("workflowtemplates", {"metadata": {"name": "pressplay-nodes", "namespace": "flows"}})
        found.put("workflows", workflow(CLIPPY, node("qa", "Running", QA)))
        found.put("coderuns", json.loads(json.dumps(RUN)))
        pod = {"name": "pr-flow-qa-x", "namespace": "flows", "labels": {names.RUN_UID: "r-1"}}
        found.put("pods", {"metadata": pod})
        found.logs["pr-flow-qa-x/runner"] = "one\ntwo\n"
        yield found


def call(cluster: Cluster, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "KUBECONFIG": cluster.kubeconfig}
    return subprocess.run(
        [sys.executable, "-m", "pressplay", "--no-color", *words],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_flows_are_listed_where_they_are_worked(cluster: Cluster) -> None:
    for words in (["workflow", "list"], ["get", "flows"]):
        answer = call(cluster, *words)
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.splitlines()[1].split()[:4] == ["pr-flow-1", "pr-flow", "pr-7", "Running"]
    listed = json.loads(call(cluster, "workflow", "list", "-o", "json").stdout)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["pr-flow-1"]
    assert call(cluster, "workflow", "list", "-o", "name").stdout == "workflow.argoproj.io/pr-flow-1\n"


def test_a_namespace_that_is_named_is_the_only_one_that_is_listed(cluster: Cluster) -> None:
    for name in ("flows", "default"):
        cluster.put("namespaces", {"metadata": {"name": name, "namespace": ""}})
    assert "pr-flow-1" in call(cluster, "workflow", "list", "-n", "flows").stdout
    elsewhere = call(cluster, "workflow", "list", "-n", "default")
    assert (elsewhere.returncode, elsewhere.stdout) == (0, "")
    assert "no flows in namespace default" in elsewhere.stderr
    for words in (["workflow", "list"], ["get", "flows"]):
        refused = call(cluster, *words, "-n", "nope")
        assert refused.returncode == 1
        assert "there is no namespace 'nope'" in refused.stderr


def test_the_status_has_a_line_for_each_step_and_says_what_is_waited_for(cluster: Cluster) -> None:
    answer = call(cluster, "workflow", "status", "pr-flow-1")
    assert answer.returncode == 0, answer.stderr
    assert "pr-flow-1 running · pr-flow · pr-7 · octo/shop" in answer.stdout
    clippy, qa = answer.stdout.splitlines()[2:]
    assert clippy.split()[:5] == ["clippy", "Succeeded", "run", "pr-flow-clippy", "nothing-to-do"]
    assert qa.split()[:4] == ["qa", "Running", "coderun/pr-flow-qa", "Pending"]
    assert "step qa waits for coderun pr-flow-qa" in answer.stderr
    told = json.loads(call(cluster, "workflow", "status", "pr-flow-1", "-o", "json").stdout)
    assert [(step["name"], step["run"]) for step in told["steps"]] == [
        ("clippy", "pr-flow-clippy"), ("qa", "pr-flow-qa"),
    ]  # fmt: skip


def test_the_logs_are_those_of_the_agents_at_work(cluster: Cluster) -> None:
    answer = call(cluster, "workflow", "logs", "pr-flow-1")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "==> qa: coderun.agents.platform/pr-flow-qa <==\none\ntwo\n"
    refused = call(cluster, "workflow", "logs", "pr-flow-1", "--step", "nobody")
    assert "has no step 'nobody'" in refused.stderr


def test_why_takes_runs_and_workflows(cluster: Cluster) -> None:
    assert call(cluster, "why", "pr-flow-1").stdout.startswith("pr-flow-1: step qa waits for coderun pr-flow-qa")
    assert call(cluster, "why", "workflow/pr-flow-1", "-n", "flows").returncode == 0
    assert call(cluster, "why", "pr-flow-qa", "-n", "flows").stdout.startswith("pr-flow-qa: ModelUnavailable")
    refused = call(cluster, "why", "nobody")
    assert refused.returncode == 1
    assert "there is no run 'nobody'" in refused.stderr


def test_without_argo_runs_are_explained_as_ever_and_flows_are_said_to_be_none(tmp_path: Path) -> None:
    with api_server(tmp_path) as cluster:
        assert "there is no run 'nobody'" in call(cluster, "why", "nobody").stderr
        assert "flows need Argo Workflows" in call(cluster, "workflow", "list").stderr
