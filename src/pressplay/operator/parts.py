"""The parts of the operator that run side by side: when one ends, all do; the exit code says whether it was meant."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

LOG = logging.getLogger(__name__)
# A part that does not let go in this time is left behind.
ENDING_SECONDS = 10.0


async def until_one_ends(parts: Mapping[str, Coroutine[Any, Any, None]], *, asked: str) -> int:
    """Run all until the first ends, then end the others: the last first, each before the next.

    Args:
        parts: by the name that the log has for them.
        asked: the one that ends, without an error, when the process is asked to.

    Returns:
        The exit code: 0 where it was asked to end, else 1, and the log says which part it was and why.
    """
    tasks = {name: asyncio.create_task(part, name=name) for name, part in parts.items()}
    try:
        await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        codes = [_code(name, task, asked) for name, task in tasks.items() if task.done()]
    finally:
        for task in reversed(tasks.values()):
            task.cancel()
            await asyncio.wait([task], timeout=ENDING_SECONDS)
    return max(codes)


def _code(name: str, task: asyncio.Task[None], asked: str) -> int:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        LOG.error("a part of the operator broke, %s: %s: %s", name, type(error).__name__, error, exc_info=error)
        return 1
    if name != asked or task.cancelled():
        LOG.error("a part of the operator ended although nobody asked it to: %s", name)
        return 1
    return 0
