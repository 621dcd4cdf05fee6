"""Why a runner ends before its output is taken, and what others' errors mean for it."""

from __future__ import annotations

import re

from pressplay.llm.catalogue import UnknownModel
from pressplay.llm.errors import ModelError, Unauthorized
from pressplay.resources.exits import OF_REASON, RunnerExit
from pressplay.resources.reasons import Reason
from pressplay.runner.gateway import GatewayRefused

NOT_LET_IN = 401
OUT_OF_ORDER = 409
_REASON = re.compile(r"\[([A-Z][A-Za-z]+)\]")


class Stop(Exception):
    """The runner ends.

    Attributes:
        code: for the operator.
        reason: for the gateway's record.
    """

    def __init__(self, code: RunnerExit, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


def of_refusal(error: GatewayRefused, otherwise: RunnerExit = RunnerExit.GATEWAY_UNAVAILABLE) -> Stop:
    """What a refusal of the gateway's means for the run: its own reason, and the exit code that belongs to it.

    Args:
        otherwise: the exit code where the reason has none of its own.
    """
    reason = error.refusal.reason
    if reason is Reason.INVALID_RUN and error.status in (NOT_LET_IN, OUT_OF_ORDER):
        # This pod may not go on; the run may, in another one.
        return Stop(RunnerExit.GATEWAY_UNAVAILABLE, Reason.GATEWAY_UNAVAILABLE, error.refusal.message)
    return Stop(OF_REASON.get(reason, otherwise), reason, error.refusal.message)


def of_model(error: ModelError) -> Stop:
    """What a model's error means for the run; the gateway names its reasons in brackets."""
    found = _REASON.search(error.message)
    told = found[1] if found else ""
    reason = Reason(told) if told in set(Reason) else None
    message = error.message if reason is None else error.message.partition(f"[{reason}]")[2].strip()
    if reason is not None and OF_REASON.get(reason) in (RunnerExit.BUDGET, RunnerExit.MODEL_REFUSED):
        return Stop(OF_REASON[reason], reason, message)
    if reason is Reason.MODEL_UNAVAILABLE or error.retryable:
        return Stop(RunnerExit.MODEL_UNAVAILABLE, Reason.MODEL_UNAVAILABLE, message)
    if isinstance(error, UnknownModel):
        return Stop(RunnerExit.MODEL_REFUSED, Reason.UNKNOWN_MODEL, str(error))
    if isinstance(error, Unauthorized):
        return Stop(RunnerExit.GATEWAY_UNAVAILABLE, Reason.GATEWAY_UNAVAILABLE, message)
    return Stop(RunnerExit.MODEL_REFUSED, Reason.MODEL_REFUSED_REQUEST, str(error))
