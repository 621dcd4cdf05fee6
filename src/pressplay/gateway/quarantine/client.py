"""The quarantine as the gateway's front sees it: typed calls over its socket."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from pressplay.protocol.changeset import Changeset
from pressplay.protocol.quarantine import (
    SHALLOW_HEADER,
    Commit,
    CommitRequest,
    ExportRequest,
    Files,
    FilesRequest,
    PushPackRequest,
    Refs,
    Tree,
    TreeRequest,
)
from pressplay.protocol.run import Refusal
from pressplay.resources.reasons import Reason

M = TypeVar("M", bound=BaseModel)
SECONDS = 600.0


class QuarantineRefused(Exception):
    """The quarantine said no.

    Attributes:
        refusal: what is wrong; for changes that break rules, every rule.
    """

    def __init__(self, status: int, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.status = status
        self.refusal = refusal


class Quarantine:
    """All calls. One instance for the process; close it at the end."""

    def __init__(self, socket: Path) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        self._http = httpx.AsyncClient(transport=transport, base_url="http://quarantine", timeout=SECONDS)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def healthy(self) -> bool:
        """Whether it answers."""
        try:
            return (await self._http.get("/healthz", timeout=5.0)).is_success
        except httpx.HTTPError:
            return False

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

    async def commit(self, repository: int, wanted: CommitRequest) -> str:
        """One commit of ours."""
        return (await self._ask(Commit, "POST", repository, "commits", wanted)).commit

    def export(
        self, repository: int, commit: str, depth: int
    ) -> AbstractAsyncContextManager[tuple[tuple[str, ...], AsyncIterator[bytes]]]:
        """The objects of a commit within `depth`: commits without their parents, and the pack."""
        return self._stream(repository, "export", ExportRequest(commit=commit, depth=depth))

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
    try:
        refusal = Refusal.model_validate_json(answer.content)
    except ValidationError:
        refusal = Refusal(reason=Reason.WORKSPACE_FAILED, message=f"the quarantine answered {answer.status_code}")
    return QuarantineRefused(answer.status_code, refusal)
