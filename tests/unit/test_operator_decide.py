"""What an attempt that has ended means for the run."""

from __future__ import annotations

import pytest

from pressplay.operator.decide import Kind, ended, judge
from pressplay.protocol.control import Record
from pressplay.resources.exits import FINAL, RunnerExit
from pressplay.resources.reasons import Reason


def pod(code: int, reason: str = "Error") -> dict[str, object]:
    state = {"terminated": {"exitCode": code, "reason": reason}}
    return {"status": {"containerStatuses": [{"name": "runner", "state": state}]}}


@pytest.mark.parametrize("code", [code for code in RunnerExit if code is not RunnerExit.DONE])
def test_final_codes_end_the_run_and_others_begin_another_attempt(code: RunnerExit) -> None:
    verdict = judge("Failed", pod(code), Record(uid="u"), 1, 3)
    assert verdict.kind is (Kind.FAILED if code in FINAL else Kind.RETRY)


def test_an_output_that_was_taken_counts_whatever_the_job_says() -> None:
    record = Record(uid="u", outcome="pull_request", url="http://x/1")
    assert judge("Failed", pod(1), record, 1, 1).kind is Kind.SUCCEEDED


def test_the_last_attempt_s_reason_is_told() -> None:
    verdict = judge("Failed", pod(137, "OOMKilled"), Record(uid="u"), 2, 2)
    assert (verdict.kind, verdict.reason) == (Kind.FAILED, Reason.ATTEMPTS_EXHAUSTED)
    assert "OutOfMemory" in verdict.message


def test_a_deadline_is_a_budget() -> None:
    assert judge("DeadlineExceeded", None, Record(uid="u"), 1, 3).reason is Reason.TIME_EXHAUSTED


def test_a_job_whose_last_pod_is_still_going_has_ended() -> None:
    job = {"status": {"conditions": [{"type": "FailureTarget", "status": "True", "reason": "BackoffLimitExceeded"}]}}
    assert ended(job) == ("BackoffLimitExceeded", None)
    assert ended({"status": {}}) is None
