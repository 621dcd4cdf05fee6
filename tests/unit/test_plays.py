"""The Workflow of a play: which tasks are in it, what each waits for, and that nothing in their words is expanded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pressplay.cli.main import cli
from pressplay.planner.backlog import Status, Task
from pressplay.planner.plays import PlayWrong, Settings, build, chosen, play_name, words_of
from tests.unit.test_schedule import DIAMOND, task

SETTINGS = Settings("acme/sums", parallel=2)


def nodes(workflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in workflow["spec"]["templates"][0]["dag"]["tasks"]}


def given(workflow: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}


def test_a_task_waits_until_what_it_depends_on_is_merged_and_not_only_over() -> None:
    made = nodes(build("p", chosen(DIAMOND), SETTINGS, 1))
    assert "depends" not in made["task-a"]
    assert made["task-d"]["depends"] == "task-b.Succeeded && task-c.Succeeded"
    assert made["task-d"]["when"] == (
        "{{=tasks['task-b'].outputs.parameters['verdict'] == 'merged' && "
        "tasks['task-c'].outputs.parameters['verdict'] == 'merged'}}"
    )


def test_what_is_done_is_not_in_it_and_what_depends_on_it_does_not_wait() -> None:
    tasks = (task("a", status=Status.DONE), task("b", "a"), task("c", status=Status.DEFERRED), task("d", "c"))
    assert [each.identity for each in chosen(tasks)] == ["b"]
    assert "depends" not in nodes(build("p", chosen(tasks), SETTINGS, 1))["task-b"]


def test_words_are_handed_on_by_the_name_of_their_parameter_and_expanded_nowhere() -> None:
    evil = Task("1", "Say {{workflow.name}}", "and {{=1+1}}", paths=("src/{{a}}",), criteria=("it holds",))
    made = build("p", [evil], SETTINGS, 1)
    assert given(made)["task-1"] == (
        "Say { {workflow.name}} (task 1)\n\nand { {=1+1}}\n\nIt is accepted when all of this holds:\n- it holds"
    )
    assert given(made)["paths-1"] == "src/{ {a}}"
    assert "{{" not in str(nodes(made))


def test_ids_become_names_that_argo_takes_and_no_two_the_same() -> None:
    made = nodes(build("p", [task("1.2"), task("1-2"), task("HAM_3")], SETTINGS, 1))
    assert list(made) == ["task-1-2", "task-1-2-2", "task-HAM-3"]


@pytest.mark.parametrize(
    ("tasks", "only", "said"),
    [
        ([task("a")], ("b",), "there is no task b; there are: a"),
        ([task("a"), task("b", "a")], ("b",), "task b depends on a, which is not done; choose it, too"),
        ([task("a b")], (), "task a b: its id must be of letters"),
        ([task(f"t{n}") for n in range(101)], (), "101 tasks are to do, and a play has at most 100"),
        ([Task("a", "t", "x" * 70_000)], (), "task a has more than 65,536 characters"),
        ([Task(f"t{n}", "t", "\u754c" * 60_000) for n in range(4)], (), "more than 600,000 bytes"),
    ],
)
def test_what_cannot_be_played_is_said(tasks: list[Task], only: tuple[str, ...], said: str) -> None:
    with pytest.raises(PlayWrong) as error:
        chosen(tasks, only)
    assert said in str(error.value)


def test_the_same_backlog_has_the_same_name_from_every_checkout() -> None:
    assert play_name(".taskmaster/tasks/tasks.json", "Acme/sums") == play_name(
        ".taskmaster/tasks/tasks.json", "acme/sums"
    )
    assert play_name("a.json", "acme/sums") != play_name("a.json", "acme/other")
    assert play_name("1.json", "acme/sums").startswith("p-1-json-")


def test_criteria_are_told_to_whoever_implements() -> None:
    assert words_of(task("1")) == "1 (task 1)"


def planned(tmp_path: Path, text: str, *words: str) -> Any:
    file = tmp_path / "tasks.json"
    file.write_text(text)
    return CliRunner().invoke(cli, ["play", str(file), "--repo", "acme/sums", "--dry-run", *words])


def test_a_dry_run_tells_waves_overlaps_and_what_cannot_begin_and_asks_no_cluster(tmp_path: Path) -> None:
    done = planned(
        tmp_path,
        """{"tasks": [
          {"id": 1, "title": "First", "relevantFiles": [{"path": "src/", "description": "", "action": "modify"}]},
          {"id": 2, "title": "Second", "relevantFiles": [{"path": "src/a.py", "description": "", "action": "create"}]},
          {"id": 3, "title": "Third", "dependencies": [1]},
          {"id": 4, "title": "Later", "status": "deferred"}, {"id": 5, "title": "After", "dependencies": [4]}]}""",
    )
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.output.splitlines()]
    assert [line[:2] for line in lines if len(line) > 4 and line[0].isdigit() and line[1].isdigit()] == [
        ["1", "1"], ["2", "2"], ["2", "3"],
    ]  # fmt: skip
    assert "1 and 2 touch the same files (src/ and src/a.py), so one waits for the other" in done.output
    assert "5 cannot begin: it depends on 4, which is deferred" in done.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"tasks": [{"id": 1, "title": "a", "dependencies": [2]}]}', "task 1 depends on 2, which is not there"),
        ('{"tasks": [{"id": 1, "title": "a", "dependencies": [1]}]}', "go round: 1 → 1"),
        ("no", "is no JSON"),
    ],
)
def test_a_backlog_that_cannot_be_played_is_refused_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    done = planned(tmp_path, text)
    assert done.exit_code == 1
    assert f"{tmp_path / 'tasks.json'}: " in done.output
    assert said in done.output
