"""The agent's tools, with the workbench's real program in a process of its own: what they do, and what errors teach."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pressplay.llm.messages import Text, ToolCall
from pressplay.protocol.workbench import script
from pressplay.runner.exchange import Exchange
from pressplay.runner.tools import ALL, Toolbox

Use = Callable[..., tuple[str, bool]]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    (folder / "sums.py").write_text("def add(a, b):\n    return a - b\n")
    return folder


@pytest.fixture
def use(tmp_path: Path, work: Path) -> Iterator[Use]:
    """Call a tool; answers what it said and whether that is an error."""
    (tmp_path / "exchange").mkdir()
    env = {
        "PATH": os.environ["PATH"], "PRESSPLAY_EXCHANGE": str(tmp_path / "exchange"), "PRESSPLAY_WORK": str(work),
        "PRESSPLAY_HOME": str(tmp_path),
    }  # fmt: skip
    process = subprocess.Popen(["sh", "-c", script()], env=env, start_new_session=True)
    exchange = Exchange(tmp_path / "exchange")
    tools = Toolbox(work, "", exchange, tuple(ALL), 5.0, 2000)

    async def called(name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        await exchange.ready()
        answer = await tools.call(ToolCall(id="1", name=name, arguments=arguments))
        return "".join(part.text for part in answer.content if isinstance(part, Text)), answer.is_error

    yield lambda name, **arguments: asyncio.run(asyncio.wait_for(called(name, arguments), 60))
    process.terminate()
    assert process.wait(timeout=5) == 0


def test_a_command_tells_its_output_and_its_exit_code(use: Use) -> None:
    assert use("shell", command="echo here; exit 3") == ("here\n[exit code 3]", False)


def test_a_command_that_takes_too_long_is_ended_and_the_agent_is_told(use: Use) -> None:
    said, _ = use("shell", command="echo begun; sleep 300", seconds=1)
    assert said == "begun\n[ended after 1 s: the time was over]"


def test_of_a_long_output_both_ends_are_shown_and_the_rest_is_counted(use: Use) -> None:
    said, _ = use("shell", command="echo first; seq 1 5000; echo last")
    assert said.startswith("first\n")
    assert "bytes are left out" in said
    assert said.endswith("last\n[exit code 0]")
    assert len(said) < 2200


def test_an_edit_changes_a_piece_that_is_there_once(use: Use, work: Path) -> None:
    assert use("edit", path="./sums.py", old="a - b", new="a + b") == ("sums.py is changed", False)
    assert (work / "sums.py").read_text() == "def add(a, b):\n    return a + b\n"


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("edit", {"path": "sums.py", "old": "a * b", "new": "x"}, "the old piece is not in the file"),
        ("edit", {"path": "sums.py", "old": "a", "new": "x"}, "times in the file"),
        ("edit", {"path": "none.py", "old": "a", "new": "x"}, "there is no such file"),
        ("edit", {"path": "sums.py", "new": "x"}, "the argument `old` must be text"),
        ("read", {"path": "."}, ""),
        ("read", {"path": "../outside"}, ""),
        ("read", {"path": "/etc/passwd"}, ""),
        ("read", {"path": "link"}, ""),
        ("write", {"path": "link", "content": "x"}, ""),
        ("write", {"path": "folder/x", "content": "x"}, ""),
        ("read", {"path": "binary"}, "that is a binary file"),
        ("shell", {}, "the argument `command` must be text"),
        ("fly", {}, "there is no tool `fly`; there are: shell, read"),
        ("shell", {"command": "true", "seconds": float("nan")}, "`seconds` must be a number from 1"),
        ("shell", {"command": "true", "seconds": -3}, "`seconds` must be a number from 1"),
        ("shell", {"command": "true", "seconds": "two"}, "`seconds` must be a number from 1"),
        ("write", {"path": f"{'n' * 300}/x", "content": "x"}, "File name too long"),
        ("write", {"path": f"new/{'n' * 300}", "content": "x"}, "File name too long"),
        ("write", {"path": "sums.py/x", "content": "x"}, "leads through `sums.py`"),
        ("search", {"pattern": "a(b"}, "the search failed: fatal:"),
    ],
)
def test_what_cannot_be_done_is_told_and_touches_nothing(
    use: Use, work: Path, tmp_path: Path, name: str, arguments: dict[str, Any], words: str
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("a secret")
    (work / "link").symlink_to(outside)
    (work / "folder").symlink_to(tmp_path)
    (work / "binary").write_bytes(b"\0\1")
    before = (work / "sums.py").read_text()
    said, wrong = use(name, **arguments)
    assert wrong
    assert words in said
    assert "secret" not in said
    assert "root:" not in said
    assert (outside.read_text(), (work / "sums.py").read_text()) == ("a secret", before)
    assert not (tmp_path / "x").exists()


def test_what_is_written_can_be_read_and_found(use: Use) -> None:
    assert not use("write", path="new/file.txt", content="one\ntwo\n")[1]
    assert use("read", path="new/file.txt", first=2, last=2)[0] == "2\ttwo"
    assert use("search", pattern="^t.o$")[0] == "new/file.txt:2:two"
    assert use("search", pattern="nowhere-at-all")[0] == "[nothing found]"


@pytest.mark.parametrize("seconds", [10**400, float("inf"), 1e300])
def test_a_command_may_ask_for_no_more_time_than_there_is(use: Use, seconds: float) -> None:
    assert use("shell", command="echo here", seconds=seconds) == ("here\n[exit code 0]", False)


def test_a_script_with_the_line_ends_of_windows_runs_as_it_is_meant(use: Use) -> None:
    said, _ = use("shell", command="mkdir -p a\r\ncd a\r\nif true\r\nthen\r\n  pwd\r\nfi\r\n")
    assert said.endswith("/a\n[exit code 0]")
