"""What engines say, read the same whichever engine says it."""

from __future__ import annotations

import datetime as dt

import pytest

from localkube.engine.model import moment

WHEN = dt.datetime(2026, 11, 21, 5, 10, 0, 123_456, dt.UTC)


@pytest.mark.parametrize("told", ["2026-11-21T05:10:00.123456789Z", "2026-11-21T07:10:00.123456789+02:00"])
def test_a_moment_is_the_same_by_docker_and_by_podman(told: str) -> None:
    assert moment(told) == WHEN


def test_a_moment_without_a_fraction_is_read_as_well() -> None:
    assert moment("2026-11-21T05:10:00Z") == WHEN.replace(microsecond=0)
