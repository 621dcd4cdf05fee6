"""`pressplay retry`: an ended run once more, and a flow that failed from where it did; what cannot be says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pressplay.cli.retry import retry
from pressplay.resources import names
from tests.unit.a_cluster import OF_ARGO, PLAIN, Cluster, api_server

END = "2030-01-01T11:59:00Z"
GIVEN = [{"name": "repository", "value": "octo/shop"}, {"name": "task", "value": "Mend it's"}, {"name": "head"}]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with api_server(tmp_path, plurals=(*PLAIN, *OF_ARGO)) as found:
        found.put("workflowtemplates", {"metadata": {"name": "pressplay-nodes", "namespace": "flows"}})
        yield found


def call(cluster: Cluster, *words: str) -> Result:
    return CliRunner().invoke(retry, words, env={"KUBECONFIG": cluster.kubeconfig})


def a_run(cluster: Cluster, phase: str, admitted: str = "True", reason: str = "AgentGaveUp", **spec: Any) -> None:
    conditions = [
        {"type": "Admitted", "status": admitted, "reason": "Admitted" if admitted == "True" else reason},
        {"type": "Finished", "status": "True", "reason": reason},
    ]
    body = {"metadata": {"name": "mine"}, "kind": "CodeRun", "apiVersion": "agents.platform/v1",
            "spec": {"repository": "octo/shop", "task": "x", **spec},
            "status": {"phase": phase, "conditions": conditions}}  # fmt: skip
    cluster.put("coderuns", body)


def made(cluster: Cluster) -> dict[str, Any]:
    [name] = [each for each in cluster.named("coderuns") if each != "mine"]
    spec: dict[str, Any] = cluster.get("coderuns", name)["spec"]
    return spec


def test_a_run_that_failed_is_gone_on_with(cluster: Cluster) -> None:
    a_run(cluster, "Failed", branch="work")
    answer = call(cluster, "mine")
    assert answer.exit_code == 0, answer.output
    assert "goes on with the work of mine" in answer.stderr
    assert made(cluster) == {"repository": "octo/shop", "task": "x", "continueFrom": "mine"}


def test_a_run_that_was_refused_left_no_work_and_begins_anew_as_it_was_to(cluster: Cluster) -> None:
    a_run(cluster, "Failed", "False", "UnknownModel", continueFrom="before", branch="work")
    answer = call(cluster, "mine")
    assert "begins anew: mine was refused" in answer.stderr
    assert made(cluster) == {"repository": "octo/shop", "task": "x", "continueFrom": "before", "branch": "work"}


def test_a_run_that_was_refused_for_what_it_was_to_go_on_with_goes_on_with_nothing(cluster: Cluster) -> None:
    a_run(cluster, "Failed", "False", "ContinueFromNotFound", continueFrom="nobody")
    assert call(cluster, "mine").exit_code == 0
    assert "continueFrom" not in made(cluster)


def test_a_run_that_succeeded_is_done_once_more_only_where_that_is_said(cluster: Cluster) -> None:
    a_run(cluster, "Succeeded", reason="Succeeded")
    refused = call(cluster, "mine")
    assert refused.exit_code == 1
    assert "mine succeeded" in refused.stderr
    assert "`pressplay retry mine --afresh`" in refused.stderr
    assert cluster.named("coderuns") == ["mine"]
    assert call(cluster, "mine", "--afresh").exit_code == 0
    assert made(cluster) == {"repository": "octo/shop", "task": "x"}


def node(name: str, phase: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"f-{name}", "name": f"f.{name}", "displayName": name.rpartition(".")[2], "type": "Suspend",
        "phase": phase, "startedAt": "2030-01-01T11:50:00Z",
        "inputs": {"parameters": [{"name": "operation", "value": "run"}]}, **more,
    }  # fmt: skip


def a_flow(cluster: Cluster, phase: str, *nodes: dict[str, Any], **labels: str) -> None:
    cluster.put("workflows", {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": "f", "namespace": "flows", "labels": labels or {names.FLOW: "pr-flow"}},
        "spec": {"workflowTemplateRef": {"name": "pr-flow"}, "arguments": {"parameters": GIVEN}},
        "status": {"phase": phase, "finishedAt": END, "nodes": {each["id"]: each for each in nodes}},
    })  # fmt: skip


def grants(cluster: Cluster, body: dict[str, Any]) -> None:
    """An operator that has Argo do as it is wished."""
    if names.RETRY in (body["metadata"].get("annotations") or {}) and (body.get("status") or {}).get("finishedAt"):
        cluster.set_status("workflows", "f", phase="Running", finishedAt=None)


def wish(cluster: Cluster) -> str:
    return str(cluster.get("workflows", "f")["metadata"]["annotations"][names.RETRY])


def test_what_failed_of_a_flow_begins_anew(cluster: Cluster) -> None:
    a_flow(cluster, "Failed", node("clippy", "Succeeded"), node("qa", "Failed"))
    cluster.on_change = grants
    answer = call(cluster, "f")
    assert answer.exit_code == 0, answer.output
    assert "f goes on, with qa" in answer.stderr
    assert answer.stdout == "f\n"
    assert wish(cluster) == f"{END} id=f-qa"


def test_one_step_and_what_followed_it_begins_anew_where_it_is_named(cluster: Cluster) -> None:
    a_flow(cluster, "Failed", node("clippy", "Succeeded"), node("qa", "Failed"))
    cluster.on_change = grants
    assert call(cluster, "workflow/f", "--node", "clippy").exit_code == 0
    assert wish(cluster) == f"{END} id=f-clippy"


def test_of_the_steps_of_rounds_the_one_that_failed_is_meant_or_has_to_be_named_in_whole(cluster: Cluster) -> None:
    a_flow(cluster, "Failed", node("qa", "Failed"), node("again.qa", "Succeeded"), node("a.x", "Failed"),
           node("b.x", "Failed"))  # fmt: skip
    cluster.on_change = grants
    refused = call(cluster, "f", "--node", "x")
    assert "name one of them in whole: a.x, b.x" in refused.stderr
    assert call(cluster, "f", "--node", "b.x").exit_code == 0
    assert wish(cluster) == f"{END} id=f-b.x"


def test_what_the_operator_could_not_do_is_told_in_its_words(cluster: Cluster) -> None:
    a_flow(cluster, "Failed", node("qa", "Failed"))

    def refuses(there: Cluster, body: dict[str, Any]) -> None:
        meta = body["metadata"]
        if names.RETRY_REFUSED not in meta["annotations"]:
            told = {**meta["annotations"], names.RETRY_REFUSED: "the Argo server does not answer: ConnectError"}
            there.put("workflows", {**body, "metadata": {**meta, "annotations": told}})

    cluster.on_change = refuses
    for _ in range(2):
        answer = call(cluster, "f")
        assert answer.exit_code == 1
        assert "f was not retried: the Argo server does not answer: ConnectError" in answer.stderr
        assert "`pressplay doctor`" in answer.stderr
    # Asked once more, it is not refused for what was refused before.
    cluster.on_change = grants
    assert call(cluster, "f").exit_code == 0


def test_nobody_who_does_it_is_told_after_a_while(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pressplay.cli.retry_workflow.TAKEN_UP_SECONDS", 0.2)
    a_flow(cluster, "Failed", node("qa", "Failed"))
    answer = call(cluster, "f")
    assert answer.exit_code == 4
    assert "no operator has taken the retry of f up" in answer.stderr


@pytest.mark.parametrize(
    ("phase", "nodes", "words", "told"),
    [
        ("Running", [], [], ("f has not ended (Running)", "`pressplay why f`", "`argo stop f --namespace flows`")),
        ("Succeeded", [], [], ("f succeeded", "`argo submit --namespace flows --from workflowtemplate/pr-flow",
                               "-p repository=octo/shop", """-p 'task=Mend it'"'"'s'""")),
        ("Error", [node("qa", "Succeeded")], [], ("f ended as Error, and none of its steps failed", "argo submit")),
        ("Failed", [node("review", "Failed")], ["--node", "reveiw"],
         ("f has no step 'reveiw'", "did you mean 'review'?")),
        ("Failed", [node("qa", "Failed", type="Suspend"), node("ask", "Failed", inputs={})], [],
         ("several steps that cannot be begun anew at once: ask, qa", "--node STEP")),
        ("Failed", [node("qa", "Failed")], ["--afresh"], ("--afresh is for runs", "`pressplay retry f`")),
        ("Failed", [node("qa", "Failed")], ["--watch"], ("a Workflow is not waited for", "workflow status f")),
    ],
)  # fmt: skip
def test_what_cannot_be_retried_says_why_and_what_to_do(
    cluster: Cluster, phase: str, nodes: list[dict[str, Any]], words: list[str], told: tuple[str, ...]
) -> None:
    a_flow(cluster, phase, *nodes)
    answer = call(cluster, "f", *words)
    assert answer.exit_code != 0
    assert [each for each in told if each not in answer.stderr] == []
    assert "annotations" not in cluster.get("workflows", "f")["metadata"]


def test_a_workflow_that_no_operator_looks_at_says_how_it_does(cluster: Cluster) -> None:
    a_flow(cluster, "Failed", node("qa", "Failed"), other="label")
    assert f"`kubectl label workflow f --namespace flows {names.FLOW}=f` adds it" in call(cluster, "f").stderr


def test_without_argo_there_is_no_workflow_to_retry(tmp_path: Path) -> None:
    with api_server(tmp_path) as cluster:
        assert "flows need Argo Workflows" in call(cluster, "f", "--node", "qa").stderr
        assert "flows need Argo Workflows" in call(cluster, "workflow/f").stderr
        assert "there is no run 'f'" in call(cluster, "f").stderr


def test_a_run_has_no_nodes(cluster: Cluster) -> None:
    a_run(cluster, "Failed")
    assert "mine is a run, and has no nodes" in call(cluster, "mine", "--node", "qa").stderr
