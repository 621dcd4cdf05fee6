"""What git brings of a repository and gives to a run: what the run's commit reaches, in its own repository, no more.

GitHub's stand-in, the gateway's routes and git are real and served; a host that redirects is a listener of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pressplay.github.app import AppClient, AppCredential
from pressplay.github.client import GitHub
from pressplay.github.errors import Moved as ApiMoved
from pressplay.protocol.changeset import Changeset
from pressplay.protocol.run import SHALLOW_HEADER, Brief
from pressplay.workspace.private import make_private_repository
from pressplay.workspace.smart_http import Fetch, Moved, Remote, current, list_refs, push
from tests.serving import served
from tests.unit.a_gateway import OPERATOR, Platform, changed, git, platform

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "4d7a" * 16 + "\nsize 12345\n"
LFS = "*.bin filter=lfs diff=lfs merge=lfs -text\n"
TOKEN = "ghs_canary" + "a1B2" * 9


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("whole")) as made:
        yield made


def commit(remote: Path, tree: str, *words: str, branch: str) -> str:
    made = git(remote, "commit-tree", tree, *words, "-m", branch).strip()
    git(remote, "update-ref", f"refs/heads/{branch}", made)
    return made


def objects(folder: Path) -> set[str]:
    """Every object that a repository has."""
    words = ("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    return set(git(folder, *words).split())


def workspace(whole: Platform, uid: str, folder: Path) -> Path:
    """The private repository of a run, made as its pod makes it."""
    brief = Brief.model_validate_json(whole.call("GET", "/run/brief", f"token-{uid}").content)
    pack = folder / "pack"
    folder.mkdir()
    answer = whole.call("GET", "/run/workspace", f"token-{uid}")
    pack.write_bytes(answer.content)
    made = folder / "work"
    made.mkdir()
    make_private_repository(made, pack, brief.checkout, answer.headers[SHALLOW_HEADER].split())
    return made


# --- what a run gets ------------------------------------------------------------------------------------------------


def test_a_run_gets_what_its_commit_reaches_and_nothing_else_of_the_repository(whole: Platform, tmp_path: Path) -> None:
    remote = whole.hub.repository("acme/several", {"README": "one\n"})
    base = git(remote, "rev-parse", "main").strip()
    loose = git(
        remote, "hash-object", "-w", "--stdin", stdin=b"unreferenced, of a pull request that was closed\n"
    ).strip()
    blob = git(remote, "hash-object", "-w", "--stdin", stdin=b"of another branch\n").strip()
    tree = git(remote, "mktree", stdin=f"100644 blob {blob}\tsecret\n".encode()).strip()
    other = commit(remote, tree, "-p", base, branch="private-work")
    # The mirror has the other branch, too: another run began there.
    whole.admit("other-branch", "acme/several", base="private-work")
    whole.admit("main-branch", "acme/several")
    work = workspace(whole, "main-branch", tmp_path / "made")
    assert objects(work) == {base, *git(remote, "rev-list", "--objects", "--no-object-names", base).split()}
    mirror = next(whole.mirrors.glob(f"{whole.hub.state.repositories['acme/several']['id']}.git"))
    assert {other, blob} <= objects(mirror)
    assert loose not in objects(mirror)


def test_history_beyond_the_wanted_depth_is_not_in_the_pack(whole: Platform, tmp_path: Path) -> None:
    remote = whole.hub.repository("acme/deep", {"README": "one\n"})
    first = git(remote, "rev-parse", "main").strip()
    for number in (2, 3):
        blob = git(remote, "hash-object", "-w", "--stdin", stdin=b"%d\n" % number).strip()
        tree = git(remote, "mktree", stdin=f"100644 blob {blob}\tREADME\n".encode()).strip()
        commit(remote, tree, "-p", git(remote, "rev-parse", "main").strip(), branch="main")
    # The mirror has it all, for another run.
    whole.admit("deeper", "acme/deep")
    whole.admit("deep", "acme/deep", workspace={"depth": 2})
    work = workspace(whole, "deep", tmp_path / "made")
    assert first not in objects(work)
    assert git(work, "rev-list", "--count", "HEAD").strip() == "2"


@pytest.mark.parametrize("path", ["/run/workspace", "/run/brief", "/run/work", "/run/transcript"])
def test_no_word_of_a_run_s_reaches_another_run_s_repository(whole: Platform, path: str, tmp_path: Path) -> None:
    uid = f"mine-{path.rpartition('/')[2]}"
    whole.hub.repository("acme/theirs", {"README": "theirs\n"})
    theirs, mine = whole.admit(f"theirs-{uid}", "acme/theirs"), whole.admit(uid)
    plain = whole.call("GET", path, f"token-{uid}")
    told = httpx.get(
        f"{whole.address}{path}",
        params={"repository": "acme/theirs", "uid": theirs.uid, "commit": theirs.base_sha, "run": theirs.uid},
        headers={"authorization": f"Bearer token-{uid}", "pressplay-run": theirs.uid},
        timeout=20,
    )
    assert (told.status_code, told.content) == (plain.status_code, plain.content)
    assert theirs.base_sha.encode() not in told.content
    for other in (f"/repositories/{theirs.repository_id}/export", f"{path}/{theirs.uid}", f"{path}/../../{theirs.uid}"):
        assert whole.call("GET", other, f"token-{uid}").status_code == 404
    assert mine.repository_id != theirs.repository_id


@pytest.mark.parametrize("token", ["token-of-nobody", OPERATOR, "token-", "token-mine,token-mine", "mine"])
def test_without_a_run_s_own_token_nothing_is_served(whole: Platform, token: str) -> None:
    whole.admit("mine")
    for path in ("/run/workspace", "/run/brief", "/run/issues/1"):
        assert whole.call("GET", path, token).status_code == 401
    assert whole.call("GET", "/run/brief", "token-mine").status_code == 200


# --- what a token does not follow -----------------------------------------------------------------------------------


@contextmanager
def redirecting(status: int) -> Iterator[tuple[str, list[str]]]:
    """A host that redirects everything to another one, and what that one was asked."""
    seen: list[str] = []

    async def elsewhere(request: Request) -> Response:
        seen.append(f"{request.method} {request.url.path} {request.headers.get('authorization')}")
        return Response(b"{}", 200)

    with served(Starlette(routes=[Route("/{path:path}", elsewhere, methods=["GET", "POST", "DELETE"])])) as there:

        async def moved(request: Request) -> Response:
            return Response(status_code=status, headers={"location": f"{there}{request.url.path}"})

        with served(Starlette(routes=[Route("/{path:path}", moved, methods=["GET", "POST", "DELETE"])])) as here:
            yield here, seen


def asked(work: Callable[[httpx.AsyncClient], Awaitable[object]]) -> None:
    async def whole() -> None:
        # A client that would follow: what is not followed is not left to a default.
        async with httpx.AsyncClient(follow_redirects=True, timeout=20) as http:
            await work(http)

    asyncio.run(whole())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_token_follows_a_redirect_of_git_s(status: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"PACK"

    async def fetch(remote: Remote) -> None:
        async with Fetch(remote, ["1" * 40]) as fetched:
            await anext(fetched.pack)

    ways: list[Callable[[Remote], Awaitable[object]]] = [
        lambda remote: list_refs(remote, ["refs/heads/"]), lambda remote: current(remote, "refs/heads/main"), fetch,
        lambda remote: push(remote, "refs/heads/main", None, "1" * 40, pieces()),
    ]  # fmt: skip
    with redirecting(status) as (here, seen):
        for way in ways:
            with pytest.raises(Moved) as raised:
                asked(lambda http, way=way: way(Remote(http, f"{here}/acme/sums.git", TOKEN)))  # type: ignore[misc]
            assert "canary" not in str(raised.value)
        assert seen == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_token_and_no_key_of_an_app_follows_a_redirect_of_the_api_s(whole: Platform, status: int) -> None:
    key = SecretStr(whole.hub.app["private_key"])
    app = AppCredential("default", int(whole.hub.app["id"]), key)
    ways: list[Callable[[httpx.AsyncClient, str], Awaitable[object]]] = [
        lambda http, api: GitHub(http, api, SecretStr(TOKEN)).repository("acme/sums"),
        lambda http, api: GitHub(http, api, SecretStr(TOKEN)).review_threads("acme/sums", 1),
        lambda http, api: GitHub(http, api, SecretStr(TOKEN)).open_pull(
            "acme/sums", branch="b", base="main", title="t", body="b"
        ),
        lambda http, api: AppClient(http, api).installation(app, "acme/sums", 1_700_000_000),
        lambda http, api: AppClient(http, api).token(app, 1, "acme/sums", {"contents": "read"}, 1_700_000_000),
        lambda http, api: AppClient(http, api).revoke(SecretStr(TOKEN)),
    ]  # fmt: skip
    with redirecting(status) as (here, seen):
        for way in ways:
            with pytest.raises(ApiMoved, match="use its new name"):
                asked(lambda http, way=way: way(http, here))  # type: ignore[misc]
        assert seen == []


# --- large files and submodules -------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [LFS, "*.bin filter=canary\n", "*.bin text eol=crlf ident\n"])
def test_a_large_file_s_pointer_stays_a_pointer_and_no_filter_runs(
    whole: Platform, tmp_path: Path, settings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary, home = tmp_path / "executed", tmp_path / "home"
    home.mkdir()
    words = "".join(f'[filter "{name}"]\n\tsmudge = touch {canary}\n\trequired = true\n' for name in ("lfs", "canary"))
    (home / ".gitconfig").write_text(words)
    monkeypatch.setenv("HOME", str(home))
    name = f"acme/lfs-{len(settings)}"
    whole.hub.repository(
        name, {".gitattributes": settings, "model.bin": POINTER, ".lfsconfig": f"[lfs]\n\turl = {name}\n"}
    )
    whole.admit(name.rpartition("/")[2], name)
    work = workspace(whole, name.rpartition("/")[2], tmp_path / "made")
    assert (work / "model.bin").read_bytes() == POINTER.encode()
    assert not canary.exists()


def test_a_private_submodule_is_neither_asked_for_nor_in_the_workspace(whole: Platform, tmp_path: Path) -> None:
    secret = whole.hub.repository("acme/secret", {"key": "of somebody\n"}, private=True)
    inside = git(secret, "rev-parse", "main").strip()
    url = f"{whole.hub.address}/acme/secret.git"
    modules = f'[submodule "secret"]\n\tpath = secret\n\turl = {url}\n\tupdate = checkout\n'
    remote = whole.hub.repository("acme/super", {".gitmodules": modules, "README": "one\n"})
    tree = git(remote, "ls-tree", "main").encode() + f"160000 commit {inside}\tsecret\n".encode()
    made = git(remote, "mktree", "--missing", stdin=tree).strip()
    commit(remote, made, "-p", git(remote, "rev-parse", "main").strip(), branch="main")
    whole.admit("super", "acme/super")
    work = workspace(whole, "super", tmp_path / "made")
    assert (work / "README").read_text() == "one\n"
    assert not (work / "secret" / "key").exists()
    assert inside not in objects(work)
    identity = whole.hub.state.repositories["acme/secret"]["id"]
    assert not (whole.mirrors / f"{identity}.git").exists()


def test_a_repository_whose_submodules_would_run_a_command_is_not_taken(whole: Platform, tmp_path: Path) -> None:
    canary = tmp_path / "executed"
    modules = f'[submodule "x"]\n\tpath = x\n\turl = ./x\n\tupdate = !touch {canary}\n'
    whole.hub.repository("acme/hostile", {".gitmodules": modules, "README": "one\n"})
    with pytest.raises(AssertionError, match="disallowed submodule update setting"):
        whole.admit("hostile", "acme/hostile")
    assert not canary.exists()


# --- renamed --------------------------------------------------------------------------------------------------------


def test_work_of_a_run_never_goes_to_a_repository_that_took_the_name(whole: Platform) -> None:
    whole.hub.repository("acme/named", {"README": "one\n"})
    admission = whole.admit("named", "acme/named")
    repositories = whole.hub.state.repositories
    repositories["acme/renamed"] = repositories.pop("acme/named")
    repositories["acme/renamed"]["full_name"] = "acme/renamed"
    theirs = whole.hub.repository("acme/named", {"README": "one\n"})
    # They have the same history, so that a push would be taken.
    git(theirs, "fetch", "--quiet", str(whole.hub.state.git_folder(repositories["acme/renamed"])), "+main:main")
    before = git(theirs, "for-each-ref")
    answer = whole.hand_over("named", Changeset(base=admission.base_sha, files=(changed("new.py"),)))
    assert answer.status_code >= 400
    assert git(theirs, "for-each-ref") == before
    assert repositories["acme/named"]["pulls"] == {}
    assert whole.hub.tokens() == {}
