"""Patience: calls again what may succeed the second time, waits as it is told to, keeps to the rate, falls back.

Decisions are pure (`next_delay`, `next_opening`); `PatientModel` only carries them out. What an attempt costs is
counted where it passes, in the gateway. Must not know any vendor.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pressplay.llm.errors import ModelError, Overloaded, RateLimited
from pressplay.llm.messages import Answer, Request
from pressplay.llm.model import Model

LOG = logging.getLogger(__name__)

MINUTE = 60.0


@dataclass(frozen=True)
class Patience:
    """How long to go on.

    Attributes:
        attempts: calls of one model, the first included.
        first: seconds before the second attempt; doubled for each further one.
        longest: seconds that a wait of our own choosing may take.
        longest_asked: a wait that the vendor asks for and that is longer than this is not sat out: the error is raised
            with it, so that whoever holds the run can park it.
    """

    attempts: int = 6
    first: float = 1.0
    longest: float = 60.0
    longest_asked: float = 120.0


def next_delay(error: ModelError, attempt: int, patience: Patience, chance: float) -> float | None:
    """Seconds to wait before the next attempt; None where there is to be none.

    Args:
        attempt: how many were made, from 1.
        chance: from 0 to 1. Many runs that were refused at the same moment must not come back at the same moment.
    """
    if not error.retryable or attempt >= patience.attempts:
        return None
    backoff = min(patience.first * 2.0 ** (attempt - 1), patience.longest)
    asked = error.after if isinstance(error, RateLimited | Overloaded) else None
    if asked is None:
        return backoff * (0.5 + chance / 2)
    if asked > patience.longest_asked:
        return None
    # Never earlier than asked, and a little apart from the others.
    return asked + chance * min(patience.first, backoff)


def next_opening(calls: Sequence[float], now: float, per_minute: int) -> float:
    """Seconds until one more call keeps to `per_minute` in any sixty seconds; `calls` are when the last ones began."""
    if len(calls) < per_minute:
        return 0.0
    return max(0.0, calls[-per_minute] + MINUTE - now)


class RateLimiter:
    """At most so many calls in any minute, in the order in which they asked.

    Args:
        per_minute: None for no limit.
    """

    def __init__(
        self,
        per_minute: int | None,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_minute = per_minute
        self._now = now
        self._sleep = sleep
        self._calls: deque[float] = deque(maxlen=per_minute)
        self._turn = asyncio.Lock()

    async def wait(self) -> None:
        """Until one more call is allowed, and count it."""
        if self._per_minute is None:
            return
        async with self._turn:
            while (delay := next_opening(tuple(self._calls), self._now(), self._per_minute)) > 0:
                await self._sleep(delay)
            self._calls.append(self._now())


class PatientModel:
    """Models of one wire in the order of preference, called with patience.

    Args:
        models: the first is used; the next ones only when those before it are given up, and only for what another
            model may cure (rate limits, overload, silence).
        limiter: shared by all that call with the same key.
    """

    def __init__(
        self,
        models: Sequence[Model],
        *,
        limiter: RateLimiter | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._models = tuple(models)
        self._limiter = limiter or RateLimiter(None)
        self._patience = patience or Patience()
        self._sleep = sleep
        self._chance = chance

    @property
    def name(self) -> str:
        """The name of the preferred model."""
        return self._models[0].name

    def prompt_at_most(self, request: Request) -> int:
        """The most that any of the models can count for the prompt."""
        return max(model.prompt_at_most(request) for model in self._models)

    async def complete(self, request: Request) -> Answer:
        """Call, with retries and fallbacks.

        Raises:
            ModelError: the last one met, when patience is at its end.
        """
        *others, last = self._models
        for model in others:
            try:
                return await self._patiently(model, request)
            except ModelError as error:
                if not error.retryable:
                    raise
                LOG.warning("%s is given up, the next model is tried: %s", model.name, error.message)
        return await self._patiently(last, request)

    async def _patiently(self, model: Model, request: Request) -> Answer:
        attempt = 0
        while True:
            attempt += 1
            await self._limiter.wait()
            try:
                answer = await model.complete(request)
            except ModelError as error:
                delay = next_delay(error, attempt, self._patience, self._chance())
                if delay is None:
                    raise
                LOG.info("%s: %s; attempt %d follows in %.1f s", model.name, error.message, attempt + 1, delay)
                await self._sleep(delay)
                continue
            LOG.debug("%s answered: %s, stop=%s", model.name, answer.usage, answer.stop)
            return answer

    async def close(self) -> None:
        """Give the connections of all of them back."""
        for model in self._models:
            await model.close()
