"""The cache of builds: the finished is not built again, the failed not published, the interrupted goes on."""

from __future__ import annotations

import fcntl
import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from localkube.build.cache import KEPT_GENERATIONS, Store, build, digests
from localkube.build.recipe import Recipe, Workbench
from localkube.errors import LocalKubeError
from localkube.progress import Progress
from localkube.wait import until


def writes(content: str, calls: list[str] | None = None) -> Callable[[Workbench], None]:
    def work(bench: Workbench) -> None:
        if calls is not None:
            calls.append(content)
        (bench.out / "result").write_text(content)

    return work


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def test_a_second_build_takes_what_the_first_one_made(store: Store) -> None:
    calls: list[str] = []
    recipe = Recipe("one", {"version": "1"}, writes("a", calls))
    for _ in range(2):
        made = build([recipe], ["one"], store, Progress())
        assert (made["one"] / "result").read_text() == "a"
    assert calls == ["a"]


def test_another_input_is_another_build_and_so_is_another_input_of_what_it_needs() -> None:
    def of(version: str) -> dict[str, str]:
        base = Recipe("base", {"version": version}, writes(""))
        return digests([Recipe("top", {}, writes(""), needs=("base",)), base])

    assert of("1") == of("1")
    assert of("1")["base"] != of("2")["base"]
    assert of("1")["top"] != of("2")["top"]


def test_what_a_finished_build_was_made_from_is_not_built_again(store: Store) -> None:
    calls: list[str] = []
    base = Recipe("base", {}, writes("base", calls))
    top = Recipe("top", {}, writes("top", calls), needs=("base",))
    build([base, top], ["top"], store, Progress())
    made = build([base, top], ["top"], store, Progress())
    assert calls == ["base", "top"]
    assert "top" in made


def test_independent_builds_run_side_by_side(store: Store) -> None:
    if (os.cpu_count() or 1) < 2:
        pytest.fail("this test needs two cores")
    both_there = threading.Barrier(2, timeout=20)

    def meets(_: Workbench) -> None:
        both_there.wait()

    build([Recipe("left", {}, meets), Recipe("right", {}, meets)], ["left", "right"], store, Progress())


def test_a_failed_build_shows_the_end_of_its_log_and_where_it_is(store: Store) -> None:
    def fails(bench: Workbench) -> None:
        bench.step("compile")
        bench.run("sh", "-c", "echo the compiler is unhappy; exit 3")

    with pytest.raises(LocalKubeError) as failed:
        build([Recipe("bad", {}, fails)], ["bad"], store, Progress())
    assert "exit code 3" in failed.value.message
    assert "the compiler is unhappy" in failed.value.message
    log = next((store.root / "logs").glob("bad-*.log"))
    assert str(log) in failed.value.remedy
    assert not list((store.root / "builds").glob("bad-*"))


def test_a_failure_ends_what_runs_beside_it(store: Store) -> None:
    started = threading.Event()

    def fails(bench: Workbench) -> None:
        assert started.wait(20)
        raise LocalKubeError("no", "")

    def hangs(bench: Workbench) -> None:
        started.set()
        bench.run("sleep", "600")

    with pytest.raises(LocalKubeError, match="no"):
        build([Recipe("bad", {}, fails), Recipe("long", {}, hangs)], ["bad", "long"], store, Progress())


def test_an_interrupted_build_goes_on_where_it_stopped(store: Store) -> None:
    calls: list[str] = []

    def in_two_steps(bench: Workbench) -> None:
        first = bench.work / "first"
        if not first.exists():
            calls.append("first")
            first.touch()
            raise LocalKubeError("cut off", "")
        calls.append("second")
        (bench.out / "result").write_text("whole")

    recipe = Recipe("two", {}, in_two_steps)
    with pytest.raises(LocalKubeError):
        build([recipe], ["two"], store, Progress())
    made = build([recipe], ["two"], store, Progress())
    assert calls == ["first", "second"]
    assert (made["two"] / "result").read_text() == "whole"
    assert not list((store.root / "work").iterdir())


