"""Waiting in tests: for a condition, with a deadline, and with the last thing seen when it did not come true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.2


def until(what: str, look: Callable[[], T | None], *, seconds: float, seen: Callable[[], object] | None = None) -> T:
    """Look again and again until there is something true to see, and answer it.

    Args:
        what: what is waited for, as it reads after "waited for".
        look: answers something false as long as it has not come.
        seconds: the longest wait.
        seen: describes, after the deadline, what was there instead.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            instead = f"; there was {seen()}" if seen else f"; the last look gave {found!r}"
            raise AssertionError(f"waited {seconds:.0f} s for {what}, in vain{instead}")
        time.sleep(POLL_SECONDS)
