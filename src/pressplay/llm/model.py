"""The one thing that a loop knows of a model: it takes a request and gives an answer or one of the few errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pydantic import SecretStr

from pressplay.llm.messages import Answer, Request

# Asked at every call, so that a key or token that was renewed meanwhile is used without a restart.
KeySource = Callable[[], SecretStr]


class Model(Protocol):
    """A model that can be called. One instance serves one event loop."""

    @property
    def name(self) -> str:
        """Its name in the catalogue."""

    async def complete(self, request: Request) -> Answer:
        """One call, without retries.

        Raises:
            ModelError: one of the kinds in `errors`.
        """

    def prompt_at_most(self, request: Request) -> int:
        """The most tokens that the request's prompt can have, for reserving before the call."""

    async def close(self) -> None:
        """Give connections back."""