def test_after_a_kill_the_next_build_waits_until_what_was_started_has_ended(store: Store, tmp_path: Path) -> None:
    """A killed process leaves its compiler running; two of them in one folder would spoil each other's work."""
    marks = tmp_path / "marks"
    marks.mkdir()
    recipe_code = textwrap.dedent(f"""
        from pathlib import Path
        from localkube.build.cache import Store, build
        from localkube.build.recipe import Recipe
        from localkube.progress import Progress
        def work(bench):
            waits = "while [ ! -e {marks}/go ]; do sleep 0.05; done"
            bench.run("sh", "-c", "touch {marks}/child; " + waits + "; touch {marks}/end")
        build([Recipe("slow", {{}}, work)], ["slow"], Store(Path("{store.root}")), Progress())
    """)
    first = subprocess.Popen([sys.executable, "-c", recipe_code])
    until("the child of the first build", (marks / "child").exists, seconds=20)
    first.send_signal(signal.SIGKILL)
    first.wait()
    seen: list[bool] = []

    def work(bench: Workbench) -> None:
        seen.append((marks / "end").exists())

    shown = io.StringIO()
    progress = Progress(Console(file=shown))
    second = threading.Thread(target=lambda: build([Recipe("slow", {}, work)], ["slow"], store, progress))
    second.start()
    until("the second build to wait", lambda: "wait for the process that builds it" in shown.getvalue(), seconds=20)
    (marks / "go").touch()
    second.join(20)
    assert seen == [True]


def test_old_generations_are_forgotten(store: Store) -> None:
    for version in ("1", "2", "3", "4"):
        build([Recipe("one", {"version": version}, writes(version))], ["one"], store, Progress())
    assert len(list((store.root / "builds").iterdir())) == KEPT_GENERATIONS


def test_a_log_stays_as_long_as_its_build(store: Store) -> None:
    for version in ("1", "2", "3"):
        build([Recipe("one", {"version": version}, writes(version))], ["one"], store, Progress())
    build([Recipe("one-more", {}, writes(""))], ["one-more"], store, Progress())
    logs = {path.stem for path in (store.root / "logs").iterdir()}
    assert logs == {path.name for path in (store.root / "builds").iterdir()}


def test_a_recipe_that_needs_itself_is_refused() -> None:
    with pytest.raises(LocalKubeError, match="'b' needs 'a'"):
        digests([Recipe("a", {}, writes(""), needs=("b",)), Recipe("b", {}, writes(""), needs=("a",))])


def test_a_download_runs_beside_as_many_builds_as_there_are_cores(store: Store) -> None:
    names = [f"compile-{number}" for number in range(os.cpu_count() or 1)]
    all_there = threading.Barrier(len(names) + 1, timeout=20)

    def meets(_: Workbench) -> None:
        all_there.wait()

    compiles = [Recipe(name, {}, meets) for name in names]
    build([*compiles, Recipe("download", {}, meets, downloads=True)], [*names, "download"], store, Progress())


def test_whoever_waits_for_another_process_can_be_ended(store: Store) -> None:
    recipe = Recipe("one", {}, writes("a"))
    (store.root / "locks").mkdir(parents=True)
    holder = store.root / "locks" / f"one-{digests([recipe])['one']}"
    stop = threading.Event()
    with holder.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(LocalKubeError, match="another process builds it"):
            store.obtain(recipe, digests([recipe])["one"], {}, Progress(), stop)


def test_what_another_process_built_meanwhile_is_done(store: Store) -> None:
    recipe = Recipe("one", {}, writes("a"))
    digest = digests([recipe])["one"]
    (store.root / "locks").mkdir(parents=True)
    shown = io.StringIO()
    progress = Progress(Console(file=shown))
    with (store.root / "locks" / f"one-{digest}").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        waiter = threading.Thread(target=store.obtain, args=(recipe, digest, {}, progress, threading.Event()))
        waiter.start()
        until("the second to wait", lambda: "wait for the process" in shown.getvalue(), seconds=20)
        store.place("one", digest).mkdir(parents=True)
    waiter.join(20)
    assert "one: done" in shown.getvalue()
    assert "start" not in shown.getvalue()


def test_the_working_folder_of_a_build_that_goes_on_stays(store: Store) -> None:
    running = store.root / "work" / f"one-{'0' * 16}"
    running.mkdir(parents=True)
    (store.root / "locks").mkdir()
    with (store.root / "locks" / running.name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        build([Recipe("one", {}, writes("a"))], ["one"], store, Progress())
    assert list((store.root / "work").iterdir()) == [running]


def test_working_folders_of_earlier_inputs_do_not_pile_up(store: Store) -> None:
    def cut_off(_: Workbench) -> None:
        raise LocalKubeError("cut off", "")

    with pytest.raises(LocalKubeError):
        build([Recipe("one", {"version": "1"}, cut_off)], ["one"], store, Progress())
    build([Recipe("one", {"version": "2"}, writes("b"))], ["one"], store, Progress())
    assert list((store.root / "work").iterdir()) == []
