"""Suspended nodes of Workflows: how they are read, what they may ask for, and what follows. All of it pure."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pressplay.kube.argo import LARGEST_NODES, Offloaded, SuspendedNode, Workflow, read_workflow, step_of
from pressplay.operator.flows import build_workflow, label_of, workflow_name
from pressplay.operator.nodes.contract import supplied
from pressplay.operator.nodes.decide import (
    Ask,
    Cancel,
    Complete,
    Create,
    Observed,
    Wait,
    decide,
    executable,
)
from pressplay.operator.nodes.ledger import why
from pressplay.operator.nodes.runs import NodeRun, build_run, earlier_of, read_run, run_name
from pressplay.protocol.flows import DueFlow
from pressplay.protocol.gates import GateAnswer
from pressplay.resources import names
from pressplay.resources.coderun import CodeRun
from pressplay.resources.docsrun import DocsRun

STARTED = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HEAD = "a" * 40
RUN_OUTPUTS = ("result", "verdict", "run", "head", "pull-request", "branch")
ALL_OF_A_RUN = {
    "operation": "run", "kind": "CodeRun", "repository": "acme/sums", "github-app": "qa", "pull-request": "7",
    "timeout": "60", "task": "", "issue": "", "branch": "", "base": "", "model": "", "head": HEAD,
}  # fmt: skip
A_GATE = {"operation": "wait-for-checks", "repository": "acme/sums", "pull-request": "7", "head": HEAD, "timeout": "60"}


def a_node(inputs: dict[str, str], outputs: tuple[str, ...] = RUN_OUTPUTS, **more: Any) -> SuspendedNode:
    told: dict[str, Any] = {"id": "pr-flow-x-1", "name": "qa", "started": STARTED, "message": "", "on_exit": False}
    return SuspendedNode(inputs=inputs, outputs=outputs, **{**told, **more})


def a_workflow(**more: Any) -> Workflow:
    told: dict[str, Any] = {
        "uid": "u-1", "namespace": "flows", "name": "pr-flow-x", "labels": {names.FLOW: "pr-flow"}, "annotations": {},
        "phase": "Running", "finished": False, "shutdown": "", "held": False, "waiting": (),
    }  # fmt: skip
    return Workflow(**{**told, **more})


def seen(
    node: SuspendedNode, run: NodeRun | None = None, answer: GateAnswer | None = None, after: float = 1, **workflow: Any
) -> Observed:
    return Observed(a_workflow(**workflow), node, run, answer, STARTED + timedelta(seconds=after))


def a_run(phase: str = "", reason: str = "", **more: Any) -> NodeRun:
    status = {
        "phase": phase, "headSHA": HEAD, "pullRequest": 7, "pullRequestUrl": "https://github.example/acme/sums/pull/7",
        "branch": "work", "verdict": "pass",
        "conditions": [{"type": "Finished", "reason": reason, "message": "the end"}] if reason else [],
    }  # fmt: skip
    body = {"kind": "CodeRun", "metadata": {"name": "pr-flow-1"}, "spec": {**more}, "status": status}
    return read_run(body)


def status(**more: Any) -> dict[str, Any]:
    node = {
        "id": "w-1", "name": "w.qa", "displayName": "qa", "type": "Suspend", "phase": "Running",
        "startedAt": "2026-05-01T12:00:00Z", "inputs": {"parameters": [{"name": "operation", "value": "run"}]},
        "outputs": {"parameters": [{"name": "result", "valueFrom": {"supplied": {}}}]},
    }  # fmt: skip
    nodes = {
        "w": {"id": "w", "name": "w", "type": "DAG", "phase": "Running"},
        "w-1": node,
        "w-2": {**node, "id": "w-2", "phase": "Succeeded"},
        "w-3": {**node, "id": "w-3", "name": "w.onExit.tell", "inputs": None, "outputs": None},
    }
    return {"phase": "Running", "nodes": nodes, **more}


def body(told: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"uid": "u", "namespace": "flows", "name": "w"}, "spec": spec, "status": told}


def test_nodes_that_wait_are_found_and_no_others() -> None:
    first, last = read_workflow(body(status())).waiting
    assert (first.id, first.inputs, first.outputs, first.started) == ("w-1", {"operation": "run"}, ("result",), STARTED)
    assert (last.on_exit, last.inputs, last.outputs) == (True, {}, ())


def test_a_node_that_was_let_pass_without_its_outputs_is_known() -> None:
    told = status()
    assert [node.name for node in read_workflow(body(told)).resumed] == ["qa"]
    told["nodes"]["w-2"]["outputs"] = {"parameters": [{"name": "result", "value": "succeeded"}]}
    assert read_workflow(body(told)).resumed == ()


def test_nodes_of_a_large_workflow_are_read_where_argo_packs_them() -> None:
    told = status()
    packed = base64.b64encode(gzip.compress(json.dumps(told.pop("nodes")).encode())).decode()
    assert [node.id for node in read_workflow(body({**told, "compressedNodes": packed})).waiting] == ["w-1", "w-3"]


def test_nodes_in_argos_database_are_said_to_be_elsewhere() -> None:
    with pytest.raises(Offloaded):
        read_workflow(body(status(offloadNodeStatusVersion="fnv:1", nodes=None)))


@pytest.mark.parametrize(
    "packed",
    ["no base64!", base64.b64encode(b"no gzip").decode(), base64.b64encode(gzip.compress(b"{}" * 99)[:-9]).decode(),
     base64.b64encode(gzip.compress(b"no json")).decode(),
     base64.b64encode(gzip.compress(b" " * (LARGEST_NODES + 1))).decode()],
    ids=["letters", "form", "cut off", "content", "trap"],
)  # fmt: skip
def test_packed_nodes_that_cannot_be_read_are_said_to_be_so(packed: str) -> None:
    with pytest.raises(ValueError, match=r"nodes|base64|Invalid|Expecting"):
        read_workflow(body(status(compressedNodes=packed)))


def test_outputs_that_have_their_value_are_not_to_be_supplied_and_defaults_are_known() -> None:
    told = status()
    told["nodes"]["w-1"]["outputs"]["parameters"] = [
        {"name": "verdict", "valueFrom": {"supplied": {}, "default": "passed"}},
        {"name": "head", "valueFrom": {"supplied": {}}},
        {"name": "set", "value": "by somebody"},
    ]
    node = read_workflow(body(told)).waiting[0]
    assert node.outputs == ("verdict", "head")
    assert node.defaults == {"verdict"}


@pytest.mark.parametrize(
    ("workflow", "on_exit", "may"),
    [
        ({}, False, True),
        ({"finished": True}, True, False),
        ({"shutdown": "Stop"}, False, False),
        ({"shutdown": "Stop"}, True, True),
        ({"shutdown": "Terminate"}, True, False),
        ({"deleted": True}, True, False),
    ],
)
def test_what_is_to_end_does_nothing_new(workflow: dict[str, Any], on_exit: bool, may: bool) -> None:
    assert executable(a_workflow(**workflow), a_node(ALL_OF_A_RUN, on_exit=on_exit)) is may


def test_a_node_becomes_a_run_of_its_workflow() -> None:
    action = decide(seen(a_node(ALL_OF_A_RUN)))
    assert isinstance(action, Create)
    made = CodeRun.model_validate(action.manifest)
    assert action.manifest["spec"] == {"repository": "acme/sums", "persona": "qa", "pullRequest": 7, "head": HEAD}
    assert action.manifest["metadata"]["ownerReferences"][0]["uid"] == "u-1"
    assert made.metadata.labels[names.WORKFLOW_UID] == "u-1"


def test_a_task_about_a_pull_request_reaches_the_run_with_both() -> None:
    both = {**ALL_OF_A_RUN, "task": "Mend it", "continue-from": "plan-0a", "head": HEAD}
    action = decide(seen(a_node(both)))
    assert isinstance(action, Create)
    assert action.manifest["spec"] == {
        "repository": "acme/sums", "persona": "qa", "task": "Mend it", "pullRequest": 7, "head": HEAD,
        "continueFrom": "plan-0a",
    }  # fmt: skip
    CodeRun.model_validate(action.manifest)


def test_a_run_that_began_on_a_newer_commit_says_so_in_its_node() -> None:
    stale = "work has moved on from aaaa, so it begins on bbbb"
    for run in (a_run("Running"), a_run("Succeeded", "Succeeded")):
        action = decide(seen(a_node(ALL_OF_A_RUN), replace(run, notice=stale)))
        assert isinstance(action, Wait | Complete)
        assert action.message.endswith(stale)


def test_a_node_that_is_started_anew_makes_another_run_and_one_that_is_seen_again_does_not() -> None:
    node, again = a_node(ALL_OF_A_RUN), a_node(ALL_OF_A_RUN, started=STARTED + timedelta(seconds=1))
    assert run_name(a_workflow(), node) == run_name(a_workflow(), a_node(ALL_OF_A_RUN, message="other"))
    assert len({run_name(a_workflow(), node), run_name(a_workflow(), again), run_name(a_workflow(uid="u"), node)}) == 3
    long = a_workflow(labels={}, name="w" * 200)
    assert len(run_name(long, node)) <= 63


def test_documents_are_asked_for_by_repository_alone() -> None:
    made = build_run(a_workflow(), a_node({}), {"kind": "DocsRun", "repository": "acme/sums", "head": HEAD})
    assert DocsRun.model_validate(made).spec.repository == "acme/sums"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"operation": "deploy"}, "parameter operation: there is no `deploy`; use one of: run"),
        ({"repository": ""}, "parameter repository: it is empty"),
        ({"repository": "acme/sums/../x"}, "parameter repository: `acme/sums/../x` is not owner/name"),
        ({"pull-request": "7; rm"}, "parameter pull-request: `7; rm` is not the number of a pull request"),
        ({"pull-request": ""}, "no parameter says what to do; give one of: task, issue, pull-request"),
        ({"head": "{{=sprig.env('X')}}"}, "is not a commit's whole id"),
        ({"github-app": "QA"}, "is not the name of a persona"),
        ({"branch": "-x"}, "parameter branch: `-x` is not the name of a branch"),
        ({"timeout": "soon"}, "parameter timeout: `soon` is not a number of seconds"),
        ({"issue": "3"}, "parameters issue and pull-request: they are different tasks"),
        ({"surprise": "1"}, "parameter surprise: there is none of that name"),
        ({"task": "x" * 70_000}, "parameter task: it has more than 65,536 characters"),
    ],
)
def test_what_cannot_be_asked_for_fails_with_the_parameter_and_the_remedy(change: dict[str, str], words: str) -> None:
    action = decide(seen(a_node({**ALL_OF_A_RUN, **change})))
    assert isinstance(action, Complete)
    assert action.phase == "Failed"
    assert words in action.message
    assert set(action.outputs) == set(RUN_OUTPUTS)


@pytest.mark.parametrize(
    ("inputs", "outputs", "more", "words"),
    [
        (A_GATE, ("head",), {}, "output verdict: there is none, or it has a value already"),
        (ALL_OF_A_RUN, ("verdict", "head"), {}, "output result: there is none"),
        (A_GATE, ("verdict",), {"defaults": frozenset({"verdict"})}, "output verdict: it has a default"),
    ],
)
def test_a_node_that_would_be_passed_without_us_fails(
    inputs: dict[str, str], outputs: tuple[str, ...], more: dict[str, Any], words: str
) -> None:
    action = decide(seen(a_node(inputs, outputs, **more)))
    assert isinstance(action, Complete)
    assert action.phase == "Failed"
    assert action.message.startswith(words)
    assert set(action.outputs) == set(outputs)


def test_a_run_that_somebody_deleted_is_not_made_again() -> None:
    name = run_name(a_workflow(), a_node(ALL_OF_A_RUN))
    action = decide(seen(a_node(ALL_OF_A_RUN, message=f"CodeRun {name}")))
    assert isinstance(action, Complete)
    assert (action.phase, action.outputs["result"], action.outputs["run"]) == ("Failed", "cancelled", name)
    again = a_node(ALL_OF_A_RUN, message=f"CodeRun {name}", started=STARTED + timedelta(seconds=9))
    assert isinstance(decide(seen(again)), Create)


def test_a_run_that_could_not_begin_in_time_is_not_begun() -> None:
    action = decide(seen(a_node(ALL_OF_A_RUN), after=60))
    assert isinstance(action, Complete)
    assert (action.phase, action.message) == ("Failed", "not begun within 60 s")


def test_nodes_of_others_are_left_alone() -> None:
    assert decide(seen(a_node({"question": "good enough?"}))) is None


@pytest.mark.parametrize(
    ("run", "phase", "result"),
    [
        (a_run("Succeeded", "Succeeded"), "Succeeded", "succeeded"),
        (a_run("Succeeded", "NothingToChange"), "Succeeded", "nothing-to-do"),
        (a_run("Failed", "AgentGaveUp"), "Failed", "failed"),
        (a_run("Cancelled", "Cancelled", cancel=True), "Failed", "cancelled"),
    ],
)
def test_the_end_of_a_run_completes_its_node_with_every_output(run: NodeRun, phase: str, result: str) -> None:
    action = decide(seen(a_node(ALL_OF_A_RUN), run))
    assert isinstance(action, Complete)
    assert (action.phase, dict(action.outputs)) == (
        phase,
        {"result": result, "verdict": "pass", "run": "pr-flow-1", "head": HEAD, "pull-request": "7", "branch": "work"},
    )
    assert run.reason in action.message


def test_a_run_that_goes_on_is_shown_and_one_that_is_late_is_cancelled_once() -> None:
    node = a_node(ALL_OF_A_RUN)
    waits = decide(seen(node, a_run("Running")))
    assert waits == Wait(59.0, "CodeRun pr-flow-1 https://github.example/acme/sums/pull/7")
    assert isinstance(decide(seen(node, a_run("Running"), after=60)), Cancel)
    assert isinstance(decide(seen(node, a_run("Running", cancel=True), after=61)), Wait)
    ended = decide(seen(node, a_run("Cancelled", "Cancelled", cancel=True), after=70))
    assert isinstance(ended, Complete)
    assert "not done within 60 s" in ended.message


def test_a_gate_is_asked_and_hands_on_what_it_is_told() -> None:
    node = a_node(A_GATE, ("verdict", "head"))
    assert isinstance(decide(seen(node)), Ask)
    assert decide(seen(node, answer=GateAnswer(verdict=None, message="1 of 2 checks", again=20))) == Wait(
        20, "1 of 2 checks"
    )
    told = decide(seen(node, answer=GateAnswer(verdict="failed", outputs={"head": HEAD}, message="unit failed")))
    assert told == Complete("Succeeded", {"verdict": "failed", "head": HEAD}, "failed: unit failed")
    assert decide(seen(node, answer=GateAnswer(verdict=None, message="", again=0))) == Wait(1, "")
    late = decide(seen(node, after=61))
    assert late == Complete("Succeeded", {"verdict": "timed-out", "head": ""}, "timed-out: nothing within 60 s")


def test_a_workflow_that_a_person_holds_begins_nothing_and_passes_nothing() -> None:
    assert isinstance(decide(seen(a_node(ALL_OF_A_RUN), held=True)), Wait)
    answer = GateAnswer(verdict="passed", message="")
    assert isinstance(decide(seen(a_node(A_GATE, ("verdict",)), answer=answer, held=True)), Wait)


def test_a_task_that_was_typed_reaches_its_run_as_it_was_typed() -> None:
    typed = "Mend {{=1+1}} and\n{{workflow.name}}, '''; $(id)"
    node = a_node({**ALL_OF_A_RUN, "pull-request": "", "words": "task"})
    action = decide(seen(node, parameters={"task": typed}))
    assert isinstance(action, Create)
    assert action.manifest["spec"]["task"] == typed


@pytest.mark.parametrize(
    ("words", "parameters", "told"),
    [
        ("task", {}, "no parameter says what to do"),
        ("task", {"task": "x" * 70_000}, "parameter task: it has more than 65,536 characters"),
        ("repository", {"repository": "acme/sums"}, "parameter words: `repository` is not the name of a parameter"),
    ],
)
def test_words_that_are_not_there_or_no_task_end_the_node(words: str, parameters: dict[str, str], told: str) -> None:
    node = a_node({**ALL_OF_A_RUN, "pull-request": "", "words": words})
    action = decide(seen(node, parameters=parameters))
    assert isinstance(action, Complete)
    assert (action.phase, action.outputs["result"]) == ("Failed", "failed")
    assert told in action.message


A_REPORT = {"operation": "report", "ended": "Failed", "timeout": "60"}


def test_a_flow_s_end_is_told_to_the_gateway_also_where_it_was_stopped() -> None:
    node = a_node(A_REPORT, ("verdict",), on_exit=True)
    assert executable(a_workflow(shutdown="Stop"), node)
    assert isinstance(decide(seen(node)), Ask)
    told = decide(seen(node, answer=GateAnswer(verdict="told", message="it ended")))
    assert told == Complete("Succeeded", {"verdict": "told"}, "told: it ended")


def test_an_end_that_cannot_be_told_waits_for_its_time_and_fails_no_flow() -> None:
    node, later = a_node(A_REPORT, ("verdict",), on_exit=True), GateAnswer(verdict=None, message="no", again=10)
    assert decide(seen(node, answer=later)) == Wait(10, "no")
    for answer in (None, later):
        told = decide(seen(node, answer=answer, after=60))
        assert isinstance(told, Complete)
        assert (told.phase, told.outputs) == ("Succeeded", {"verdict": "untold"})


def test_of_nodes_that_failed_the_last_try_counts() -> None:
    def a_try(name: str, phase: str, second: int) -> dict[str, Any]:
        moment = f"2026-05-01T12:00:0{second}Z"
        return {
            "id": name,
            "name": f"w.{name}",
            "type": "Suspend",
            "phase": phase,
            "startedAt": moment,
            "message": name,
        }

    tries = [a_try("qa(1)", "Succeeded", 2), a_try("qa(0)", "Failed", 1), a_try("a.mend(0)", "Failed", 3)]
    told = status(nodes={each["id"]: each for each in tries})
    assert read_workflow(body(told)).failed == (("mend", "a.mend(0)"),)


def test_what_went_wrong_in_a_flow_is_told_line_by_line_and_shortly() -> None:
    stopped = {names.STOPPED: "gate: resumed by hand"}
    flow = a_workflow(annotations=stopped, failed=(("qa", "no money" * 200), *((str(each), "no") for each in range(9))))
    told = why(flow, "Failed")
    assert told[0] == "gate: resumed by hand"
    assert told[1].startswith("qa: no money")
    assert len(told) == 5
    assert max(map(len, told)) == 400
    assert why(flow, "Succeeded") == ()


@pytest.mark.parametrize("value", ["{{tasks.a}}", "pass\n", "$(id)", "x" * 300, "'''", "passed; rm"])
def test_outputs_that_have_not_their_form_are_left_empty(value: str) -> None:
    given = dict.fromkeys(("verdict", "head", "pull-request", "actor", "branch", "unknown"), value)
    assert set(supplied(a_node({}, tuple(given)), given).values()) == {""}


def a_flow(**more: Any) -> DueFlow:
    told: dict[str, Any] = {
        "id": 4, "key": f"5:pr:7:pr-flow:{HEAD}", "generation": 1, "flow": "pr-flow", "repository": "acme/sums",
        "repository_id": 5, "subject": "pr:7", "parameters": {"repository": "acme/sums", "pull-request": "7"},
    }  # fmt: skip
    return DueFlow(**{**told, **more})


def test_a_flow_has_one_name_a_generation_and_labels_by_which_it_is_woken() -> None:
    made = build_workflow(a_flow(), "flows")
    assert made["metadata"]["name"] == workflow_name(a_flow(id=9))
    assert workflow_name(a_flow()) != workflow_name(a_flow(generation=2))
    assert made["metadata"]["labels"][names.SUBJECT] == "pr-7"
    assert made["metadata"]["labels"][names.REPOSITORY_ID] == "5"
    assert made["spec"]["workflowTemplateRef"] == {"name": "pr-flow"}


@pytest.mark.parametrize("subject", ["branch:" + "x" * 200, "branch:-", "branch:a/b", "branch:ä"])
def test_a_subject_that_is_no_label_is_told_by_its_digest(subject: str) -> None:
    assert len(label_of(subject)) == 40
    assert label_of(subject) != label_of(subject + "x")


def earlier(
    name: str, phase: str, created: str, *, step: str = "qa", admitted: str = "True", head: str = HEAD, reason: str = ""
) -> NodeRun:
    meta = {"name": name, "annotations": {names.STEP: step}, "creationTimestamp": created}
    conditions = [
        {"type": "Admitted", "status": admitted, "reason": "Admitted"},
        {"type": "Finished", "status": "True", "reason": reason},
    ]
    status = {"phase": phase, "conditions": conditions}
    return read_run({"kind": "CodeRun", "metadata": meta, "spec": {"head": head}, "status": status})


def test_the_next_run_of_a_step_goes_on_with_the_last_one_that_came_to_nothing() -> None:
    node = a_node(ALL_OF_A_RUN, step="qa")
    runs = [
        earlier("first", "Failed", "2026-05-01T11:00:00Z"),
        earlier("second", "Failed", "2026-05-01T11:30:00Z"),
        earlier("refused", "Failed", "2026-05-01T11:40:00Z", admitted="False"),
        earlier("elsewhere", "Failed", "2026-05-01T11:50:00Z", step="again.qa"),
    ]
    last = earlier_of(node, runs)
    assert last is not None
    action = decide(replace(seen(node), earlier=last))
    assert isinstance(action, Create)
    assert action.manifest["spec"]["continueFrom"] == "second"
    assert action.manifest["metadata"]["annotations"][names.STEP] == "qa"


@pytest.mark.parametrize("phase", ["Succeeded", ""])
def test_nothing_goes_on_with_a_run_that_is_done_or_at_work(phase: str) -> None:
    node = a_node(ALL_OF_A_RUN, step="qa")
    runs = [earlier("first", "Failed", "2026-05-01T11:00:00Z"), earlier("last", phase, "2026-05-01T11:30:00Z")]
    assert earlier_of(node, runs) is None


@pytest.mark.parametrize(("head", "reason"), [("f" * 40, ""), ("", ""), (HEAD, "PushRejected")])
def test_nothing_goes_on_with_work_for_a_commit_that_was_left(head: str, reason: str) -> None:
    left = earlier("last", "Failed", "2026-05-01T11:30:00Z", head=head, reason=reason)
    assert earlier_of(a_node(ALL_OF_A_RUN, step="qa"), [left]) is None


def test_the_tries_of_a_step_are_of_one_step() -> None:
    assert {step_of({"name": f"w.round.qa{turn}"}) for turn in ("", "(0)", "(1)")} == {"round.qa"}
