"""The operator's parts: what breaks is told and ends it with an error, what is odd about one object stops no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from pressplay.operator.leader import Leadership
from pressplay.operator.metrics import Metrics
from pressplay.operator.parts import until_one_ends
from pressplay.operator.queue import Queue
from pressplay.operator.worker import Key

SECONDS = 20
GOOD: Key = ("CodeRun", "team", "good")
ODD: Key = ("CodeRun", "team", "odd")


async def forever() -> None:
    await asyncio.Event().wait()


async def ends() -> None:
    pass


async def breaks() -> None:
    raise KeyError("spec")


@pytest.mark.parametrize(
    ("part", "other", "code", "told"),
    [
        (ends, forever, 0, ""),
        (breaks, forever, 1, "a part of the operator broke, watch: KeyError: 'spec'"),
        (forever, breaks, 1, "a part of the operator broke, queue: KeyError: 'spec'"),
        (forever, ends, 1, "a part of the operator ended although nobody asked it to: queue"),
    ],
)
def test_only_who_was_asked_to_end_ends_with_0_and_else_the_log_says_what_it_was(
    part: Callable[[], Coroutine[Any, Any, None]],
    other: Callable[[], Coroutine[Any, Any, None]],
    code: int,
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts = {"watch": part(), "queue": other()}
    assert asyncio.run(asyncio.wait_for(until_one_ends(parts, asked="watch"), SECONDS)) == code
    assert told in caplog.text


def test_parts_end_in_turn_the_first_one_last() -> None:
    gone = []

    async def part(name: str) -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            gone.append(name)

    asyncio.run(until_one_ends({"lease": part("lease"), "queue": part("queue"), "watch": ends()}, asked="watch"))
    assert gone == ["queue", "lease"]


def looked_at(
    look: Callable[[Key], Awaitable[float | None]], until: Callable[[Queue], Coroutine[Any, Any, None]]
) -> None:
    async def work() -> None:
        queue = Queue(look, Metrics())
        queue.leadership.tell(True)
        running = asyncio.create_task(queue.run())
        waiting = asyncio.create_task(until(queue))
        done, _ = await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in (running, waiting):
            task.cancel()
        for task in done:
            task.result()

    asyncio.run(asyncio.wait_for(work(), SECONDS))


def test_an_object_that_cannot_be_looked_at_stops_no_other_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pressplay.operator.queue.FIRST_WAIT", 0.01)
    seen: list[Key] = []
    thrice = asyncio.Event()

    async def look(key: Key) -> float | None:
        seen.append(key)
        if key == ODD and seen.count(ODD) < 3:
            raise KeyError("metadata")
        if seen.count(ODD) == 3:
            thrice.set()
        return None

    async def until(queue: Queue) -> None:
        queue.add(ODD)
        await asyncio.sleep(0)
        queue.add(GOOD)
        await thrice.wait()

    with caplog.at_level(logging.ERROR):
        looked_at(look, until)
    assert GOOD in seen
    assert "CodeRun team/odd is looked at again in 0 s: KeyError" in caplog.text


def test_a_look_that_is_under_way_when_another_may_lead_is_ended_and_made_again_later() -> None:
    begun, again = asyncio.Event(), asyncio.Event()
    written = []

    async def look(_: Key) -> float | None:
        if begun.is_set():
            again.set()
            return None
        begun.set()
        await asyncio.Event().wait()
        written.append("late")
        return None

    async def until(queue: Queue) -> None:
        queue.add(GOOD)
        await begun.wait()
        queue.leadership.tell(False)
        await asyncio.sleep(0.05)
        assert not again.is_set(), "looked although it does not lead"
        queue.leadership.tell(True)
        await again.wait()

    looked_at(look, until)
    assert not written


def test_who_is_ended_while_it_does_not_lead_is_ended() -> None:
    async def work() -> None:
        leadership = Leadership()
        leadership.tell(True)
        doing = asyncio.create_task(leadership.do(forever))
        await asyncio.sleep(0)
        doing.cancel()
        leadership.tell(False)
        with pytest.raises(asyncio.CancelledError):
            await doing

    asyncio.run(asyncio.wait_for(work(), SECONDS))
