"""Moments as GitHub writes them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(told: object) -> float:
    """A moment as GitHub writes it, in seconds since 1970; 0 where there is none.

    Raises:
        ValueError: it is text of another form.
    """
    if not isinstance(told, str) or not told:
        return 0.0
    return datetime.fromisoformat(told).timestamp()


def written(seconds: float) -> str:
    """A moment as GitHub writes it, from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
