"""Runs to be looked at: each key is worked on by one at a time, and what comes meanwhile is one further look."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pressplay.kube.access import Refused, Unreachable
from pressplay.operator.worker import Key

LOG = logging.getLogger(__name__)
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0


@dataclass
class Queue:
    """Keys, looked at by a function that answers the seconds until the next look.

    Attributes:
        active: whether looks may be made; a standby only keeps the keys.
    """

    look: Callable[[Key], Awaitable[float | None]]
    workers: int = 8
    active: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: set[Key] = field(default_factory=set)
    _busy: set[Key] = field(default_factory=set)
    _failures: dict[Key, int] = field(default_factory=dict)
    _later: dict[Key, asyncio.TimerHandle] = field(default_factory=dict)
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, key: Key) -> None:
        """Have a run be looked at."""
        self._waiting.add(key)
        self._ready.set()

    async def run(self) -> None:
        """Look, until cancelled."""
        limit = asyncio.Semaphore(self.workers)
        async with asyncio.TaskGroup() as group:
            while True:
                await self.active.wait()
                await self._ready.wait()
                free = self._waiting - self._busy
                if not free:
                    self._ready.clear()
                    continue
                await limit.acquire()
                key = next(iter(free))
                self._waiting.discard(key)
                self._busy.add(key)
                group.create_task(self._work(key, limit))

    async def _work(self, key: Key, limit: asyncio.Semaphore) -> None:
        try:
            wait = await self.look(key)
            self._failures.pop(key, None)
        except (Refused, Unreachable) as error:
            count = self._failures[key] = self._failures.get(key, 0) + 1
            wait = min(FIRST_WAIT * 2 ** (count - 1), LONGEST_WAIT)
            LOG.warning("%s/%s is looked at again in %.0f s: %s", key[1], key[2], wait, error)
        finally:
            self._busy.discard(key)
            limit.release()
            self._ready.set()
        if wait is not None:
            self._add_later(key, wait)

    def _add_later(self, key: Key, wait: float) -> None:
        known = self._later.pop(key, None)
        if known is not None:
            known.cancel()
        self._later[key] = asyncio.get_running_loop().call_later(wait, self.add, key)
