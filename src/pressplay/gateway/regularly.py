"""Work that is done again and again beside the listeners, as long as the gateway lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

LOG = logging.getLogger(__name__)
AFTER_A_FAULT = 30.0


async def regularly(name: str, work: Callable[[], Awaitable[float]]) -> None:
    """Do it until cancelled; a fault is logged, and it is tried again later.

    Args:
        work: answers in how many seconds it wants to be done again.
    """
    while True:
        try:
            pause = await work()
        except Exception as error:  # noqa: BLE001 - one that nobody thought of must not end it for good
            LOG.warning("%s: %s: %s", name, type(error).__name__, error)
            pause = AFTER_A_FAULT
        await asyncio.sleep(pause)


def every(seconds: float, work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[float]]:
    """Work that wants to be done again after the same time each time."""

    async def done() -> float:
        await work()
        return seconds

    return done
