"""What a person sees while work goes on, on a clock that the tests turn."""

from __future__ import annotations

import io
import os
import re

import pytest
from rich.console import Console

from localkube import progress as module
from localkube.progress import Progress, duration
from localkube.wait import until


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shown() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    return Clock()


@pytest.fixture
def progress(shown: io.StringIO, clock: Clock) -> Progress:
    return Progress(Console(file=shown), clock)


def test_a_step_tells_what_is_left_and_a_finished_part_what_it_took(
    progress: Progress, shown: io.StringIO, clock: Clock
) -> None:
    progress.plan({"big": 100, "small": 20})
    progress.step("big", "compile")
    clock.now = 40
    progress.done("big")
    progress.step("small", "link")
    first, finished, second = shown.getvalue().splitlines()
    assert first == "[   0 s] big: compile  (0 of 2 done, about 1m00s left; then small)"
    assert finished == "[  40 s] big: done (40 s)"
    assert second == "[  40 s] small: link  (1 of 2 done, about 10 s left)"


def test_a_part_that_was_finished_without_a_step_is_not_left_over(progress: Progress, shown: io.StringIO) -> None:
    progress.plan({"here-already": 500, "small": 20})
    progress.done("here-already")
    progress.step("small", "link")
    assert shown.getvalue().splitlines()[-1].endswith("(1 of 2 done, about 10 s left)")


def test_a_part_that_takes_longer_than_it_is_known_to_leaves_no_negative_time(
    progress: Progress, shown: io.StringIO, clock: Clock
) -> None:
    progress.plan({"big": 10})
    progress.step("big", "compile")
    clock.now = 1000
    progress.step("big", "link")
    assert shown.getvalue().splitlines()[-1].endswith("about 0 s left)")


def test_a_log_shows_that_a_long_step_still_goes_on(
    progress: Progress, shown: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.01)
    with progress:
        progress.step("big", "compile")
        progress.step("other", "start")
        progress.done("other")
        until("a sign of life", lambda: "still at big: compile for 0 s" in shown.getvalue(), seconds=20)
        progress.done("big")
    assert "still at other" not in shown.getvalue()


def test_a_log_says_how_long_the_step_takes_not_all_steps_before_it(
    progress: Progress, shown: io.StringIO, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.01)
    progress.step("big", "compile")
    clock.now = 200
    progress.step("big", "link")
    clock.now = 230
    with progress:
        until("a sign of life", lambda: "still at" in shown.getvalue(), seconds=20)
    assert "still at big: link for 30 s" in shown.getvalue()


def test_on_a_terminal_what_runs_is_shown_live_and_gives_way_to_a_question(clock: Clock) -> None:
    shown = io.StringIO()
    with Progress(Console(file=shown, force_terminal=True, width=100), clock) as progress:
        progress.step("big", "compile")
        until("the table", lambda: re.search(r"big.*compile", shown.getvalue()) is not None, seconds=20)
        with progress.paused():
            before = shown.getvalue()
            progress.say("a line")
        assert shown.getvalue()[len(before) :].startswith("[   0 s] a line")
        progress.done("big")
    assert "big: done" in shown.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(8.6, "9 s"), (59.4, "59 s"), (59.6, "1m00s"), (125, "2m05s"), (3725, "1h02m")]
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
