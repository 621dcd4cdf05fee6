"""Questions to GitHub whose answers are to be as things stand now, asked once for all who want to know at once.

Ten events a second of one repository would ask for ten tokens a second, and as often for its actor's role. An answer is
never older than the question: whoever comes while one is under way gets the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pressplay.github.client import GitHub
from pressplay.protocol.signer import Access

T = TypeVar("T")
Open = Callable[[str, dict[str, Access]], AbstractAsyncContextManager[GitHub]]
Group = tuple[str, tuple[tuple[str, Access], ...]]
# A token is given back after so many rounds of questions, also where they never end.
MOST_ROUNDS = 50


@dataclass(frozen=True)
class _Question:
    ask: Callable[[GitHub], Awaitable[Any]]
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def put_to(self, github: GitHub) -> None:
        try:
            self._settle(await self.ask(github))
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            self.fail(error)

    def _settle(self, told: object) -> None:
        if not self.answer.done():
            self.answer.set_result(told)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class LiveReads:
    """Reads of GitHub that many events share; in one process and one event loop.

    Args:
        opened: GitHub with a token for reads of one repository, revoked when the block is left.
    """

    def __init__(self, opened: Open) -> None:
        self._opened = opened
        self._waiting: dict[Group, dict[Hashable, _Question]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(
        self,
        repository: str,
        permissions: Mapping[str, Access],
        question: Hashable,
        ask: Callable[[GitHub], Awaitable[T]],
    ) -> T:
        """The answer to a question, asked after this call was made.

        Args:
            question: what is asked; who asks the same of the same repository shares its answer.
            ask: asks it.

        Raises:
            whatever `opened` and `ask` raise.
        """
        group = (repository, tuple(sorted(permissions.items())))
        if group not in self._waiting:
            self._waiting[group] = {}
            task = asyncio.create_task(self._answer(group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        put = self._waiting[group].setdefault(question, _Question(ask))
        # One who goes away takes the answer from nobody.
        told: T = await asyncio.shield(put.answer)
        return told

    async def _answer(self, group: Group) -> None:
        """Put questions until there is none left."""
        while self._waiting[group]:
            try:
                await self._with_one_token(group)
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                for question in self._taken(group):
                    question.fail(error)
        del self._waiting[group]

    async def _with_one_token(self, group: Group) -> None:
        repository, permissions = group
        async with self._opened(repository, dict(permissions)) as github:
            for _ in range(MOST_ROUNDS):
                if not (questions := self._taken(group)):
                    break
                await asyncio.gather(*(question.put_to(github) for question in questions))

    def _taken(self, group: Group) -> list[_Question]:
        taken = list(self._waiting[group].values())
        self._waiting[group] = {}
        return taken
