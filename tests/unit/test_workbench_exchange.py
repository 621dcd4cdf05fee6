"""The exchange, with the workbench's real program in a process of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from pressplay.protocol.workbench import container_command, script
from pressplay.runner.exchange import Exchange, WorkbenchUnusable


def started(shell: str, folders: Mapping[str, Path], **more: str) -> subprocess.Popen[bytes]:
    """The workbench's program in a shell of its own."""
    env = {
        **more,
        "PATH": "/usr/local/bin:/usr/bin:/bin", "PRESSPLAY_EXCHANGE": str(folders["exchange"]),
        "PRESSPLAY_WORK": str(folders["work"]), "PRESSPLAY_HOME": str(folders["home"]),
    }  # fmt: skip
    return subprocess.Popen([shell, "-c", script()], env=env, start_new_session=True)


@pytest.fixture(params=["dash", "bash"])
def exchange(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Exchange]:
    folders = {name: tmp_path / name for name in ("exchange", "work", "home")}
    for folder in folders.values():
        folder.mkdir()
    process = started(request.param, folders)
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


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_command_that_prints_without_end_is_ended_and_the_next_one_follows(shell: str, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("exchange", "work", "home")}
    for folder in folders.values():
        folder.mkdir()
    process = started(shell, folders, PRESSPLAY_MOST_OUTPUT="1000000")
    exchange = Exchange(folders["exchange"])

    async def work() -> None:
        await exchange.ready()
        # Slower than a disk: it is the guard that ends it, not its time.
        ran = await exchange.run("yes $(seq 2000) | while read -r line; do echo begun $line; done", tmp_path, 40)
        assert not ran.late
        assert ran.code != 0
        assert ran.output.startswith(b"begun 1 2 3")
        assert b"printed more than 1000000 bytes" in ran.output[-200:]
        following = await exchange.run("echo here", tmp_path, 30)
        assert (following.code, following.output) == (0, b"here\n")

    try:
        asyncio.run(asyncio.wait_for(work(), 60))
        kept = sum(file.stat().st_size for file in folders["exchange"].rglob("output*"))
        assert kept < 1000, "what was read still takes up the exchange"
    finally:
        process.terminate()
        assert process.wait(timeout=5) == 0


def test_a_command_that_ends_at_once_is_told_at_once(exchange: Exchange, tmp_path: Path) -> None:
    """The watchdog of a command may be younger than the command's end."""

    async def work() -> None:
        await exchange.ready()
        for _ in range(40):
            ran = await exchange.run("exit 0", tmp_path, 50)
            assert not ran.late

    asyncio.run(asyncio.wait_for(work(), 45))


def test_what_ignores_the_request_to_end_is_killed_with_the_rest(exchange: Exchange, tmp_path: Path) -> None:
    async def work() -> int:
        await exchange.ready()
        stubborn = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & sleep 300"
        ran = await exchange.run(stubborn, tmp_path, 1)
        assert ran.late
        return int(ran.output)

    status = Path("/proc") / str(asyncio.run(asyncio.wait_for(work(), 30))) / "status"
    deadline = time.monotonic() + 10
    while status.exists() and "State:\tZ" not in status.read_text():
        assert time.monotonic() < deadline, "what ignores the request to end is still there"
        time.sleep(0.02)


def test_a_command_in_whose_middle_the_workbench_ends_is_not_done_twice(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("exchange", "work", "home")}
    for folder in folders.values():
        folder.mkdir()
    exchange = Exchange(folders["exchange"])
    first = started("sh", folders)

    async def work() -> None:
        await exchange.ready()
        running = asyncio.create_task(exchange.run("echo once >>done; echo begun; sleep 300", folders["work"], 300))
        while not (folders["work"] / "done").exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)
        first.kill()
        first.wait()
        second = started("sh", folders)
        ran = await running
        assert ran.code == 137
        assert ran.output.decode().splitlines() == [
            "begun", "[the workbench ended in the middle of this command and was started again]"
        ]  # fmt: skip
        assert (await exchange.run("cat done", folders["work"], 30)).output == b"once\n"
        second.terminate()
        assert second.wait(timeout=5) == 0

    asyncio.run(asyncio.wait_for(work(), 60))


def test_the_kubelet_would_read_nothing_in_the_script() -> None:
    assert "$$" not in container_command()[2]


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Exchange, Path]:
    """An exchange whose other side the test plays: it answers what no workbench would."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out" / "1").mkdir(parents=True)
    (tmp_path / "out" / "1" / "output").write_text("said\n")
    return Exchange(tmp_path, Impatient()), tmp_path


class Impatient:
    """A clock by which every wait is over at the second look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1_000.0
        return self.now


def a_link(path: Path) -> None:
    (path.parent / "secret").write_text("7")
    path.symlink_to(path.parent / "secret")


def a_huge_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10**10)


@pytest.mark.parametrize("there", [a_link, a_huge_file, os.mkfifo, Path.mkdir])
def test_an_exit_code_that_is_no_small_file_is_none_and_nobody_waits_for_it(
    hostile: tuple[Exchange, Path], there: Callable[[Path], None]
) -> None:
    exchange, folder = hostile
    there(folder / "out" / "1" / "code")
    ran = asyncio.run(asyncio.wait_for(exchange.run("true", folder, 1), 30))
    assert (ran.code, ran.late, ran.output) == (124, True, b"said\n")


@pytest.mark.parametrize("there", [a_link, a_huge_file, os.mkfifo, Path.mkdir])
def test_a_workbench_that_does_not_say_in_a_file_that_it_is_ready_is_none(
    hostile: tuple[Exchange, Path], there: Callable[[Path], None]
) -> None:
    exchange, folder = hostile
    there(folder / "ready")
    with pytest.raises(WorkbenchUnusable, match="no workbench within"):
        asyncio.run(asyncio.wait_for(exchange.ready(), 30))


@pytest.mark.parametrize("told", ["9" * 150, "²", "-1", "0x1", ""])
def test_an_exit_code_that_is_no_number_is_a_failure(hostile: tuple[Exchange, Path], told: str) -> None:
    exchange, folder = hostile
    (folder / "out" / "1" / "code").write_text(told)
    assert asyncio.run(asyncio.wait_for(exchange.run("true", folder, 1), 30)).code == 1


def test_requests_are_written_through_no_link(hostile: tuple[Exchange, Path]) -> None:
    exchange, folder = hostile
    (folder / "elsewhere").mkdir()
    (folder / "in").rmdir()
    (folder / "in").symlink_to(folder / "elsewhere")
    with pytest.raises(WorkbenchUnusable, match="leads through `in`"):
        asyncio.run(asyncio.wait_for(exchange.run("true", folder, 1), 30))
    assert not list((folder / "elsewhere").iterdir())


def test_of_an_endless_output_the_beginning_and_the_end_are_kept(
    hostile: tuple[Exchange, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pressplay.runner.exchange.MOST_READ", 10)
    exchange, folder = hostile
    (folder / "out" / "1" / "output").write_bytes(b"begin" + b"." * 1_000 + b"ended")
    (folder / "out" / "1" / "code").write_text("0")
    ran = asyncio.run(asyncio.wait_for(exchange.run("true", folder, 1), 30))
    assert ran.output == b"begin\n[... 1,000 bytes are left out ...]\nended"
