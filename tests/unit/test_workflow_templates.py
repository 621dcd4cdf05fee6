"""Every flow takes the courses it is to take, and its templates say what operator and personas understand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pressplay.operator.nodes import contract
from pressplay.personas import loader
from pressplay.policy.flows import Flow
from pressplay.resources import names
from pressplay.resources.reasons import Reason
from pressplay.workflows import nodes, parts, render
from tests.unit.a_flow import COURSES, REPORT, TAG, Course, Unresolved, walk
from tools import generate_workflows

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = render.manifests()
FLOWS = sorted(name for name in MANIFESTS if name.endswith("-flow"))


@pytest.mark.parametrize("course", COURSES, ids=lambda course: f"{course.flow}: {course.name}")
def test_a_flow_takes_the_course_it_is_to_take(course: Course) -> None:
    done = walk(MANIFESTS, course)
    assert tuple(path for path, _ in done.began) == (*course.nodes, REPORT)
    assert done.phase == course.phase
    began = dict(done.began)
    assert began[REPORT]["ended"] == course.phase
    assert {(path, name): began[path][name] for path, name in course.begins} == course.begins
    assert {name: done.outputs[name] for name in course.outputs} == course.outputs


def test_the_walker_finds_what_would_stand_still() -> None:
    course = next(each for each in COURSES if each.flow == "pr-flow")
    manifests = {**MANIFESTS, "pr-flow": with_text(MANIFESTS["pr-flow"], "tasks.clippy.outputs", "tasks.lint.outputs")}
    with pytest.raises(Unresolved, match=r"tasks\.lint"):
        walk(manifests, course)


def test_the_walker_finds_a_condition_that_is_wrong() -> None:
    course = next(each for each in COURSES if each.name.startswith("a check that is flaky"))
    manifests = {**MANIFESTS, "ci-flow": with_text(MANIFESTS["ci-flow"], "== 'ours'", "!= 'none'")}
    assert [path for path, _ in walk(manifests, course).began] != ["triage", REPORT]


def with_text(part: Any, old: str, new: str) -> Any:
    if isinstance(part, dict):
        return {key: with_text(value, old, new) for key, value in part.items()}
    if isinstance(part, list):
        return [with_text(value, old, new) for value in part]
    return part.replace(old, new) if isinstance(part, str) else part


def test_every_task_of_every_flow_runs_in_some_course() -> None:
    ran = {
        (course.flow, *re.sub(r"(next-round/)+", "", path).removeprefix("round-1/").split("/"))
        for course in COURSES
        for path, phase in walk(MANIFESTS, course).phases.items()
        if phase not in ("Skipped", "Omitted")
    }
    for flow in FLOWS:
        tasks = {task["name"] for template in templates(flow) for task in template.get("dag", {}).get("tasks", [])}
        walked = {part for name, *path in ran if name == flow for part in path}
        assert tasks <= walked | {"next-round", "round-1"}, flow


def templates(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = MANIFESTS[name]["spec"]["templates"]
    return found


def parameters(template: dict[str, Any], side: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in template[side]["parameters"]}


@pytest.mark.parametrize("node", templates(names.NODES), ids=lambda node: node["name"])
def test_the_operator_knows_every_node_with_all_it_takes_and_gives(node: dict[str, Any]) -> None:
    inputs = parameters(node, "inputs")
    assert contract.Operation(inputs.pop(contract.OPERATION)["value"]) == node["name"]
    assert inputs.keys() <= contract.INPUTS.keys() | {"task"}
    assert parameters(node, "outputs").keys() <= contract.OUTPUTS.keys()
    # A task ends with its flow, whose nodes have times of their own.
    if node["name"] != contract.Operation.TASK:
        assert re.fullmatch(contract.INPUTS["timeout"][0], inputs["timeout"]["default"])
        assert float(inputs["timeout"]["default"]) <= contract.LONGEST_WAIT


def test_the_operator_knows_no_node_that_there_is_not() -> None:
    assert {node["name"] for node in templates(names.NODES)} == set(contract.Operation)


@pytest.mark.parametrize("node", templates(names.NODES), ids=lambda node: node["name"])
def test_no_node_can_be_passed_by_resuming_it(node: dict[str, Any]) -> None:
    outputs, inputs = parameters(node, "outputs"), parameters(node, "inputs")
    assert all(each["valueFrom"] == {"supplied": {}} for each in outputs.values())
    # Argo takes an input's default for an output of the same name. What decides must have none.
    assert {"verdict", "result"} & (outputs.keys() - inputs.keys())
    assert node["suspend"] == {}


def test_no_waiting_has_a_pod() -> None:
    pods = {"container", "script", "resource", "containerSet", "http", "data", "plugin"}
    with_pods = {name for name in MANIFESTS for template in templates(name) if pods & template.keys()}
    assert with_pods == {"coderun-resource-template"}


@pytest.mark.parametrize("name", sorted(MANIFESTS))
def test_what_the_operator_executes_reports_its_end_without_a_pod(name: str) -> None:
    spec = MANIFESTS[name]["spec"]
    if name in (names.NODES, "coderun-resource-template"):
        assert "hooks" not in spec
        return
    [hook] = spec["hooks"].values()
    assert hook["templateRef"] == {"name": names.NODES, "template": nodes.REPORT.operation}
    assert hook["arguments"]["parameters"] == [{"name": "ended", "value": "{{workflow.status}}"}]


def test_there_is_a_template_of_every_flow_that_events_start() -> None:
    assert set(Flow) <= set(FLOWS)


@pytest.mark.parametrize("flow", Flow)
def test_what_events_give_a_flow_is_what_it_takes(flow: Flow) -> None:
    takes = {
        Flow.PULL_REQUEST: {"repository", "pull-request", "head"},
        Flow.COMMENT: {"repository", "pull-request"},
        Flow.ISSUE: {"repository", "issue"},
        Flow.CHECKS: {"repository", "pull-request", "branch", "head"},
        Flow.SECURITY: {"repository", "alert"},
    }[flow]
    arguments = {each["name"]: each for each in MANIFESTS[flow]["spec"]["arguments"]["parameters"]}
    assert takes <= arguments.keys()
    assert {name for name, each in arguments.items() if "value" not in each} <= takes


def test_personas_are_called_by_names_that_they_have() -> None:
    known = {name for one in loader.load(ROOT / "agents") for name in (one.name, *one.aliases)}
    named = {value for name in MANIFESTS for value in persona_names(MANIFESTS[name])}
    assert named
    assert named <= known


def persona_names(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        value = part.get("value")
        if part.get("name") == "github-app" and value and "{{" not in value:
            yield value
        for below in part.values():
            yield from persona_names(below)
    elif isinstance(part, list):
        for below in part:
            yield from persona_names(below)


def test_a_persona_whose_verdict_decides_gives_one() -> None:
    judges = {one.name for one in loader.load(ROOT / "agents") if "verdict" in one.effects}
    assert {"qa", "comment", "reviewer"} <= judges


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_is_labelled_titled_limited_and_cleaned_up(flow: str) -> None:
    spec = MANIFESTS[flow]["spec"]
    assert spec["workflowMetadata"]["labels"] == {"agents.platform/flow": flow}
    assert set(spec["workflowMetadata"]["annotations"]) == {parts.TITLE, parts.DESCRIPTION}
    assert "workflow.parameters.task" not in spec["workflowMetadata"]["annotations"][parts.TITLE]
    [semaphore] = spec["synchronization"]["semaphores"]
    assert semaphore["configMapKeyRef"] == {"name": parts.LIMITS, "key": flow}
    assert flow in render.AT_ONCE
    assert spec["ttlStrategy"]["secondsAfterFailure"] > spec["ttlStrategy"]["secondsAfterSuccess"]


def test_conditions_are_expressions_that_no_output_is_pasted_into() -> None:
    conditions = [
        task["when"]
        for name in MANIFESTS
        for template in templates(name)
        for task in template.get("dag", {}).get("tasks", [])
        if "when" in task
    ]
    assert conditions
    assert all(condition.startswith("{{=") and len(TAG.findall(condition)) == 1 for condition in conditions)


def test_a_run_is_made_anew_only_where_the_world_was_to_blame() -> None:
    [run] = [node for node in templates(names.NODES) if node["name"] == "run"]
    assert run["retryStrategy"]["limit"] == 1
    pattern = run["retryStrategy"]["expression"].split("'")[1]
    assert re.search(pattern, f"CodeRun pr-flow-0a: {Reason.GITHUB_UNAVAILABLE}: no answer")
    for reason in (Reason.CANCELLED, Reason.GAVE_UP, Reason.MONEY_EXHAUSTED, Reason.OUTPUT_REFUSED):
        assert not re.search(pattern, f"CodeRun pr-flow-0a: {reason}: GitHubUnavailable: said the agent")


def test_every_run_waits_for_its_turn_whoever_makes_it() -> None:
    [node] = [each for each in templates(names.NODES) if each["name"] == "run"]
    [made_by_a_pod] = templates("coderun-resource-template")
    for template in (node, made_by_a_pod):
        assert template["synchronization"] == {
            "semaphores": [{"configMapKeyRef": {"name": parts.LIMITS, "key": parts.RUNS_AT_ONCE}}]
        }


def test_a_node_that_asks_for_what_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="run takes no verdict"):
        nodes.task(nodes.RUN, "odd", {"verdict": "pass"})


def test_the_checked_in_files_are_what_is_rendered(tmp_path: Path) -> None:
    generate_workflows.main(str(tmp_path / "people"), str(tmp_path / "chart"))
    for made, kept in (("people", "workflow_templates"), ("chart", "charts/pressplay/files/workflow-templates")):
        now = {file.name: file.read_text() for file in (tmp_path / made).glob("*.yaml")}
        there = {file.name: file.read_text() for file in (ROOT / kept).glob("*.yaml")}
        assert now.keys() <= there.keys()
        assert {name: there[name] for name in now} == now, "run `make generate`"


def test_a_file_that_is_generated_no_more_is_removed_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "old-flow.yaml").write_text(render.HEAD + "kind: WorkflowTemplate\n")
    (tmp_path / "mine.yaml").write_text("kind: WorkflowTemplate\n")
    generate_workflows.write(tmp_path, {"pr-flow.yaml": "new"})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.yaml", "pr-flow.yaml"]


def test_hera_does_not_change_how_others_write_yaml() -> None:
    assert MANIFESTS
    assert yaml.safe_dump({"text": "one\ntwo\n"}) == "text: 'one\n\n  two\n\n  '\n"
