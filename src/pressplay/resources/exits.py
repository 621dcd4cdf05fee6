"""The exit codes of the runner, and what the operator concludes from each.

The runner's termination message holds no more than the code's name and the gateway's id of the result: the record is
the gateway's, and a message is cut at 4,096 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from pressplay.resources.reasons import Reason


class RunnerExit(IntEnum):
    """How the runner ended. Numbers are never used for another meaning, in later versions neither."""

    DONE = 0
    """The output was taken: a pull request, or nothing to change."""
    GAVE_UP = 10
    """The agent said that it cannot do the task."""
    BUDGET = 11
    """A budget would be exceeded by the next call; the reason that is recorded says which."""
    NOT_CONVERGING = 12
    """The same steps again and again."""
    OUTPUT_REFUSED = 13
    """The gateway refused what was handed over, also after the agent was told why."""
    MODEL_REFUSED = 14
    """The vendor refused the key or the request: another attempt would meet the same."""
    REFUSED = 15
    """The gateway refuses the run itself: another attempt would meet the same."""
    WORKSPACE = 20
    """The workspace could not be prepared."""
    WORKBENCH = 21
    """The workbench is not usable: no POSIX shell or no git in its image."""
    NO_SPACE = 22
    """The disk is full."""
    MODEL_UNAVAILABLE = 30
    """The vendor did not answer, also after patience; a later attempt may succeed."""
    GATEWAY_UNAVAILABLE = 31
    """The gateway did not answer; a later attempt may succeed."""
    ENDED_FROM_OUTSIDE = 32
    """Asked to end (SIGTERM); what there was is saved."""
    FAULT = 40
    """A fault of ours; a later attempt may succeed."""


# Ends the run: another attempt would come to the same.
FINAL = frozenset(
    {
        RunnerExit.DONE,
        RunnerExit.GAVE_UP,
        RunnerExit.BUDGET,
        RunnerExit.NOT_CONVERGING,
        RunnerExit.OUTPUT_REFUSED,
        RunnerExit.MODEL_REFUSED,
        RunnerExit.REFUSED,
        RunnerExit.WORKBENCH,
        RunnerExit.NO_SPACE,
    }
)

# What is told where the gateway has no record that says it better.
REASONS: Mapping[RunnerExit, Reason] = MappingProxyType(
    {
        RunnerExit.DONE: Reason.SUCCEEDED,
        RunnerExit.GAVE_UP: Reason.GAVE_UP,
        RunnerExit.BUDGET: Reason.TOKENS_EXHAUSTED,
        RunnerExit.NOT_CONVERGING: Reason.NOT_CONVERGING,
        RunnerExit.OUTPUT_REFUSED: Reason.OUTPUT_REFUSED,
        RunnerExit.MODEL_REFUSED: Reason.MODEL_REFUSED_REQUEST,
        RunnerExit.REFUSED: Reason.INVALID_RUN,
        RunnerExit.WORKSPACE: Reason.WORKSPACE_FAILED,
        RunnerExit.WORKBENCH: Reason.WORKBENCH_UNUSABLE,
        RunnerExit.NO_SPACE: Reason.NO_SPACE,
        RunnerExit.MODEL_UNAVAILABLE: Reason.MODEL_UNAVAILABLE,
        RunnerExit.GATEWAY_UNAVAILABLE: Reason.GATEWAY_UNAVAILABLE,
        RunnerExit.ENDED_FROM_OUTSIDE: Reason.DISRUPTED,
        RunnerExit.FAULT: Reason.RUNNER_FAILED,
    }
)

# The other way round, for what others say with a reason alone. A reason that is not here may pass.
OF_REASON: Mapping[Reason, RunnerExit] = MappingProxyType(
    {
        **{reason: code for code, reason in REASONS.items() if code is not RunnerExit.DONE},
        Reason.MONEY_EXHAUSTED: RunnerExit.BUDGET,
        Reason.STEPS_EXHAUSTED: RunnerExit.BUDGET,
        Reason.TIME_EXHAUSTED: RunnerExit.BUDGET,
        Reason.MODEL_REFUSED_KEY: RunnerExit.MODEL_REFUSED,
        Reason.UNKNOWN_MODEL: RunnerExit.MODEL_REFUSED,
        Reason.PUSH_REJECTED: RunnerExit.OUTPUT_REFUSED,
        Reason.UNKNOWN_PERSONA: RunnerExit.REFUSED,
        Reason.REPOSITORY_NOT_FOUND: RunnerExit.REFUSED,
        Reason.REPOSITORY_NOT_ALLOWED: RunnerExit.REFUSED,
        Reason.APP_NOT_INSTALLED: RunnerExit.REFUSED,
        Reason.APP_REFUSED: RunnerExit.REFUSED,
        Reason.BASE_NOT_FOUND: RunnerExit.REFUSED,
        Reason.TASK_NOT_FOUND: RunnerExit.REFUSED,
    }
)
