"""Workstreams are planned: what a file may say, who works it, what comes before what, and what may begin next."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pressplay.personas.find import find
from pressplay.personas.loader import Personas, load
from pressplay.personas.schema import Persona
from pressplay.planner.graph import find_circle
from pressplay.planner.priority import Priority
from pressplay.planner.workstream_board import Board, Ran, State, board, next_up, wanted_generations
from pressplay.planner.workstream_objects import build_run, build_workflow, run_name, set_name, unexpanded
from pressplay.planner.workstreams import (
    Home,
    Planned,
    Workstream,
    WorkstreamsWrong,
    ordered,
    plan,
    urgency,
)
from pressplay.resources.coderun import CodeRun
from tests.unit.a_flow import Course, fails, walk

ROOT = Path(__file__).parents[2]
HOME = Home("octo/shop", "main")


def persona(name: str, *capabilities: str, tags: tuple[str, ...] = ()) -> Persona:
    return Persona(
        name=name, title=name, role="implementer", description="x", capabilities=capabilities, tags=tags, prompt="x"
    )


TEAM = Personas(
    {
        one.name: one
        for one in (
            persona("rex", "implement", "fix"),
            persona("blaze", "implement", tags=("frontend", "react")),
            persona("qa", "test"),
            persona("security", "security-review"),
        )
    }
)


def file(name: str, **more: object) -> bytes:
    told = {"name": name, "capabilities": ["implement"], "objectives": ["Do it"], **more}
    return json.dumps({field: value for field, value in told.items() if value is not None}).encode()


def planned(*files: bytes, home: Home = HOME) -> tuple[Planned, ...]:
    return plan({f"{place}.yaml": data for place, data in enumerate(files)}, TEAM, home)


def troubles(*files: bytes, home: Home = HOME) -> list[str]:
    with pytest.raises(WorkstreamsWrong) as wrong:
        planned(*files, home=home)
    assert all(each.remedy for each in wrong.value.troubles)
    return [str(each) for each in wrong.value.troubles]


def test_each_comes_after_what_it_depends_on_and_the_urgent_first() -> None:
    found = planned(
        file("late", priority="low"),
        file("docs", priority="critical", dependencies=["api"]),
        file("api", priority="high"),
        file("urgent", priority="critical"),
    )
    assert [each.name for each in found] == ["urgent", "api", "docs", "late"]


def test_repository_and_base_are_those_of_the_checkout_unless_the_file_says_others() -> None:
    mine, other, branch = planned(
        file("a"), file("b", repository="octo/other"), file("c", base="next"), home=Home("octo/shop", "main")
    )
    assert [(each.repository, each.base) for each in (mine, other, branch)] == [
        ("octo/shop", "main"), ("octo/other", None), ("octo/shop", "next"),
    ]  # fmt: skip


def test_personas_are_chosen_by_capability_and_then_by_tags() -> None:
    chosen = planned(
        file("a"), file("b", tags=["react"]), file("c", tags=["nobody-has-it"]), file("d", capabilities=["test"])
    )
    assert [each.persona for each in chosen] == ["rex", "blaze", "rex", "qa"]


def test_whoever_shares_more_tags_goes_before_the_usual_one_and_others_after() -> None:
    assert [one.name for one in find(TEAM, "implement", ["react"])] == ["blaze", "rex"]
    assert [one.name for one in find(TEAM, "implement")] == ["rex", "blaze"]
    assert find(TEAM, "cook") == ()


def test_objectives_become_the_task() -> None:
    one, several = planned(file("a", objectives=["Mend it"]), file("b", objectives=["First\nand more", "Second"]))
    assert one.task == "Mend it"
    assert several.task == "Workstream b. Reach all of these:\n\n- First\n  and more\n- Second"


@pytest.mark.parametrize(
    ("files", "message", "remedy"),
    [
        (
            [file("a", dependencies=["b"]), file("bb")],
            "0.yaml: dependencies: there is no workstream `b`",
            "take it out",
        ),
        ([file("a", dependencies=["secrity"]), file("security")], "no workstream `secrity`", "is it `security`?"),
        ([file("a"), file("a")], "1.yaml: its name `a` is that of 0.yaml too", "another name"),
        ([file("a", capabilities=["implment"])], "no persona has `implment`", "is it `implement`?"),
        ([file("a", capabilities=["zzz"])], "no persona has `zzz`", "fix, implement, security-review, test"),
        ([file("a", capabilities=["fix", "test"])], "no persona has all of fix, test", "(fix: rex; test: qa)"),
        ([file("a", priority="hihg")], "priority: `hihg` is none", "is it `high`?"),
        ([file("a", priority=1)], "priority: `1` is none", "critical, high, medium, low"),
        ([file("a", status="finished")], "status: `finished` is none", "pending, done, held"),
        ([file("a", capabilites=["fix"])], "there is no field `capabilites`", "`capabilities`?"),
        ([file("a", objectives=None)], "objectives: it is missing", "in words"),
        ([file("a", objectives="Do it")], "objectives: `Do it` must be a list", "write a list"),
        ([file("A b")], "name: `A b` cannot be", "small letters"),
        ([file("3d")], "name: `3d` cannot be", "the first a letter"),
        ([file("a", repository="shop")], "repository: `shop` cannot be", "owner/name"),
        ([file("a", objectives=["x" * 8000] * 9)], "more than 65,536 characters", "fewer words"),
        ([b"a: [", file("b")], "0.yaml: it cannot be read", "mend"),
        ([b"name: a\nname: b\n"], "line 2: `name` stands in line 1 already", "mend"),
        ([b"\xff"], "it is not UTF-8: byte 0", "save it anew"),
        ([b"just words"], "it holds no fields", "name, capabilities"),
        ([], "there are 0 workstreams", "one YAML file"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_what_to_do(files: list[bytes], message: str, remedy: str) -> None:
    (only,) = troubles(*files)
    problem, _, told = only.partition("\n")
    assert message in problem
    assert remedy in told


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(troubles(file("a", dependencies=["x"]), file("b", capabilities=["zzz"]), file("b"))) == 3


def test_a_circle_is_named_by_its_path() -> None:
    (only,) = troubles(
        file("d", dependencies=["c"]), file("c", dependencies=["b"]), file("b", dependencies=["a"]),
        file("a", dependencies=["c"]),
    )  # fmt: skip
    assert "they go round: a → c → b → a" in only
    (itself,) = troubles(file("a", dependencies=["a"]))
    assert "they go round: a → a" in itself


def test_without_a_checkout_the_repository_must_be_said() -> None:
    assert "repository: it is not said" in troubles(file("a"), home=Home())[0]


NAMES = tuple("abcdefgh")
GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES), max_size=4), min_size=1, max_size=8)


@given(GRAPHS)
def test_a_circle_is_found_where_and_only_where_no_order_exists(told: dict[str, set[str]]) -> None:
    after = {name: {other for other in others if other in told} for name, others in told.items()}
    circle = find_circle(after)
    for name, following in zip(circle, (*circle[1:], *circle[:1]), strict=True):
        assert following in after[name]
    placed: set[str] = set()
    while free := [name for name in after if name not in placed and after[name] <= placed]:
        placed.update(free)
    assert bool(circle) is (placed != set(after))


@st.composite
def acyclic(draw: st.DrawFn) -> tuple[Planned, ...]:
    streams = []
    for place, name in enumerate(NAMES[: draw(st.integers(1, 8))]):
        before = draw(st.sets(st.sampled_from(NAMES[:place]), max_size=3)) if place else set()
        told = {
            "name": name, "capabilities": ("implement",), "objectives": ("x",), "dependencies": sorted(before),
            "priority": draw(st.sampled_from(Priority)),
        }  # fmt: skip
        streams.append(Workstream.model_validate(told))
    order = ordered(draw(st.permutations(streams)))
    return tuple(Planned(stream, "rex", "octo/shop", None) for stream in order)


@given(acyclic())
def test_the_order_holds_all_of_them_once_and_whatever_could_come_next_is_less_urgent(plan: Sequence[Planned]) -> None:
    assert sorted(each.name for each in plan) == sorted({each.name for each in plan})
    for place, each in enumerate(plan):
        before = {other.name for other in plan[:place]}
        assert set(each.stream.dependencies) <= before
        could = [other for other in plan[place:] if set(other.stream.dependencies) <= before]
        assert urgency(each.stream) == min(urgency(other.stream) for other in could)


@given(acyclic(), st.integers(1, 3), st.data())
def test_whatever_fails_the_set_settles_and_nothing_begins_too_early_or_twice(
    plan: tuple[Planned, ...], most: int, data: st.DataObject
) -> None:
    ran: list[Ran] = []
    after = {each.name: each.stream.dependencies for each in plan}
    for _ in range(3 * len(plan) + 1):
        where = board("set", plan, ran)
        if where.settled:
            break
        for name in next_up(where, most):
            assert name not in {each.workstream for each in ran}
            assert all(where.states[before] is State.DONE for before in after[name])
            ran.append(Ran(name, 1, State.RUNNING))
        running = [place for place, each in enumerate(ran) if each.state is State.RUNNING]
        assert 0 < len(running) <= most
        place = data.draw(st.sampled_from(running))
        ended = data.draw(st.sampled_from([State.DONE, State.DONE, State.FAILED, State.CANCELLED]))
        ran[place] = Ran(ran[place].workstream, 1, ended)
    where = board("set", plan, ran)
    assert where.settled
    begun = {each.workstream for each in ran}
    for name, state in where.states.items():
        assert (state is State.BLOCKED) is (name not in begun)
        assert (state is State.BLOCKED) is any(where.states[before] is not State.DONE for before in after[name])


def where(*ran: Ran, again: bool = False, **status: str) -> tuple[Board, dict[str, int]]:
    plan = planned(
        file("a", status=status.get("a")), file("b", dependencies=["a"], status=status.get("b")),
        file("c", dependencies=["b"]),
    )  # fmt: skip
    wanted = wanted_generations(plan, ran, again=again)
    return board("set", plan, ran, wanted), wanted


def test_what_depends_on_nothing_may_begin_and_the_rest_waits() -> None:
    found, wanted = where()
    assert wanted == {"a": 1, "b": 1, "c": 1}
    assert found.states == {"a": State.READY, "b": State.WAITING, "c": State.WAITING}
    assert (found.settled, found.waits_for("c")) == (False, ("b",))


def test_running_again_begins_what_failed_and_leaves_what_is_done() -> None:
    found, wanted = where(Ran("a", 1, State.DONE), Ran("b", 1, State.FAILED))
    assert wanted == {"a": 1, "b": 2, "c": 2}
    assert found.states == {"a": State.DONE, "b": State.READY, "c": State.WAITING}
    assert next_up(found) == ("b",)


def test_what_runs_already_is_not_begun_again_even_when_all_is_wanted_again() -> None:
    found, wanted = where(Ran("a", 3, State.RUNNING), Ran("b", 2, State.DONE), again=True)
    assert (wanted["a"], wanted["b"]) == (3, 4)
    assert found.states == {"a": State.RUNNING, "b": State.WAITING, "c": State.WAITING}


def test_the_latest_run_holds() -> None:
    found, _ = where(Ran("a", 2, State.DONE), Ran("a", 1, State.FAILED))
    assert found.states["a"] is State.DONE


def test_what_a_file_says_of_itself_holds_for_what_depends_on_it() -> None:
    assert where(a="done")[0].states == {"a": State.DONE, "b": State.READY, "c": State.WAITING}
    held, _ = where(a="held")
    assert held.states == {"a": State.HELD, "b": State.BLOCKED, "c": State.BLOCKED}
    assert held.settled
    assert not held.done
    assert where(Ran("a", 1, State.DONE), b="done")[0].states["c"] is State.READY


def test_a_set_has_one_name_in_every_checkout_and_another_in_another_repository() -> None:
    assert set_name("plans/Q3", "octo/shop") == set_name("plans/Q3", "Octo/Shop")
    assert len({set_name("plans", "octo/shop"), set_name("plans", "octo/other"), set_name("plan-s", "octo/shop")}) == 3
    for folder in ("", "3", "…", "a" * 200, "-a-"):
        assert len(run_name(set_name(folder, "o/r"), "a" * 40, 999)) <= 63
        assert set_name(folder, "o/r")[0].isalpha()


def test_a_run_is_a_code_run_that_the_definition_takes() -> None:
    (each,) = planned(file("a", model="m-1"))
    manifest = build_run("set-1", each, 2)
    spec = CodeRun.model_validate(manifest).spec
    assert (spec.repository, spec.task, spec.persona, spec.base, spec.model) == (
        "octo/shop", "Do it", "rex", "main", "m-1",
    )  # fmt: skip
    assert manifest == build_run("set-1", each, 2)
    assert manifest["metadata"]["name"] != build_run("set-1", each, 3)["metadata"]["name"]


def test_the_workflow_has_a_node_a_workstream_and_waits_only_for_what_is_to_run() -> None:
    plan = planned(file("a"), file("b", dependencies=["a"]), file("c", dependencies=["a", "b"]))
    (template,) = build_workflow("set", plan, 2, {"b", "c"})["spec"]["templates"]
    assert template["dag"]["failFast"] is False
    assert [(task["name"], task.get("depends")) for task in template["dag"]["tasks"]] == [
        ("b", None), ("c", "b.Succeeded"),
    ]  # fmt: skip
    assert all(
        task["templateRef"] == {"name": "pressplay-nodes", "template": "run"} for task in template["dag"]["tasks"]
    )


@given(st.text(alphabet="{}= ax", max_size=40))
def test_nothing_in_a_task_is_expanded_by_argo(words: str) -> None:
    assert "{{" not in unexpanded(words)
    assert unexpanded(words).replace(" ", "") == words.replace(" ", "")


def test_a_tasks_words_stand_among_the_arguments_and_in_no_template() -> None:
    plan = planned(file("a", objectives=["Mend {{workflow.name}} and {{=1+1}}"]))
    manifest = build_workflow("set", plan, 1, {"a"})
    assert manifest["spec"]["arguments"]["parameters"] == [
        {"name": "task-a", "value": "Mend { {workflow.name}} and { {=1+1}}"}
    ]
    assert "Mend" not in json.dumps(manifest["spec"]["templates"])


def test_argo_walks_the_workflow_in_order_and_past_what_fails() -> None:
    plan = planned(file("a"), file("b", dependencies=["a"]), file("c", objectives=["Mend it"]),
                   file("d", dependencies=["b", "c"]), file("e", dependencies=["c"]))  # fmt: skip
    nodes = yaml.safe_load((ROOT / "workflow_templates" / "pressplay-nodes.yaml").read_text())
    manifests = {"pressplay-nodes": nodes, "set": build_workflow("set", plan, 1, {each.name for each in plan})}
    went_well = walk(manifests, Course("all goes well", "set", {}, ()))
    assert [path for path, _ in went_well.began] == ["a", "b", "c", "d", "e"]
    assert went_well.phase == "Succeeded"
    inputs = dict(went_well.began)["c"]
    assert (inputs["task"], inputs["github-app"], inputs["kind"]) == ("Mend it", "rex", "CodeRun")
    assert inputs["timeout"], "a run that is given no time has that of the template"
    failed = walk(manifests, Course("one fails", "set", {}, (), answers={"b": fails()}))
    assert [path for path, _ in failed.began] == ["a", "b", "c", "e"]
    assert (failed.phases["d"], failed.phase) == ("Omitted", "Failed")


def test_the_examples_can_be_planned_with_the_personas_of_this_release() -> None:
    folder = ROOT / "examples" / "workstreams"
    files = {path.name: path.read_bytes() for path in folder.glob("*.yaml")}
    found = plan(files, load(ROOT / "agents"), HOME)
    assert len(found) == len(files) >= 4
    assert {yaml.safe_load(data)["name"] for data in files.values()} == {each.name for each in found}
