"""How urgent work is, in the words of TaskMaster, for tasks of a backlog as for workstreams. Pure."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """What goes first where several could begin; from the first to the last."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """The smaller, the sooner."""
        return list(Priority).index(self)
