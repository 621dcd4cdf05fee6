"""Conditions as Kubernetes has them (metav1.Condition), and the phase that mirrors them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import Field

from pressplay.resources.base import Resource
from pressplay.resources.reasons import ConditionType, Phase, Reason

Truth = Literal["True", "False", "Unknown"]


class Condition(Resource):
    """One thing that is told of a run; see metav1.Condition for the fields' meaning."""

    type: ConditionType = Field(description="What is told.")
    status: Truth = Field(description="Whether it holds.")
    reason: Reason = Field(description="Why, in one word for programs.")
    message: str = Field(default="", description="Why, and what to do about it, for people.", max_length=32768)
    last_transition_time: datetime = Field(description="When the status last changed.")
    observed_generation: int | None = Field(default=None, description="The generation that this was told of.")


def find(conditions: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """The condition of this type, if there is one."""
    return next((each for each in conditions if each.type is kind), None)


def holds(conditions: Iterable[Condition], kind: ConditionType) -> bool:
    """Whether the condition of this type is there and True."""
    found = find(conditions, kind)
    return found is not None and found.status == "True"


def with_condition(conditions: Iterable[Condition], new: Condition) -> tuple[Condition, ...]:
    """The conditions with this one in place of the one of its type; its time stays where its status does."""
    kept = tuple(conditions)
    old = find(kept, new.type)
    if old is not None and old.status == new.status:
        new = new.model_copy(update={"last_transition_time": old.last_transition_time})
    if old is None:
        return (*kept, new)
    return tuple(new if each.type is new.type else each for each in kept)


def phase_of(conditions: Iterable[Condition]) -> Phase:
    """The one word for what the conditions say."""
    kept = tuple(conditions)
    finished = find(kept, ConditionType.FINISHED)
    if finished is not None and finished.status == "True":
        match finished.reason:
            case Reason.SUCCEEDED | Reason.NOTHING_TO_CHANGE:
                return Phase.SUCCEEDED
            case Reason.CANCELLED:
                return Phase.CANCELLED
            case _:
                return Phase.FAILED
    if holds(kept, ConditionType.SUSPENDED):
        return Phase.SUSPENDED
    if holds(kept, ConditionType.RUNNING):
        return Phase.RUNNING
    return Phase.PENDING
