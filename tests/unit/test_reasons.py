"""Reasons are explained, each, and say what to do where there is something to do."""

from __future__ import annotations

from pressplay.resources.exits import REASONS, RunnerExit
from pressplay.resources.reasons import Reason
from pressplay.resources.remedies import REMEDIES

GOES_WELL = {
    Reason.WAITING, Reason.ADMITTED, Reason.STARTING, Reason.AGENT_AT_WORK, Reason.RETRYING, Reason.DISRUPTED,
    Reason.RESUMED, Reason.PULL_REQUEST_OPENED, Reason.SUCCEEDED, Reason.NOTHING_TO_CHANGE, Reason.CANCELLED,
}  # fmt: skip


def test_every_reason_is_explained_and_what_went_wrong_has_a_remedy() -> None:
    assert set(REMEDIES) == set(Reason)
    assert {reason for reason, told in REMEDIES.items() if not told.remedy} == GOES_WELL


def test_every_exit_of_a_runner_has_a_reason() -> None:
    assert set(REASONS) == set(RunnerExit)
