"""A backlog is played to merged, unattended: in parallel where that is safe, in order where needed, each task once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from localdemo.standins import StandIns, archive_of
from localkube.state import ClusterRecord
from tests.e2e.support.commands import Answer, answer
from tests.e2e.support.people import API

pytestmark = [pytest.mark.xdist_group("plays"), pytest.mark.timeout(600, func_only=True)]

# Two that have nothing to do with one another, and one that needs both.
TASKS = [
    {"id": 1, "title": "Numbers: subtract", "description": "Add sub.", "acceptanceCriteria": ["sub(3, 1) is 2"],
     "relevantFiles": [{"path": "sub.py", "description": "", "action": "create"}]},
    {"id": 2, "title": "Numbers: multiply", "priority": "high",
     "relevantFiles": [{"path": "mul.py", "description": "", "action": "create"}]},
    {"id": 3, "title": "Numbers: notes", "dependencies": [1, 2]},
    {"id": 4, "title": "Numbers: fly", "status": "deferred"},
]  # fmt: skip
WORK = {
    1: "{name: write, arguments: {path: sub.py, content: \"def sub(a, b):\\n    return a - b\\n\"}}",
    2: "{name: write, arguments: {path: mul.py, content: \"def mul(a, b):\\n    return a * b\\n\"}}",
    # It begins on what the two others left.
    3: "{name: shell, arguments: {command: \"cat sub.py mul.py > NOTES.md\"}}",
}  # fmt: skip
IMPLEMENTS = """
match: "{title}"
system: You are Rex
turns:
  - tools:
      - {work}
      - {{name: finish, arguments: {{title: "{title}", body: ""}}}}
"""
JUDGES = """
match: "Numbers: "
system: You are {persona}
turns:
  - tools:
      - {{name: finish, arguments: {{title: Looked at, verdict: pass, summary: Fine., body: ""}}}}
"""
SECONDS = 480


@dataclass(frozen=True)
class Played:
    """A backlog that was played to its end.

    Attributes:
        answer: of the command that watched it.
    """

    file: Path
    repository: str
    env: dict[str, str]
    answer: Answer

    def call(self, *words: str) -> Answer:
        """The command line."""
        return answer(*words, env=self.env, seconds=120)


@pytest.fixture(scope="module")
def played(cluster: ClusterRecord, platform: StandIns, tmp_path_factory: pytest.TempPathFactory) -> Played:
    repository = f"acme/play-{uuid4().hex[:6]}"
    platform.repository(repository, archive_of({"README": "Numbers.\n"}))
    for task in TASKS[:3]:
        number, title = int(str(task["id"])), str(task["title"])
        platform.script(f"play-{number}.yaml", IMPLEMENTS.format(title=title, work=WORK[number]))
    for persona in ("QA", "Security", "Acceptance"):
        platform.script(f"play-{persona.lower()}.yaml", JUDGES.format(persona=persona))
    file = tmp_path_factory.mktemp("play") / "tasks.json"
    file.write_text(json.dumps({"master": {"tasks": TASKS, "metadata": {}}}))
    env = {"KUBECONFIG": str(cluster.kubeconfig)}
    words = ("play", str(file), "--repo", repository, "--name", "numbers", "--watch", "--timeout", f"{SECONDS}s")
    return Played(file, repository, env, answer(*words, "-o", "json", env=env, seconds=SECONDS + 30))


def pulls(played: Played, hub: StandIns) -> list[dict[str, Any]]:
    found = hub.hub("GET", f"{API}/{played.repository}/pulls?state=all")
    return [hub.pull(played.repository, each["number"]) for each in found]


def test_every_task_is_merged_and_the_command_says_so(played: Played) -> None:
    assert played.answer.code == 0, f"{played.answer.out}\n{played.answer.err}"
    board = json.loads(played.answer.out)
    assert {each["task"]: each["state"] for each in board["tasks"]} == dict.fromkeys("123", "merged")
    assert board["phase"] == "Succeeded"


def test_each_has_one_pull_request_that_is_merged_and_the_base_has_the_work_of_all(
    played: Played, platform: StandIns
) -> None:
    found = pulls(played, platform)
    assert sorted(each["title"] for each in found) == [
        "Numbers: multiply", "Numbers: notes", "Numbers: subtract",
    ]  # fmt: skip
    assert all(each["merged"] and each["merged_by"]["login"] == "pressplay[bot]" for each in found)
    there = platform.hub("GET", f"{API}/{played.repository}/contents/")
    assert sorted(each["name"] for each in there) == ["NOTES.md", "README", "mul.py", "sub.py"]
    commits = platform.hub("GET", f"{API}/{played.repository}/commits")
    subjects = [each["commit"]["message"].splitlines()[0] for each in commits]
    assert len(subjects) == len(set(subjects)) == 4, subjects


def test_what_depends_on_others_began_when_they_were_merged(played: Played, platform: StandIns) -> None:
    by_title = {each["title"]: each for each in pulls(played, platform)}
    last = by_title.pop("Numbers: notes")
    assert all(each["merged_at"] <= last["created_at"] for each in by_title.values())


def test_branches_of_ours_are_gone_after_their_merge(played: Played, platform: StandIns) -> None:
    assert [each["name"] for each in platform.hub("GET", f"{API}/{played.repository}/branches")] == ["main"]


def test_plays_tells_where_it_is(played: Played) -> None:
    listed = played.call("plays")
    assert any(line.split()[:2] == ["numbers", "Succeeded"] for line in listed.out.splitlines()), listed
    one = played.call("plays", "numbers")
    assert "numbers: 3 merged" in one.err
    assert "there is no play 'letters'" in played.call("plays", "letters").err


def test_where_the_tasks_are_is_written_into_the_backlog(played: Played) -> None:
    copy = played.file.with_name("copy.json")
    copy.write_bytes(played.file.read_bytes())
    assert played.call("plays", "numbers", "--write", str(copy)).code == 0
    tasks = json.loads(copy.read_text())["master"]["tasks"]
    assert [each.get("status") for each in tasks] == ["done", "done", "done", "deferred"]
    # What is done needs no cluster to know it.
    assert "there is nothing to do" in played.call("play", str(copy), "--repo", played.repository).err


def test_played_again_nothing_is_done_twice(played: Played, platform: StandIns) -> None:
    words = ("play", str(played.file), "--repo", played.repository, "--name", "numbers", "--watch", "--timeout", "120s")
    again = played.call(*words, "-o", "json")
    assert again.code == 0, again
    assert {each["state"] for each in json.loads(again.out)["tasks"]} == {"merged"}
    assert len(pulls(played, platform)) == 3
