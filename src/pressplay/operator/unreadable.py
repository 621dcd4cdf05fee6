"""A stored run that cannot be read: what is told of it, once. Pure, on the object as the API server has it.

The definition refuses such runs, so they come of a definition that was another when they were stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from pressplay.resources.reasons import ConditionType, Phase, Reason


def finished_condition(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The condition with which a run ended; None where it has not."""
    return next(
        (each for each in _conditions(body) if each.get("type") == ConditionType.FINISHED and each["status"] == "True"),
        None,
    )


def unreadable_status(body: Mapping[str, Any], error: ValidationError, now: datetime) -> dict[str, Any] | None:
    """The status of a run that cannot be read; None where it says so already.

    One that has not begun has ended with that. One that has begun is left to its Job: who reads it next may be newer.
    """
    begun = bool((body.get("status") or {}).get("attempts"))
    type_ = ConditionType.RUNNING if begun else ConditionType.FINISHED
    new = {
        "type": type_.value, "status": "Unknown" if begun else "True", "reason": Reason.INVALID_RUN.value,
        "message": _words(error, begun=begun), "lastTransitionTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip
    kept = [each for each in _conditions(body) if each.get("type") != type_]
    old = next((each for each in _conditions(body) if each.get("type") == type_), {})
    if (old.get("status"), old.get("message")) == (new["status"], new["message"]):
        return None
    ended = {} if begun else {"phase": Phase.FAILED.value}
    return {"conditions": [*kept, new], **ended}


def _words(error: ValidationError, *, begun: bool) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    remedy = "mend that field, or cancel the run by deleting it" if begun else "make the run anew with another value"
    return f"the stored run cannot be read: {field}: {first['msg']}; {remedy}"


def _conditions(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = (body.get("status") or {}).get("conditions") or []
    return [each for each in found if isinstance(each, Mapping)]
