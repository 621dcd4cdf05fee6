"""The exchange, with the workbench's real program in a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pressplay.protocol.workbench import container_command, script
from pressplay.runner.exchange import Exchange


@pytest.fixture(params=["dash", "bash"])
def exchange(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Exchange]:
    folders = {name: tmp_path / name for name in ("exchange", "work", "home")}
    for folder in folders.values():
        folder.mkdir()
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "PRESSPLAY_EXCHANGE": str(folders["exchange"]),
        "PRESSPLAY_WORK": str(folders["work"]), "PRESSPLAY_HOME": str(folders["home"]),
    }  # fmt: skip
    process = subprocess.Popen([request.param, "-c", script()], env=env, start_new_session=True)
    yield Exchange(folders["exchange"])
    process.terminate()
    assert process.wait(timeout=5) == 0


def test_a_command_answers_with_output_and_code_and_the_next_one_follows(exchange: Exchange, tmp_path: Path) -> None:
    async def work() -> None:
        await exchange.ready()
        first = await exchange.run("echo one; echo two >&2; exit 3", tmp_path, 30)
        assert (first.code, first.output, first.late) == (3, b"one\ntwo\n", False)
        second = await exchange.run("pwd", tmp_path / "work", 30)
        assert second.output.decode().strip() == str(tmp_path / "work")

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_command_that_does_not_end_is_ended_with_its_children(exchange: Exchange, tmp_path: Path) -> None:
    async def work() -> None:
        await exchange.ready()
        ran = await exchange.run("sleep 300 & echo begun; sleep 300", tmp_path, 1)
        assert ran.late
        assert ran.code == 124
        assert b"begun" in ran.output

    asyncio.run(asyncio.wait_for(work(), 60))


def test_the_kubelet_would_read_nothing_in_the_script() -> None:
    assert "$$" not in container_command()[2]
