"""What follows for the tasks of a play, from what became of their Workflows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pressplay.kube.argo import SuspendedNode, Workflow
from pressplay.operator.nodes.contract import BadInput, checked
from pressplay.operator.nodes.tasks import (
    Adopt,
    Asking,
    Begin,
    Child,
    Course,
    Ended,
    Waits,
    asking,
    build,
    child_of,
    courses,
    name_of,
    start_of,
)
from pressplay.protocol.gates import GateAnswer
from pressplay.resources import names

STARTED = datetime(2026, 5, 1, 12, tzinfo=UTC)
MERGED = GateAnswer(verdict="merged", message="", outputs={"verdict": "merged"})
PARKED = GateAnswer(verdict="parked", message="qa says fail", outputs={"verdict": "parked"})


def a_play(*, held: bool = False, parallel: str = "", paths: str = "src/") -> Workflow:
    given = {"task-1": "do one", "paths-1": paths, "task-2": "do two", "paths-2": "src/a.py\ndocs/"}
    return Workflow(
        uid="w-1", namespace="flows", name="p-1", labels={names.PLAY: "p"}, annotations={}, phase="Running",
        finished=False, shutdown="", held=held, waiting=(), parameters={"parallel": parallel, **given},
    )  # fmt: skip


def a_node(number: int, **more: str) -> SuspendedNode:
    inputs = {
        "operation": "task", "repository": "acme/sums", "play": "p", "task-id": str(number), "rank": str(number),
        "words": f"task-{number}", "paths": f"paths-{number}", "github-app": "rex", "base": "", **more,
    }  # fmt: skip
    return SuspendedNode(
        id=f"n-{number}", name=f"task-{number}", inputs=inputs, outputs=("verdict", "head", "pull-request"),
        started=STARTED, message="", on_exit=False,
    )  # fmt: skip


def ask(play: Workflow, number: int, /, **more: str) -> Asking:
    node = a_node(number, **more)
    return asking(play, node, checked(node))


def a_child(task: str, *, ended: bool = False, created: str = "1", node: str = "", **more: Any) -> Child:
    about = ask(a_play(), int(task)).about if task in "12" else ""
    made = {"node": node, "about": about, **more}
    return Child(f"task-flow-{task}-{created}", f"u-{task}-{created}", task, ended, created, **made)


def course(play: Workflow, *children: Child, answers: dict[str, GateAnswer] | None = None) -> Course:
    return courses(play, [ask(play, 1)], children, answers or {})["n-1"]


def test_a_task_begins_with_its_words_and_says_what_it_will_touch() -> None:
    play = a_play()
    begun = course(play)
    assert isinstance(begun, Begin)
    meta, spec = begun.manifest["metadata"], begun.manifest["spec"]
    assert meta["labels"] | {} == {
        names.MANAGED_BY: "pressplay", names.FLOW: "task-flow", names.PLAY: "p", names.TASK: "1",
    }  # fmt: skip
    assert spec["workflowTemplateRef"] == {"name": "task-flow"}
    assert {each["name"]: each["value"] for each in spec["arguments"]["parameters"]} == {
        "repository": "acme/sums", "github-app": "rex", "task": "do one",
    }  # fmt: skip
    body = {"metadata": {**meta, "uid": "u", "creationTimestamp": "2026"}}
    assert child_of(body).paths == ("src/",)
    assert child_of(body).node == start_of(play, ask(play, 1))


def test_whoever_looks_at_the_same_time_makes_one_workflow_alone() -> None:
    play, newer = a_play(), a_play()
    first = name_of(ask(play, 1), None)
    assert name_of(ask(newer, 1, rank="7"), None) == first
    # Another try is another Workflow, and so is another task.
    assert len({first, name_of(ask(play, 1), a_child("1", ended=True)), name_of(ask(play, 2), None)}) == 3


def test_two_on_the_same_files_follow_one_another() -> None:
    play = a_play()
    both = [ask(play, 2), ask(play, 1)]
    first, second = (courses(play, both, [], {})[name] for name in ("n-1", "n-2"))
    assert isinstance(first, Begin)
    assert second == Waits("it waits for 1, which is at work on the same files: src/a.py and src/")
    # Also where the other is a task of an older Workflow, or one that the backlog has no more.
    at_work = a_child("gone", paths=("docs/readme",))
    assert courses(play, [ask(play, 2)], [at_work], {})["n-2"] == Waits(
        "it waits for gone, which is at work on the same files: docs/ and docs/readme"
    )


def test_no_more_are_at_work_than_may_be() -> None:
    play = a_play(parallel="1")
    assert course(play, a_child("7")) == Waits("it waits for its turn: 1 of 1 tasks are at work")


def test_what_is_at_work_is_waited_for_and_taken_over_by_a_newer_workflow_of_the_play() -> None:
    play = a_play()
    start = start_of(play, ask(play, 1))
    assert course(play, a_child("1", node=start)) == Waits("Workflow task-flow-1-1 is at work")
    assert course(play, a_child("1", node="w-0/n-1/earlier")) == Adopt("task-flow-1-1", start)


def test_what_has_ended_is_what_the_gateway_found() -> None:
    play = a_play()
    mine = a_child("1", ended=True, node=start_of(play, ask(play, 1)))
    assert course(play, mine, answers={mine.uid: MERGED}) == Ended(MERGED)
    assert course(play, mine, answers={mine.uid: PARKED}) == Ended(PARKED)
    unknown = GateAnswer(verdict=None, message="GitHub does not answer")
    assert course(play, mine, answers={mine.uid: unknown}) == Waits("GitHub does not answer")


def test_what_was_parked_before_is_tried_once_more_and_what_was_merged_is_not() -> None:
    play = a_play()
    before = a_child("1", ended=True, node="w-0/n-1/earlier")
    assert isinstance(course(play, before, answers={before.uid: PARKED}), Begin)
    assert course(play, before, answers={before.uid: MERGED}) == Ended(MERGED)
    unknown = GateAnswer(verdict=None, message="GitHub does not answer")
    assert course(play, before, answers={before.uid: unknown}) == Waits("GitHub does not answer")
    # The one at work counts, whatever came before it.
    mine = a_child("1", created="2", node=start_of(play, ask(play, 1)))
    assert course(play, before, mine, answers={before.uid: PARKED}) == Waits("Workflow task-flow-1-2 is at work")


def test_what_was_parked_goes_on_with_its_pull_request_while_that_is_open() -> None:
    before = a_child("1", ended=True, node="w-0/n-1/earlier")
    for number in ("7", ""):
        answer = PARKED.model_copy(update={"outputs": {"verdict": "parked", "pull-request": number}})
        begun = course(a_play(), before, answers={before.uid: answer})
        assert isinstance(begun, Begin)
        given = {each["name"]: each["value"] for each in begun.manifest["spec"]["arguments"]["parameters"]}
        assert given.get("pull-request", "") == number


def test_another_task_or_repository_under_the_same_id_is_not_taken_for_it() -> None:
    play = a_play()
    other = a_child("1", ended=True, about="somebody else's")
    assert isinstance(course(play, other, answers={other.uid: MERGED}), Begin)
    assert ask(play, 1).about != ask(play, 1, repository="acme/other").about


def test_a_suspended_play_begins_nothing() -> None:
    assert course(a_play(held=True)) == Waits("the Workflow is suspended")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"play": ""}, "parameter play"),
        ({"task-id": "a b"}, "parameter task-id"),
        ({"words": "task-9"}, "has no parameter task-9"),
        ({"words": "parallel"}, "parameter words"),
        ({"rank": "x"}, "parameter rank"),
        ({"play": "other"}, "says another"),
    ],
)
def test_what_cannot_be_asked_for_is_named(more: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput) as error:
        ask(a_play(), 1, **more)
    assert said in str(error.value)


def test_paths_that_nobody_told_are_none() -> None:
    play = a_play(paths="")
    assert ask(play, 1).paths == ()
    assert build(play, ask(play, 1), "n")["metadata"]["annotations"][names.PATHS] == ""
