"""Fetching and pushing over smart HTTP, against git's own server behind the stand-in's route, with no token leaking."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from localhub import git as hub
from pressplay.workspace.smart_http import (
    Fetch,
    Moved,
    PushRefused,
    Refused,
    Remote,
    RepositoryNotFound,
    TransportError,
    Unavailable,
    current,
    list_refs,
    push,
)

MAIN = "refs/heads/main"
WEB = "http://hub.test"


def git(folder: Path, *words: str, stdin: bytes = b"") -> bytes:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    return subprocess.run(["git", *who, *words], cwd=folder, input=stdin, capture_output=True, check=True).stdout


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A repository with three commits on `main`."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("one\n")
    folder = tmp_path / "bare.git"
    hub.create(folder, source, "one")
    work = tmp_path / "work"
    git(tmp_path, "clone", "--quiet", str(folder), str(work))
    for text in ("two", "three"):
        (work / "file").write_text(text)
        git(work, "commit", "--quiet", "--all", "--message", text)
    git(work, "push", "--quiet", "origin", "main")
    return folder


def remote(bare: Path, path: str = "/repo.git", token: str | None = None) -> Remote:
    """The repository through the route that the stand-in has for git."""

    async def serve(request: Request) -> Response:
        rest, query = request.path_params["rest"], request.url.query
        body = await request.body()
        told = await asyncio.to_thread(
            hub.smart_http, bare, f"/{rest}", query, request.method, request.headers, body
        )  # fmt: skip
        return Response(told[2], told[0], dict(told[1]))

    def answers(status: int) -> Callable[[Request], Awaitable[Response]]:
        async def answer(_: Request) -> Response:
            return Response(status_code=status)

        return answer

    async def moved(_: Request) -> Response:
        return RedirectResponse("http://elsewhere.test/repo.git/git-upload-pack", 301)

    async def limited(_: Request) -> Response:
        return Response(status_code=403, headers={"retry-after": "42"})

    async def cut(request: Request) -> Response:
        return Response(b"" if "receive-pack" in request.path_params["rest"] else b"00")

    both = ["GET", "POST"]
    routes = [Route("/repo.git/{rest:path}", serve, methods=both), Route("/moved.git/{rest:path}", moved, methods=both)]
    routes += [Route(f"/{code}.git/{{rest:path}}", answers(code), methods=both) for code in (401, 403, 404, 503)]
    routes += [
        Route("/limited.git/{rest:path}", limited, methods=both), Route("/cut.git/{rest:path}", cut, methods=both),
    ]  # fmt: skip
    http = httpx.AsyncClient(transport=httpx.ASGITransport(Starlette(routes=routes)), timeout=30)
    return Remote(http, f"{WEB}{path}", token)


async def fetched(there: Remote, want: str, depth: int | None = None) -> tuple[bytes, list[str]]:
    async with Fetch(there, [want], depth=depth) as answer:
        pack = b"".join([piece async for piece in answer.pack])
        return pack, answer.shallow


def commits_in(folder: Path, pack: bytes) -> int:
    """How many commits a pack holds, as git itself indexes it."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--bare")
    git(folder, "index-pack", "--stdin", "--fix-thin", stdin=pack)
    return (
        git(folder, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)").decode().split().count("commit")
    )


def test_refs_and_a_pack_come_as_git_would_have_them(bare: Path, tmp_path: Path) -> None:
    async def work() -> None:
        there = remote(bare)
        refs = await list_refs(there, ["refs/heads/"])
        assert refs[MAIN] == git(bare, "rev-parse", "main").decode().strip()
        pack, shallow = await fetched(there, refs[MAIN])
        assert (commits_in(tmp_path / "whole", pack), shallow) == (3, [])
        assert await current(there, MAIN) == refs[MAIN]
        assert await current(there, "refs/heads/none") is None

    asyncio.run(work())


def test_a_depth_brings_that_many_commits_and_says_where_history_ends(bare: Path, tmp_path: Path) -> None:
    async def work() -> None:
        tip, before = git(bare, "rev-parse", "main", "main~1").decode().split()
        pack, shallow = await fetched(remote(bare), tip, depth=2)
        assert commits_in(tmp_path / "part", pack) == 2
        assert shallow == [before]

    asyncio.run(work())


def test_a_commit_that_is_not_there_is_an_error_that_says_so(bare: Path) -> None:
    async def work() -> None:
        with pytest.raises(TransportError, match="not our ref"):
            await fetched(remote(bare), "1" * 40)

    asyncio.run(work())


def packed(bare: Path, new: str) -> AsyncIterator[bytes]:
    async def pieces() -> AsyncIterator[bytes]:
        yield git(bare, "pack-objects", "--stdout", "--revs", "--quiet", stdin=f"{new}\n".encode())

    return pieces()


def test_a_push_moves_a_branch_only_from_where_it_was(bare: Path) -> None:
    async def work() -> None:
        there = remote(bare)
        tip, before = git(bare, "rev-parse", "main", "main~1").decode().split()
        tree = git(bare, "rev-parse", "main^{tree}").decode().strip()
        new = git(bare, "commit-tree", tree, "-p", tip, "-m", "four").decode().strip()
        await push(there, "refs/heads/work", None, new, packed(bare, new))
        assert await current(there, "refs/heads/work") == new
        with pytest.raises(PushRefused) as refused:
            await push(there, MAIN, before, new, packed(bare, new))
        assert refused.value.moved
        assert await current(there, MAIN) == tip

    asyncio.run(work())


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/401.git", Unavailable),
        ("/403.git", Refused),
        ("/404.git", RepositoryNotFound),
        ("/503.git", Unavailable),
        ("/moved.git", Moved),
        ("/limited.git", Unavailable),
        ("/cut.git", Unavailable),
    ],
)
def test_what_goes_wrong_has_its_kind_and_no_token_follows_or_is_told(
    bare: Path, path: str, kind: type[TransportError]
) -> None:
    async def work() -> None:
        with pytest.raises(kind) as raised:
            await list_refs(remote(bare, path, "ghs_canary"), ["refs/heads/"])
        assert "canary" not in str(raised.value)

    asyncio.run(work())


def test_a_push_whose_answer_is_lost_may_be_tried_again(bare: Path) -> None:
    tip = git(bare, "rev-parse", "main").decode().strip()

    async def work() -> None:
        with pytest.raises(Unavailable, match="broke off"):
            await push(remote(bare, "/cut.git"), MAIN, None, tip, packed(bare, tip))

    asyncio.run(work())
