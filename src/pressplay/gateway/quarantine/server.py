"""The quarantine's routes (see `pressplay.protocol.quarantine`): each hands over to a mirror in a thread."""

from __future__ import annotations

import asyncio
import base64
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from pressplay.policy.secrets import has_secret
from pressplay.protocol.quarantine import (
    Commit,
    CommitRequest,
    Differences,
    DifferencesRequest,
    ExportRequest,
    Files,
    FilesRequest,
    PushPackRequest,
    Refs,
    TreeRequest,
)
from pressplay.protocol.run import SHALLOW_HEADER, Refusal
from pressplay.resources.reasons import Reason
from pressplay.workspace.changes import Unacceptable
from pressplay.workspace.git import GitFailed
from pressplay.workspace.mirror import Mirror, NoSpace, UnknownCommit
from pressplay.workspace.smart_http import MOST_PACK
from pressplay.workspace.tidying import tidy

TIDY_SECONDS = 3_600.0
PACK = "application/x-git-packed-objects"
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


def application(mirrors: Path) -> Starlette:
    """The quarantine over a folder of mirrors."""
    routes = _Routes(mirrors)
    return Starlette(
        routes=[
            Route("/healthz", routes.health),
            Route("/repositories/{identity:int}/refs", routes.refs),
            Route("/repositories/{identity:int}/pack", routes.take, methods=["POST"]),
            Route("/repositories/{identity:int}/export", routes.export, methods=["POST"]),
            Route("/repositories/{identity:int}/files", routes.files, methods=["POST"]),
            Route("/repositories/{identity:int}/trees", routes.tree, methods=["POST"]),
            Route("/repositories/{identity:int}/differences", routes.differences, methods=["POST"]),
            Route("/repositories/{identity:int}/commits", routes.commit, methods=["POST"]),
            Route("/repositories/{identity:int}/push-pack", routes.push_pack, methods=["POST"]),
        ],
        exception_handlers={
            Unacceptable: _refused,
            UnknownCommit: _unknown,
            NoSpace: _no_space,
            GitFailed: _git_failed,
            ValidationError: _invalid,
        },
    )


class _Routes:
    def __init__(self, mirrors: Path) -> None:
        self._mirrors = mirrors
        self._tidied = 0.0

    async def health(self, _: Request) -> Response:
        return JSONResponse({"confined": True})

    async def refs(self, request: Request) -> Response:
        mirror = self._mirror(request)
        return _answer(Refs(refs=await _aside(mirror.refs), shallow=await _aside(mirror.shallow)))

    async def take(self, request: Request) -> Response:
        mirror = self._mirror(request)
        refs = Refs.model_validate_json(request.query_params.get("refs", "{}"))
        with tempfile.TemporaryDirectory(dir=self._scratch()) as folder:
            pack = Path(folder) / "pack"
            size = await _receive(request, pack)
            await _aside(lambda: mirror.take(pack if size else None, refs.refs, refs.shallow, refs.gone))
        if time.time() >= self._tidied + TIDY_SECONDS:
            self._tidied = time.time()
            await _aside(lambda: tidy(self._mirrors, self._tidied))
        return _answer(Refs(refs=await _aside(mirror.refs)))

    async def export(self, request: Request) -> Response:
        wanted = await _read(request, ExportRequest)
        pack, shallow = await _aside(lambda: self._mirror(request).export(wanted.commit, wanted.depth, wanted.have))
        return FileResponse(pack, media_type=PACK, headers={SHALLOW_HEADER: " ".join(shallow)})

    async def files(self, request: Request) -> Response:
        wanted = await _read(request, FilesRequest)
        found = await _aside(lambda: self._mirror(request).files(wanted.commit, wanted.paths))
        return _answer(Files(files={path: base64.b64encode(data).decode() for path, data in found.items()}))

    async def tree(self, request: Request) -> Response:
        wanted = await _read(request, TreeRequest)
        return _answer(await _aside(lambda: self._mirror(request).tree(wanted.changes, has_secret)))

    async def differences(self, request: Request) -> Response:
        wanted = await _read(request, DifferencesRequest)
        found = await _aside(lambda: self._mirror(request).differences(wanted.old, wanted.new))
        return _answer(Differences(files=found))

    async def commit(self, request: Request) -> Response:
        wanted = await _read(request, CommitRequest)
        return _answer(Commit(commit=await _aside(lambda: self._mirror(request).commit(wanted))))

    async def push_pack(self, request: Request) -> Response:
        wanted = await _read(request, PushPackRequest)
        folder = tempfile.TemporaryDirectory(dir=self._scratch())
        pack = Path(folder.name) / "pack"
        try:
            await _aside(lambda: self._mirror(request).pack_for_push(wanted.commit, wanted.has, pack))
        except BaseException:
            folder.cleanup()
            raise
        return FileResponse(pack, media_type=PACK, background=BackgroundTask(folder.cleanup))

    def _mirror(self, request: Request) -> Mirror:
        return Mirror(self._mirrors, int(request.path_params["identity"]))

    def _scratch(self) -> Path:
        # On the same disk as the mirrors: what arrives is as large as they are.
        folder = self._mirrors / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


async def _aside(work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work)


async def _read(request: Request, model: type[M]) -> M:
    return model.model_validate_json(await request.body())


async def _receive(request: Request, target: Path) -> int:
    size = 0
    with target.open("wb") as file:
        async for piece in request.stream():
            size += len(piece)
            if size > MOST_PACK:
                raise NoSpace(f"the pack is larger than {MOST_PACK:,} bytes")
            file.write(piece)
    return size


def _answer(message: BaseModel) -> Response:
    return Response(message.model_dump_json(), media_type="application/json")


def _refusal(code: int, reason: Reason, message: str) -> Response:
    return Response(Refusal(reason=reason, message=message).model_dump_json(), code, media_type="application/json")


def _refused(_: Request, error: Exception) -> Response:
    violations = error.violations if isinstance(error, Unacceptable) else ()
    refusal = Refusal(reason=Reason.OUTPUT_REFUSED, message=str(error)[:4000], violations=violations)
    return Response(refusal.model_dump_json(), 422, media_type="application/json")


def _unknown(_: Request, error: Exception) -> Response:
    return _refusal(404, Reason.BASE_NOT_FOUND, str(error))


def _no_space(_: Request, error: Exception) -> Response:
    return _refusal(507, Reason.NO_SPACE, str(error))


def _git_failed(_: Request, error: Exception) -> Response:
    full = isinstance(error, GitFailed) and error.no_space
    return _refusal(507 if full else 500, Reason.NO_SPACE if full else Reason.WORKSPACE_FAILED, str(error))


def _invalid(_: Request, error: Exception) -> Response:
    return _refusal(400, Reason.INVALID_RUN, f"no such message: {error}"[:1000])
