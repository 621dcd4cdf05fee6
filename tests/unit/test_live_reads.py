"""What many events ask GitHub at the same time: one question for all of them, and no answer older than its question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest

from pressplay.gateway.live import MOST_ROUNDS, LiveReads
from pressplay.github.client import GitHub
from pressplay.github.errors import Unavailable
from pressplay.protocol.signer import Access

READ: dict[str, Access] = {"metadata": "read"}
SHOP = "acme/shop"


@dataclass
class World:
    """What GitHub would say, and how often it was asked; `gate` holds every answer back until it is set."""

    role: str = "write"
    tokens: int = 0
    open: int = 0
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fault: Exception | None = None

    @asynccontextmanager
    async def opened(self, repository: str, permissions: dict[str, Access]) -> AsyncIterator[GitHub]:
        assert (repository, permissions) == (SHOP, READ)
        if self.fault:
            raise self.fault
        self.tokens += 1
        self.open += 1
        try:
            yield cast(GitHub, None)  # the questions below ask the world itself
        finally:
            self.open -= 1

    async def role_of(self, login: str) -> str:
        self.asked.append(login)
        told = self.role
        await self.gate.wait()
        return told


def of(reads: LiveReads, world: World, login: str) -> asyncio.Task[str]:
    return asyncio.create_task(reads.ask(SHOP, READ, login, lambda _: world.role_of(login)))


async def asked(world: World, times: int) -> None:
    async with asyncio.timeout(5):
        while len(world.asked) < times:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


def test_all_who_ask_at_the_same_time_share_a_token_and_an_answer() -> None:
    async def scene() -> None:
        world = World()
        reads = LiveReads(world.opened)
        tasks = [of(reads, world, login) for login in ["ann", "bob"] * 20]
        world.gate.set()
        assert await asyncio.gather(*tasks) == ["write"] * 40
        assert (world.tokens, sorted(world.asked)) == (1, ["ann", "bob"])
        # Afterwards, nothing is held on to.
        assert await of(reads, world, "ann") == "write"
        assert (world.tokens, world.open) == (2, 0)

    asyncio.run(scene())


def test_who_asks_while_a_question_is_under_way_gets_an_answer_of_his_own() -> None:
    async def scene() -> None:
        world = World()
        reads = LiveReads(world.opened)
        first = of(reads, world, "ann")
        await asked(world, 1)
        world.role = "read"
        second = of(reads, world, "ann")
        await asyncio.sleep(0)
        world.gate.set()
        assert (await first, await second) == ("write", "read")
        assert world.tokens == 1

    asyncio.run(scene())


def test_a_fault_is_told_to_all_who_asked_and_to_nobody_after_them() -> None:
    async def scene() -> None:
        world = World(fault=Unavailable("away"))
        reads = LiveReads(world.opened)
        world.gate.set()
        told = await asyncio.gather(*(of(reads, world, "ann") for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in told] == [Unavailable] * 3
        world.fault = None
        assert await of(reads, world, "ann") == "write"

    asyncio.run(scene())


def test_one_who_goes_away_takes_the_answer_from_nobody() -> None:
    async def scene() -> None:
        world = World()
        reads = LiveReads(world.opened)
        gone, stays = of(reads, world, "ann"), of(reads, world, "ann")
        await asked(world, 1)
        gone.cancel()
        world.gate.set()
        assert await stays == "write"
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(scene())


def test_a_token_is_given_back_also_where_questions_never_end() -> None:
    async def scene() -> None:
        world = World()
        reads = LiveReads(world.opened)
        world.gate.set()

        async def again_and_again(times: int) -> None:
            for _ in range(times):
                await of(reads, world, "ann")

        # Two by turns: there is always one who waits.
        await asyncio.gather(*(again_and_again(MOST_ROUNDS * 2) for _ in range(4)))
        assert world.tokens > 1
        assert world.open == 0

    asyncio.run(scene())
