"""TaskMaster's tasks.json as it is read: both forms, and what is wrong with one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pressplay.planner.backlog import BacklogError, Status, check, parse
from pressplay.planner.backlog_edit import with_statuses
from pressplay.planner.priority import Priority


def read(*tasks: dict[str, Any]) -> Any:
    told = [{"id": place, "title": f"task {place}", **task} for place, task in enumerate(tasks, start=1)]
    return parse(json.dumps({"tasks": told}).encode())


def test_the_legacy_form_with_numbers_and_subtasks_is_read() -> None:
    first, second = read(
        {"description": "d", "details": "more", "testStrategy": "t"},
        {"dependencies": [1], "subtasks": [{"id": 1, "title": "part", "description": "of it"}]},
    )
    assert (first.identity, first.text) == ("1", "d\nmore\nt")
    assert second.depends_on == ("1",)
    assert "2.1: part. of it" in second.text


def test_a_tag_is_chosen_and_one_that_is_not_there_is_named_with_those_that_are() -> None:
    def tagged(title: str) -> dict[str, Any]:
        return {"tasks": [{"id": "a", "title": title}], "metadata": {"created": "2026-01-01"}}

    data = json.dumps({"master": tagged("main"), "feature": tagged("other")}).encode()
    assert parse(data)[0].title == "main"
    assert parse(data, "feature")[0].title == "other"
    with pytest.raises(BacklogError, match=r"no tag `else`; it has: feature, master"):
        parse(data, "else")


def test_status_priority_paths_and_criteria_are_read() -> None:
    (task,) = read(
        {
            "status": "in-progress", "priority": "high",
            "relevantFiles": [{"path": "./src/a.py", "description": "", "action": "modify"},
                              {"path": "src/b.py", "description": "", "action": "reference"}],
            "metadata": {"paths": ["docs/**"], "unknown": 1},
            "acceptanceCriteria": "- it adds\n\n- it subtracts",
        }
    )  # fmt: skip
    assert (task.status, task.priority) == (Status.IN_PROGRESS, Priority.HIGH)
    assert task.paths == ("src/a.py", "docs/**")
    assert task.criteria == ("it adds", "it subtracts")


def test_a_dependency_on_a_subtask_is_one_on_its_task_and_brothers_are_no_dependency() -> None:
    first, second, third = read(
        {},
        {"dependencies": ["1.2"]},
        {"subtasks": [{"id": 1, "title": "x"}, {"id": 2, "title": "y", "dependencies": [1, "3.1", "2.4"]}]},
    )
    assert (first.depends_on, second.depends_on, third.depends_on) == ((), ("1",), ("2",))


def test_an_id_with_a_dot_is_an_id() -> None:
    _, second = read({"id": "v1.2"}, {"dependencies": ["v1.2"]})
    assert second.depends_on == ("v1.2",)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"SQLite format 3\0rest", "is TaskMaster's SQLite form; export it to tasks.json first"),
        (b"[]", "must be an object with `tasks`"),
        (b"{", "is no JSON"),
        (b'{"tasks": []}', "has 0 tasks"),
        (b'{"tasks": [{"id": 1}]}', "task 1 needs an id and a title"),
        (b'{"tasks": [{"id": 1, "title": "a"}, {"id": "1", "title": "b"}]}', "two tasks with the id 1"),
        (b'{"tasks": [{"id": 1, "title": "a", "status": "dome"}]}', "task 1: status `dome` is none: is it `done`"),
        (b'{"tasks": [{"id": 1, "title": "a", "priority": "xx"}]}', "priority `xx` is none: choose one of critical"),
        (b'{"tasks": [{"id": 1, "title": "a", "dependencies": 2}]}', "task 1: `dependencies` must be a list"),
        (b'{"tasks": [{"id": 1, "title": "a", "relevantFiles": {}}]}', "task 1: `relevantFiles` must be a list"),
    ],
)
def test_what_is_no_backlog_is_said(data: bytes, said: str) -> None:
    with pytest.raises(BacklogError) as error:
        parse(data)
    assert said in str(error.value)


def test_unknown_dependencies_and_circles_are_named_all_of_them() -> None:
    tasks = read({"dependencies": [3]}, {"dependencies": [1, 44]}, {"dependencies": [2]}, {"dependencies": ["x"]})
    assert check(tasks) == [
        "task 2 depends on 44, which is not there: is it 4?",
        "task 4 depends on x, which is not there: take it out, or add that task",
        "the dependencies of tasks go round: 1 → 3 → 2 → 1; take one of them out",
    ]


def test_a_task_that_depends_on_itself_goes_round() -> None:
    assert check(read({"dependencies": [1]})) == ["the dependencies of tasks go round: 1 → 1; take one of them out"]


BACKLOG = {
    "master": {
        "tasks": [
            {"zeta": 1, "id": 1, "title": "ä", "status": "pending", "subtasks": [{"id": 1, "status": "pending"}]},
            {"id": "two", "title": "b", "status": "completed", "unknown": {"kept": [1, 2]}},
            {"id": 3, "title": "c"},
        ],
        "metadata": {"version": "1"},
    },
    "other": {"tasks": [{"id": 1, "title": "x", "status": "pending"}]},
}


def test_statuses_are_written_and_nothing_else_is_changed() -> None:
    data = json.dumps(BACKLOG).encode()
    made = with_statuses(data, None, {"1": Status.DONE, "two": Status.DONE, "3": Status.REVIEW, "9": Status.DONE})
    told = json.loads(made)
    assert [each.get("status") for each in told["master"]["tasks"]] == ["done", "completed", "review"]
    expected = json.loads(data)
    expected["master"]["tasks"][0]["status"], expected["master"]["tasks"][2]["status"] = "done", "review"
    assert json.dumps(told) == json.dumps(expected)
    assert "ä" in made.decode()


def test_a_backlog_that_says_so_already_keeps_its_very_bytes() -> None:
    data = json.dumps(BACKLOG, indent=7).encode()
    assert with_statuses(data, None, {"two": Status.DONE}) == data
    assert with_statuses(data, "other", {"3": Status.DONE}) == data
