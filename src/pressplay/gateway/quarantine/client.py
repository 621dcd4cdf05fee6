"""The quarantine as the gateway's front sees it: typed calls over its socket."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import BaseModel

from pressplay.gateway.neighbours import Neighbour, NeighbourRefused, refusal_of
from pressplay.protocol.changeset import Changeset
from pressplay.protocol.quarantine import (
    Commit,
    CommitRequest,
    Differences,
    DifferencesRequest,
    ExportRequest,
    FileDifference,
    Files,
    FilesRequest,
    PushPackRequest,
    Refs,
    Tree,
    TreeRequest,
)
from pressplay.protocol.run import SHALLOW_HEADER
from pressplay.resources.reasons import Reason

M = TypeVar("M", bound=BaseModel)
SECONDS = 600.0


class QuarantineRefused(NeighbourRefused):
    """The quarantine said no: of changes that break rules, the refusal names every rule."""


class Quarantine(Neighbour):
    """All calls."""

    def __init__(self, socket: Path) -> None:
        super().__init__(socket, "quarantine", SECONDS)

    async def refs(self, repository: int) -> Refs:
        """What the mirror has; nothing where there is none yet."""
        return await self._ask(Refs, "GET", repository, "refs")

    async def take(self, repository: int, refs: Refs, pack: AsyncIterator[bytes] | None) -> Refs:
        """Give the mirror a pack of GitHub's, and have it have these refs."""
        params = {"refs": refs.model_dump_json()}
        answer = await self._send("POST", f"/repositories/{repository}/pack", params=params, content=pack or b"")
        return Refs.model_validate_json(answer.content)

    async def files(self, repository: int, commit: str, paths: Sequence[str]) -> dict[str, bytes]:
        """Contents of files at a commit; what is not there is left out."""
        found = await self._ask(Files, "POST", repository, "files", FilesRequest(commit=commit, paths=tuple(paths)))
        return {path: base64.b64decode(content) for path, content in found.files.items()}

    async def tree(self, repository: int, changes: Changeset) -> Tree:
        """The final tree with its difference from the base.

        Raises:
            QuarantineRefused: the changes break rules; all of them are named.
        """
        return await self._ask(Tree, "POST", repository, "trees", TreeRequest(changes=changes))

    async def differences(self, repository: int, old: str, new: str) -> tuple[FileDifference, ...]:
        """Files that two trees have differently; both were made here."""
        wanted = DifferencesRequest(old=old, new=new)
        return (await self._ask(Differences, "POST", repository, "differences", wanted)).files

    async def commit(self, repository: int, wanted: CommitRequest) -> str:
        """One commit of ours."""
        return (await self._ask(Commit, "POST", repository, "commits", wanted)).commit

    def export(
        self, repository: int, commit: str, depth: int, have: str | None = None
    ) -> AbstractAsyncContextManager[tuple[tuple[str, ...], AsyncIterator[bytes]]]:
        """The objects of a commit within `depth`: commits without their parents, and the pack."""
        return self._stream(repository, "export", ExportRequest(commit=commit, depth=depth, have=have))

    def push_pack(
        self, repository: int, commit: str, has: Sequence[str]
    ) -> AbstractAsyncContextManager[tuple[tuple[str, ...], AsyncIterator[bytes]]]:
        """What GitHub lacks of a commit."""
        return self._stream(repository, "push-pack", PushPackRequest(commit=commit, has=tuple(has)))

    @asynccontextmanager
    async def _stream(
        self, repository: int, what: str, body: BaseModel
    ) -> AsyncIterator[tuple[tuple[str, ...], AsyncIterator[bytes]]]:
        address = f"/repositories/{repository}/{what}"
        async with self._http.stream("POST", address, content=body.model_dump_json()) as answer:
            if not answer.is_success:
                await answer.aread()
                raise _refused(answer)
            yield tuple(answer.headers.get(SHALLOW_HEADER, "").split()), answer.aiter_bytes()

    async def _ask(self, model: type[M], method: str, repository: int, what: str, body: BaseModel | None = None) -> M:
        content = body.model_dump_json() if body else None
        answer = await self._send(method, f"/repositories/{repository}/{what}", content=content)
        return model.model_validate_json(answer.content)

    async def _send(
        self,
        method: str,
        address: str,
        *,
        content: str | bytes | AsyncIterator[bytes] | None = None,
        params: dict[str, str] | None = None,
    ) -> httpx.Response:
        answer = await self._http.request(method, address, content=content, params=params)
        if not answer.is_success:
            raise _refused(answer)
        return answer


def _refused(answer: httpx.Response) -> QuarantineRefused:
    return QuarantineRefused(answer.status_code, refusal_of(answer, "quarantine", Reason.WORKSPACE_FAILED))
