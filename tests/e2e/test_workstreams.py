"""A folder of workstreams as one graph: each after what it depends on; what failed keeps back its own alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from localdemo.standins import StandIns, archive_of
from localkube.state import ClusterRecord
from tests.e2e.support.commands import Answer, answer

pytestmark = pytest.mark.xdist_group("workstreams")

ADDED, NOTED, HOPELESS = "Add a function that doubles", "Write notes on doubling", "Fly to the moon and back"
STREAMS: dict[str, dict[str, Any]] = {
    "double": {"capabilities": ["implement"], "objectives": [ADDED], "priority": "high"},
    "notes": {"capabilities": ["document"], "objectives": [NOTED], "dependencies": ["double"]},
    "moon": {"capabilities": ["implement"], "objectives": [HOPELESS]},
    "flag": {"capabilities": ["implement"], "objectives": ["Plant a flag"], "dependencies": ["moon"]},
}
SCRIPTS = {
    "double": (ADDED, '{name: write, arguments: {path: double.py, content: "def double(a):\\n    return 2 * a\\n"}}'),
    "notes": (NOTED, '{name: write, arguments: {path: NOTES.md, content: "Doubling is adding to itself.\\n"}}'),
}
SCRIPT = """
match: {text}
turns:
  - tools:
      - {work}
      - {{name: finish, arguments: {{title: "{text}", body: ""}}}}
"""
GIVES_UP = f"""
match: {HOPELESS}
turns:
  - tools:
      - {{name: finish, arguments: {{title: No, body: there is no rocket, outcome: cannot}}}}
"""
SECONDS = 240


@dataclass(frozen=True)
class Worked:
    """A folder that was worked to its end.

    Attributes:
        answer: of the command that waited for it.
    """

    folder: Path
    repository: str
    env: dict[str, str]
    answer: Answer

    def call(self, word: str, *more: str) -> Answer:
        """`pressplay workstreams WORD FOLDER …`."""
        return answer("workstreams", word, str(self.folder), "--repo", self.repository, *more, env=self.env)


@pytest.fixture(scope="module")
def worked(cluster: ClusterRecord, platform: StandIns, tmp_path_factory: pytest.TempPathFactory) -> Worked:
    repository = f"acme/streams-{uuid4().hex[:6]}"
    platform.repository(repository, archive_of({"README": "Numbers.\n"}))
    for name, (text, work) in SCRIPTS.items():
        platform.script(f"streams-{name}.yaml", SCRIPT.format(text=text, work=work))
    platform.script("streams-moon.yaml", GIVES_UP)
    folder = tmp_path_factory.mktemp("streams")
    for name, told in STREAMS.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"name": name, **told}))
    env = {"KUBECONFIG": str(cluster.kubeconfig)}
    words = (
        "workstreams",
        "run",
        str(folder),
        "--repo",
        repository,
        "--wait",
        "--timeout",
        f"{SECONDS}s",
        "-o",
        "json",
    )
    return Worked(folder, repository, env, answer(*words, env=env, seconds=SECONDS + 30))


def by_name(told: Answer) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(told.out)["workstreams"]}


def test_each_is_worked_after_what_it_depends_on_and_what_failed_keeps_back_its_own(worked: Worked) -> None:
    assert worked.answer.code == 1, worked.answer.err
    streams = by_name(worked.answer)
    states = {name: each["state"] for name, each in streams.items()}
    assert states == {"double": "done", "notes": "done", "moon": "failed", "flag": "blocked"}, worked.answer
    assert (streams["double"]["persona"], streams["notes"]["persona"]) == ("rex", "docs")
    assert streams["double"]["run"]["ended"] <= streams["notes"]["run"]["began"]
    assert "moon failed: AgentGaveUp: there is no rocket" in worked.answer.err
    # The cluster has been asked who can do what.
    assert "those of this release" not in worked.answer.err


def test_each_that_is_done_has_a_pull_request_of_its_own(worked: Worked, platform: StandIns) -> None:
    found = platform.hub("GET", f"/api/v3/repos/{worked.repository}/pulls?state=all")
    assert sorted(each["title"] for each in found) == [ADDED, NOTED]


def test_report_and_status_tell_of_each_where_it_is_and_why(worked: Worked) -> None:
    report = worked.call("report").out
    assert "| double | done | rex | [#" in report
    assert "| flag | blocked | rex |" in report
    assert "there is no rocket" in report
    assert by_name(worked.call("status", "-o", "json")) == by_name(worked.answer)


def test_run_again_what_is_done_is_not_done_again(worked: Worked, platform: StandIns) -> None:
    again = worked.call("run", "--wait", "--timeout", f"{SECONDS}s", "-o", "json")
    runs = {name: each["run"]["run"] for name, each in by_name(worked.answer).items() if each["run"]}
    now = {name: each["run"]["run"] for name, each in by_name(again).items() if each["run"]}
    assert (now["double"], now["notes"]) == (runs["double"], runs["notes"])
    assert now["moon"] != runs["moon"]
