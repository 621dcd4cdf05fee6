"""What an attempt that has ended means for the run."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pressplay.operator.decide import LOST, Kind, ended, judge, with_cause
from pressplay.protocol.control import Record
from pressplay.resources.conditions import Condition
from pressplay.resources.exits import FINAL, RunnerExit
from pressplay.resources.reasons import ConditionType, Reason


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


def test_a_pod_that_was_evicted_for_a_full_volume_ends_the_run_and_a_node_that_is_short_does_not() -> None:
    told = 'Usage of EmptyDir volume "workspace" exceeds the limit "1Mi". '
    full = {"status": {"reason": "Evicted", "message": told}}
    verdict = judge("BackoffLimitExceeded", full, Record(uid="u"), 1, 3)
    assert (verdict.kind, verdict.reason) == (Kind.FAILED, Reason.NO_SPACE)
    assert "spec.workbench.resources.storage" in verdict.message
    short = {"status": {"reason": "Evicted", "message": "The node was low on resource: memory."}}
    assert judge("BackoffLimitExceeded", short, Record(uid="u"), 1, 3).kind is Kind.RETRY


@pytest.mark.parametrize(("volume", "place"), [("exchange", "/exchange"), ("workbench-tmp", "/tmp")])
def test_of_a_volume_that_nobody_can_make_larger_the_remedy_is_another(volume: str, place: str) -> None:
    told = f'Usage of EmptyDir volume "{volume}" exceeds the limit "1Gi". '
    full = {"status": {"reason": "Evicted", "message": told}}
    verdict = judge("BackoffLimitExceeded", full, Record(uid="u"), 1, 3)
    assert verdict.reason is Reason.NO_SPACE
    assert "spec.workbench" not in verdict.message
    assert verdict.message.endswith(f"must write less into {place}")


@pytest.mark.parametrize(("reason", "told"), [(Reason.WAITING, True), (Reason.AGENT_AT_WORK, False)])
def test_a_run_whose_time_went_by_before_it_began_says_what_kept_it(reason: Reason, told: bool) -> None:
    condition = Condition(
        type=ConditionType.RUNNING, status="False", reason=reason, message="no node takes the pod",
        last_transition_time=datetime(2026, 1, 1, tzinfo=UTC), observed_generation=1,
    )  # fmt: skip
    verdict = with_cause(judge("DeadlineExceeded", None, Record(uid="u"), 1, 3), [condition])
    assert ("no node takes the pod" in verdict.message) is told


def ends(**codes: tuple[int, str]) -> dict[str, object]:
    """A pod whose containers have ended so; all but the runner are init containers."""
    told = [
        {"name": name, "state": {"terminated": {"exitCode": code, "reason": reason}}}
        for name, (code, reason) in codes.items()
    ]
    inits = [each for each in told if each["name"] != "runner"]
    return {"status": {"initContainerStatuses": inits, "containerStatuses": [x for x in told if x not in inits]}}


def test_what_the_runner_says_counts_before_what_the_signal_did_to_its_workbench() -> None:
    done = (0, "Completed")
    given_up = ends(workspace=done, workbench=(137, "Error"), runner=(int(RunnerExit.GAVE_UP), "Error"))
    verdict = judge("BackoffLimitExceeded", given_up, Record(uid="u"), 1, 3)
    assert (verdict.kind, verdict.reason) == (Kind.FAILED, Reason.GAVE_UP)
    killed = ends(workspace=done, workbench=(137, "OOMKilled"), runner=done)
    assert judge("BackoffLimitExceeded", killed, Record(uid="u"), 1, 3).reason is Reason.OUT_OF_MEMORY
    unrefereed = judge("Failed", ends(workspace=done, referee=(137, "OOMKilled")), Record(uid="u"), 1, 3)
    assert (unrefereed.reason, unrefereed.message) == (Reason.OUT_OF_MEMORY, "referee used more memory than it may")
    shellless = judge("Failed", ends(workspace=done, referee=(128, "StartError")), Record(uid="u"), 1, 3)
    assert (shellless.kind, shellless.reason) == (Kind.FAILED, Reason.WORKBENCH_UNUSABLE)
    unprepared = ends(workspace=(int(RunnerExit.NO_SPACE), "Error"))
    assert judge("BackoffLimitExceeded", unprepared, Record(uid="u"), 1, 3).reason is Reason.NO_SPACE


def test_a_runner_whose_pod_is_gone_is_believed_that_it_is_over() -> None:
    said = Record(uid="u", end_attempt=1, end_reason=Reason.MONEY_EXHAUSTED, end_message="all is spent")
    verdict = judge(LOST, None, said, 1, 3)
    assert (verdict.kind, verdict.reason, verdict.message) == (Kind.FAILED, Reason.MONEY_EXHAUSTED, "all is spent")
    assert judge(LOST, None, Record(uid="u"), 1, 3).kind is Kind.RETRY
    assert judge(LOST, None, Record(uid="u"), 3, 3).reason is Reason.ATTEMPTS_EXHAUSTED
