"""Bringing a commit from GitHub into the quarantine's mirror: bytes pass through, nothing of them is parsed here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

from pressplay.gateway.locks import Locks
from pressplay.gateway.quarantine.client import Quarantine
from pressplay.protocol.quarantine import Refs
from pressplay.workspace.smart_http import Fetch, Remote, list_refs

# What is asked about at once fits into one request, there and here.
MOST_ASKED: Final = 100


@dataclass
class Mirrors:
    """The mirrors of all repositories.

    Attributes:
        http: a client for git; follows no redirect.
        web: GitHub's address, without a slash at its end.
    """

    http: httpx.AsyncClient
    quarantine: Quarantine
    web: str
    _repositories: Locks = field(default_factory=Locks)

    def remote(self, repository: str, token: str | None) -> Remote:
        """A repository of GitHub's."""
        return Remote(self.http, f"{self.web}/{repository}.git", token)

    async def branch(self, remote: Remote, name: str) -> str | None:
        """The commit of a branch; None where there is no such branch."""
        return (await list_refs(remote, [f"refs/heads/{name}"])).get(f"refs/heads/{name}")

    async def bring(self, remote: Remote, identity: int, branch: str, commit: str, depth: int) -> None:
        """Have a branch's commit in the mirror.

        Raises:
            TransportError: GitHub does not give it.
            QuarantineRefused: it is broken, or the disk is full.
        """
        async with self._repositories.hold(identity):
            ref = f"refs/heads/{branch}"
            there = await self.quarantine.refs(identity)
            if there.refs.get(ref) == commit:
                return
            gone = await self._gone(remote, [name for name in there.refs if name != ref])
            haves = sorted(set(there.refs.values()))
            fetch = Fetch(remote, [commit], haves=haves, shallow=there.shallow, depth=depth)
            async with fetch as fetched:
                first = await anext(fetched.pack, b"")
                refs = Refs(refs={ref: commit}, shallow=tuple(fetched.shallow), gone=gone)
                await self.quarantine.take(identity, refs, _chained(first, fetched.pack))

    async def _gone(self, remote: Remote, names: Sequence[str]) -> tuple[str, ...]:
        """Which of these refs GitHub has no more; as many as one request asks for."""
        asked = sorted(names)[:MOST_ASKED]
        known = await list_refs(remote, asked) if asked else {}
        return tuple(name for name in asked if name not in known)


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
