"""What is to be looked at, runs and Workflows: one look at a time for each key, one more for what comes meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pressplay.kube.access import Refused, Unreachable
from pressplay.operator.leader import Leadership, NotLeading
from pressplay.operator.metrics import Metrics
from pressplay.operator.worker import Key

LOG = logging.getLogger(__name__)
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
# A look mostly waits for answers.
WORKERS = 16


@dataclass
class Queue:
    """Keys, looked at by a function that answers the seconds until the next look.

    Attributes:
        leadership: whether looks may be made; a standby only keeps the keys.
    """

    look: Callable[[Key], Awaitable[float | None]]
    metrics: Metrics
    workers: int = WORKERS
    leadership: Leadership = field(default_factory=Leadership)
    # In the order in which they came: whoever waits longest is next.
    _waiting: dict[Key, None] = field(default_factory=dict)
    _busy: set[Key] = field(default_factory=set)
    _failures: dict[Key, int] = field(default_factory=dict)
    _later: dict[Key, asyncio.TimerHandle] = field(default_factory=dict)
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, key: Key) -> None:
        """Have a run or a Workflow be looked at."""
        self._waiting.setdefault(key)
        self.metrics.waiting.set(len(self._waiting))
        self._ready.set()

    async def run(self) -> None:
        """Look, until cancelled."""
        limit = asyncio.Semaphore(self.workers)
        async with asyncio.TaskGroup() as group:
            while True:
                await self.leadership.active.wait()
                await self._ready.wait()
                if self._next() is None:
                    self._ready.clear()
                    continue
                await limit.acquire()
                key = self._next()
                if key is None:
                    limit.release()
                    continue
                del self._waiting[key]
                self.metrics.waiting.set(len(self._waiting))
                self._busy.add(key)
                group.create_task(self._work(key, limit))

    def _next(self) -> Key | None:
        return next((key for key in self._waiting if key not in self._busy), None)

    async def _work(self, key: Key, limit: asyncio.Semaphore) -> None:
        try:
            with self.metrics.looks.labels(key[0]).time():
                wait = await self.leadership.do(lambda: self.look(key))
            self._failures.pop(key, None)
        except NotLeading:
            wait = 0.0
        except (Refused, Unreachable) as error:
            wait = self._after_failure(key)
            LOG.warning("%s/%s is looked at again in %.0f s: %s", key[1], key[2], wait, error)
        # Whatever is odd about one object: the others are looked at.
        except Exception as error:
            wait = self._after_failure(key)
            LOG.exception("%s %s/%s is looked at again in %.0f s: %s", *key, wait, type(error).__name__)
        finally:
            self._busy.discard(key)
            limit.release()
            self._ready.set()
        if wait is not None:
            self._add_later(key, wait)

    def _after_failure(self, key: Key) -> float:
        self.metrics.failures.labels(key[0]).inc()
        count = self._failures[key] = self._failures.get(key, 0) + 1
        return min(FIRST_WAIT * 2.0 ** min(count - 1, 16), LONGEST_WAIT)

    def _add_later(self, key: Key, wait: float) -> None:
        known = self._later.pop(key, None)
        if known is not None:
            known.cancel()
        self._later[key] = asyncio.get_running_loop().call_later(wait, self._add_now, key)

    def _add_now(self, key: Key) -> None:
        self._later.pop(key, None)
        self.add(key)
