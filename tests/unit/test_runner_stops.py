"""How a runner ends when the gateway says no, as a process: the exit code decides whether another attempt is made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from pressplay.protocol.run import BRIEF, END, Ended, Refusal
from pressplay.resources.exits import FINAL, OF_REASON, REASONS, RunnerExit
from pressplay.resources.reasons import Reason
from pressplay.runner.program import _ending
from pressplay.runner.stops import Stop
from tests.unit.a_run import Kept, brief, gateway

SECONDS = 60


class Refusing(Kept):
    """A gateway that gives no brief, and hears why the runner ends."""

    def __init__(self, status: int, refusal: Refusal | None) -> None:
        super().__init__(brief("0" * 40))
        self.status, self.refusal = status, refusal
        self.ended: list[Ended] = []

    def get(self, path: str) -> tuple[int, bytes]:
        if path == BRIEF and self.refusal is not None:
            return self.status, self.refusal.model_dump_json().encode()
        return super().get(path)

    def take(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path == END:
            self.ended.append(Ended.model_validate_json(body))
        return super().take(path, body)


@contextmanager
def started(kept: Refusing, folder: Path, *words: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    with gateway(kept, folder) as client:
        env = {
            **os.environ, "PRESSPLAY_GATEWAY": client.url, "PRESSPLAY_TOKEN": str(folder / "token"),
            "PRESSPLAY_WORK": str(folder), "PRESSPLAY_EXCHANGE": str(folder), "TMPDIR": str(folder), **more,
        }  # fmt: skip
        command = [sys.executable, "-m", "pressplay.runner", *words]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


def ran(kept: Refusing, folder: Path) -> tuple[int, str]:
    with started(kept, folder) as process:
        said, _ = process.communicate(timeout=SECONDS)
    return process.returncode, said


def refused(kept: Refusing, folder: Path) -> Stop:
    """How it ends, without the process."""
    with gateway(kept, folder) as client:

        def work() -> None:
            client.brief()

        stop = _ending(work)
    assert stop is not None
    return stop


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (422, Reason.MODEL_REFUSED_KEY, RunnerExit.MODEL_REFUSED),
        (422, Reason.UNKNOWN_MODEL, RunnerExit.MODEL_REFUSED),
        (422, Reason.MONEY_EXHAUSTED, RunnerExit.BUDGET),
        (413, Reason.NOT_CONVERGING, RunnerExit.NOT_CONVERGING),
        (401, Reason.APP_REFUSED, RunnerExit.REFUSED),
        (404, Reason.INVALID_RUN, RunnerExit.REFUSED),
    ],
)
def test_a_refusal_that_stands_ends_the_run_with_its_own_reason(
    tmp_path: Path, status: int, reason: Reason, code: RunnerExit
) -> None:
    stop = refused(Refusing(status, Refusal(reason=reason, message="no, and why")), tmp_path)
    assert (stop.code, stop.reason, str(stop)) == (code, reason, "no, and why")
    assert code in FINAL


def test_the_process_tells_the_gateway_and_its_exit_code(tmp_path: Path) -> None:
    kept = Refusing(422, Refusal(reason=Reason.MODEL_REFUSED_KEY, message="no, and why"))
    assert ran(kept, tmp_path)[0] == RunnerExit.MODEL_REFUSED
    assert [(each.reason, each.message) for each in kept.ended] == [(Reason.MODEL_REFUSED_KEY, "no, and why")]


def test_a_pod_that_is_let_in_no_more_does_not_end_the_run(tmp_path: Path) -> None:
    stop = refused(Refusing(401, Refusal(reason=Reason.INVALID_RUN, message="the attempt has ended")), tmp_path)
    assert stop.code is RunnerExit.GATEWAY_UNAVAILABLE
    assert RunnerExit.GATEWAY_UNAVAILABLE not in FINAL


def test_a_model_that_this_runner_does_not_know_ends_the_run(tmp_path: Path) -> None:
    kept = Refusing(200, None)
    code, said = ran(kept, tmp_path)
    assert (code, kept.ended[0].reason) == (RunnerExit.MODEL_REFUSED, Reason.UNKNOWN_MODEL), said


class Silent(Refusing):
    """A gateway that is asked for the brief, and does not answer."""

    def __init__(self) -> None:
        super().__init__(200, None)
        self.knocked, self.over = Event(), Event()

    def get(self, path: str) -> tuple[int, bytes]:
        if path == BRIEF:
            self.knocked.set()
            self.over.wait(SECONDS)
        return super().get(path)


@pytest.mark.parametrize("words", [(), ("prepare",)], ids=["runner", "prepare"])
def test_whoever_is_asked_to_end_while_the_gateway_is_silent_ends_at_once(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    kept = Silent()
    with started(kept, tmp_path, *words) as process:
        assert kept.knocked.wait(SECONDS)
        process.terminate()
        assert process.wait(SECONDS / 2) == RunnerExit.ENDED_FROM_OUTSIDE
        kept.over.set()
    assert [each.reason for each in kept.ended] == [Reason.DISRUPTED]


def test_whoever_is_asked_to_end_while_it_loads_ends_at_once(tmp_path: Path) -> None:
    loads = tmp_path / "loads"
    os.mkfifo(loads)
    # What it imports early, as slow as can be.
    (tmp_path / "pydantic.py").write_text(f"open({str(loads)!r}).read()")
    with started(Refusing(200, None), tmp_path, "prepare", PYTHONPATH=str(tmp_path)) as process, loads.open("w"):
        process.terminate()
        assert process.wait(SECONDS) == RunnerExit.ENDED_FROM_OUTSIDE


def test_a_fault_of_ours_is_recorded_and_its_trace_is_in_the_log(tmp_path: Path) -> None:
    kept = Refusing(200, None)
    kept.brief = kept.brief.model_copy(update={"model": "claude-opus-4-8"})
    (tmp_path / "ready").write_text("git version 2")
    (tmp_path / "in").mkdir()
    (tmp_path / "base.json").write_text("[]")
    code, said = ran(kept, tmp_path)
    assert (code, kept.ended[0].reason) == (RunnerExit.FAULT, Reason.RUNNER_FAILED), said
    assert "Traceback" in said


def test_every_reason_that_a_runner_ends_with_leads_back_to_its_exit_code() -> None:
    for code, reason in REASONS.items():
        assert code is RunnerExit.DONE or OF_REASON[reason] is code
