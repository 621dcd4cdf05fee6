"""The operator's queue: in which order it looks."""

from __future__ import annotations

import asyncio

from pressplay.operator.metrics import Metrics
from pressplay.operator.queue import Queue
from pressplay.operator.worker import Key

SECONDS = 20


def key(number: int) -> Key:
    return ("CodeRun", "team", f"run-{number}")


def test_whoever_waits_longest_is_looked_at_next_and_one_that_comes_again_keeps_its_place() -> None:
    looked: list[Key] = []

    async def work() -> None:
        all_of_them = asyncio.Event()

        async def look(each: Key) -> float | None:
            looked.append(each)
            if len(looked) == 1:
                # Comes again while it is worked on: after those who waited already.
                queue.add(each)
            if len(looked) == 21:
                all_of_them.set()
            return None

        queue = Queue(look, Metrics(), workers=1)
        for number in (*range(20), 3, 19):
            queue.add(key(number))
        queue.leadership.tell(True)
        running = asyncio.create_task(queue.run())
        async with asyncio.timeout(SECONDS):
            await all_of_them.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())
    assert looked == [*(key(number) for number in range(20)), key(0)]
