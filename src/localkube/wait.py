"""Waiting for a condition with a deadline that says what it waited for."""

from __future__ import annotations

import time
from collections.abc import Callable

from localkube.errors import LocalKubeError

POLL_SECONDS = 0.25


def until(
    what: str,
    holds: Callable[[], bool],
    *,
    seconds: float,
    remedy: str = "",
) -> None:
    """Wait until `holds()` is true.

    Args:
        what: the condition, as it reads after "waited for".
        seconds: the longest wait.
        remedy: what the user can do when it does not come true.

    Raises:
        LocalKubeError: it did not come true in time.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise LocalKubeError(f"waited {seconds:.0f} s for {what}, in vain", remedy)
        time.sleep(POLL_SECONDS)
