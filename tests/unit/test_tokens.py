"""A token for one effect: of one repository, with what the effect needs, and worth nothing afterwards.

Signer and stand-in for GitHub are real and served; the stand-in enforces what a token may do.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pressplay.gateway.signer.client import Signer, SignerRefused
from pressplay.personas.loader import Personas
from pressplay.protocol.changeset import Changeset
from pressplay.protocol.control import AdmissionRequest
from pressplay.protocol.run import Output
from pressplay.protocol.signer import Access, Token
from pressplay.resources.reasons import Reason
from tests.unit.a_gateway import OPERATOR, SECONDS, Hub, Platform, changed, hub, keys, listening, platform, signer

READ: dict[str, Access] = {"contents": "read", "issues": "read", "pull_requests": "read"}
REVOKE = "DELETE /api/v3/installation/token"


class Recorded(dict[str, dict[str, Any]]):
    """The stand-in's tokens, and all that there ever were."""

    def __init__(self) -> None:
        super().__init__()
        self.all: dict[str, dict[str, Any]] = {}

    def __setitem__(self, token: str, scope: dict[str, Any]) -> None:
        self.all[token] = scope
        super().__setitem__(token, scope)

    def scopes(self) -> list[tuple[list[int], dict[str, str]]]:
        """Repositories and permissions of each, in order; forgets them."""
        found = [(one["repositories"], one["permissions"]) for one in self.all.values()]
        self.all.clear()
        return found


def recorded(there: Hub) -> Recorded:
    there.state.tokens = tokens = Recorded()
    return tokens


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Hub]:
    with hub(tmp_path / "hub") as made:
        for name in ("acme/sums", "acme/secrets"):
            made.repository(name, {"README": f"{name}\n"}, private=True)
        yield made


@contextmanager
def effects(socket: Path) -> Iterator[Callable[[Callable[[Signer], Awaitable[Any]]], Any]]:
    """Runs something with a client of the signer."""

    def run(work: Callable[[Signer], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            client = Signer(socket)
            try:
                return await work(client)
            finally:
                await client.close()

        return asyncio.run(whole())

    yield run


def asked(there: Hub, token: str, path: str = "/api/v3/repos/acme/sums/branches", method: str = "GET") -> int:
    """What the stand-in answers to a token."""
    headers = {"authorization": f"Bearer {token}"}
    return httpx.request(method, f"{there.address}{path}", headers=headers, timeout=SECONDS).status_code


def identity(there: Hub, name: str) -> int:
    return int(there.state.repositories[name]["id"])


# --- each effect ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("whole")) as made:
        made.hub.repository("acme/other", {"README": "other\n"}, private=True)
        made.hub.make("/_hub/issues", {"repository": "acme/sums", "title": "It subtracts", "body": "See?"})
        yield made


def test_every_effect_of_a_run_has_a_token_of_its_own_and_of_one_repository(whole: Platform) -> None:
    tokens = recorded(whole.hub)
    mine = [identity(whole.hub, "acme/sums")]
    admission = whole.admit("scopes")
    assert tokens.scopes() == [(mine, {"contents": "read"})]
    assert whole.call("GET", "/run/issues/1", "token-scopes").status_code == 200
    assert tokens.scopes() == [(mine, {"issues": "read", "pull_requests": "read"})]
    changes = Changeset(base=admission.base_sha, files=(changed("new.py"),))
    assert whole.hand_over("scopes", changes).status_code == 200
    assert tokens.scopes() == [(mine, {"contents": "write", "pull_requests": "write"})]
    assert whole.hub.tokens() == {}


def test_the_token_of_an_admission_reads_what_the_task_is_read_from(whole: Platform) -> None:
    tokens = recorded(whole.hub)
    whole.admit("of-an-issue", task=None, issue=1)
    assert tokens.scopes() == [([identity(whole.hub, "acme/sums")], {"contents": "read", "issues": "read"})]


def test_a_task_that_a_persona_may_not_read_is_refused_before_any_token_is_made(whole: Platform) -> None:
    tokens = recorded(whole.hub)
    told = {"repository": "acme/sums", "issue": 1, "persona": "clippy"}
    request = AdmissionRequest(uid="unread", namespace="team", name="unread", kind="CodeRun", spec=told)
    refused = whole.call("POST", "/control/admissions", OPERATOR, request.model_dump()).json()
    assert refused["reason"] == Reason.PERSONA_NOT_PERMITTED
    assert "`clippy` lacks issues: read, which the task of this run needs" in refused["message"]
    assert tokens.scopes() == []


def poorer(personas: Personas, name: str) -> Personas:
    """The same personas, of which one may only read now."""
    one = personas.find(name)
    less = one.model_copy(update={"permissions": {"contents": "read", "pull_requests": "read"}})
    return Personas({**personas.by_name, name: less})


def test_a_persona_that_lost_a_permission_since_is_held_back_also_after_a_restart(
    whole: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outputs, ledger = whole.gateway.outputs, whole.gateway.ledger
    admission = whole.admit("poorer")
    changes = Changeset(base=admission.base_sha, files=(changed("poorer.py"),))
    output = Output(changes=changes, title="A change")
    # As a gateway leaves it that was killed between commit and push.
    ledger.receive_output("poorer", "digest", output)
    ledger.advance_output("poorer", "committed", head="0" * 40, branch=admission.branch)
    tokens = recorded(whole.hub)
    monkeypatch.setattr(outputs, "personas", poorer(outputs.personas, "rex"))
    asyncio.run(outputs.recover())
    assert "Rex lacks the permissions contents: write, pull_requests: write, which a pull request needs" in caplog.text
    answer = whole.hand_over("poorer", changes)
    assert answer.json()["reason"] == Reason.PERSONA_NOT_PERMITTED
    assert tokens.scopes() == []


def test_work_that_is_kept_takes_a_token_that_opens_no_pull_request(whole: Platform) -> None:
    admission = whole.admit("kept")
    changes = Changeset(base=admission.base_sha, files=(changed("unfinished.py"),))
    assert whole.call("PUT", "/run/work", "token-kept", changes.model_dump()).status_code == 204
    tokens = recorded(whole.hub)
    told = whole.call("POST", "/control/runs/kept/finish", OPERATOR, {"reason": Reason.CANCELLED, "keep_work": True})
    assert told.json()["backup_branch"].startswith("backup/auto-save-")
    assert tokens.scopes() == [([identity(whole.hub, "acme/sums")], {"contents": "write"})]
    assert whole.hub.tokens() == {}


def test_an_effect_that_fails_leaves_no_token(whole: Platform) -> None:
    admission = whole.admit("fails")
    tokens = recorded(whole.hub)
    for match in ("POST .*/git-receive-pack", "POST .*/pulls$"):
        whole.hub.make("/_hub/faults", {"match": match, "status": 500})
        changes = Changeset(base=admission.base_sha, files=(changed("fails.py"),))
        assert whole.hand_over("fails", changes).status_code == 503
        assert tokens.scopes() != []
        assert whole.hub.tokens() == {}


# --- the signer -----------------------------------------------------------------------------------------------------


def test_a_token_reads_its_repository_and_no_other_and_writes_only_where_it_may(there: Hub, tmp_path: Path) -> None:
    with signer(tmp_path / "signer", there) as socket, effects(socket) as run:

        async def work(client: Signer) -> str:
            async with client.token("default", "acme/sums", {"contents": "read"}, "a test") as token:
                text = token.token.get_secret_value()
                assert asked(there, text) == 200
                assert asked(there, text, "/api/v3/repos/acme/secrets/branches") == 404
                assert asked(there, text, "/acme/secrets.git/info/refs?service=git-upload-pack") == 404
                assert asked(there, text, "/acme/sums.git/info/refs?service=git-upload-pack") == 200
                assert asked(there, text, "/acme/sums.git/info/refs?service=git-receive-pack") == 403
                assert asked(there, text, "/api/v3/repos/acme/sums/pulls") == 403
            return text

        ended = run(work)
        for path in ("/api/v3/repos/acme/sums/branches", "/acme/sums.git/info/refs?service=git-upload-pack"):
            assert asked(there, ended, path) == 401
        assert there.tokens() == {}


def test_a_name_that_stands_for_another_repository_now_gives_no_token_for_that_one(there: Hub, tmp_path: Path) -> None:
    settled = identity(there, "acme/sums")
    there.state.repositories["acme/renamed"] = there.state.repositories.pop("acme/sums")
    there.state.repositories["acme/renamed"]["full_name"] = "acme/renamed"
    there.repository("acme/sums", {"README": "of somebody else\n"}, private=True)
    with signer(tmp_path / "signer", there) as socket, effects(socket) as run:

        async def work(client: Signer) -> None:
            async with client.token("default", "acme/sums", {"contents": "write"}, "a test", settled) as token:
                text = token.token.get_secret_value()
                assert token.repository_id == settled
                assert asked(there, text, "/acme/sums.git/info/refs?service=git-receive-pack") == 404
                assert asked(there, text, "/api/v3/repos/acme/renamed/branches") == 200

        run(work)


@pytest.mark.parametrize(
    ("app", "repository", "permissions", "reason"),
    [
        ("default", "acme/none", {"contents": "read"}, Reason.APP_NOT_INSTALLED),
        ("default", "acme/sums", {"administration": "write"}, Reason.APP_REFUSED),
        ("default", "acme/sums", {"metadata": "write"}, Reason.APP_REFUSED),
    ],
)
def test_more_than_the_app_has_is_refused_with_a_reason(
    there: Hub, tmp_path: Path, app: str, repository: str, permissions: dict[str, Any], reason: Reason
) -> None:
    with signer(tmp_path / "signer", there) as socket, effects(socket) as run:

        async def work(client: Signer) -> None:
            async with client.token(app, repository, permissions, "a test"):
                raise AssertionError("there is a token")

        with pytest.raises(SignerRefused) as refused:
            run(work)
    assert refused.value.refusal.reason == reason
    assert not refused.value.transient
    assert there.tokens() == {}


@pytest.mark.parametrize(
    "body", [{"permissions": {}}, {"permissions": {"contents": "admin"}}, {"repositories": ["all"]}]
)
def test_a_request_without_a_repository_or_permissions_or_for_more_of_them_is_none(
    there: Hub, tmp_path: Path, body: dict[str, Any]
) -> None:
    wanted = {"repository": "acme/sums", "permissions": {"contents": "read"}, "purpose": "a test", **body}
    with (
        signer(tmp_path / "signer", there) as socket,
        httpx.Client(transport=httpx.HTTPTransport(uds=str(socket))) as http,
    ):
        assert http.post("http://signer/tokens", json=wanted).status_code == 400
    assert there.tokens() == {}


class Broken(Exception):
    """What goes wrong in an effect."""


def test_a_token_ends_with_its_effect_also_where_that_breaks_or_is_cancelled(there: Hub, tmp_path: Path) -> None:
    with signer(tmp_path / "signer", there) as socket, effects(socket) as run:

        async def breaks(client: Signer) -> None:
            async with client.token("default", "acme/sums", READ, "a test"):
                raise Broken

        async def cancelled(client: Signer) -> None:
            begun = asyncio.Event()

            async def effect() -> None:
                async with client.token("default", "acme/sums", READ, "a test"):
                    begun.set()
                    await asyncio.Event().wait()

            task = asyncio.create_task(effect())
            await begun.wait()
            assert len(there.tokens()) == 1
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        with pytest.raises(Broken):
            run(breaks)
        assert there.tokens() == {}
        run(cancelled)
        assert there.tokens() == {}


def test_a_token_that_github_did_not_revoke_is_revoked_with_the_next_one(
    there: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there.make("/_hub/faults", {"match": REVOKE, "status": 502})

    async def work(client: Signer) -> Token:
        async with client.token("default", "acme/sums", READ, "a test") as token:
            return token

    with signer(tmp_path / "signer", there) as socket, effects(socket) as run:
        first = run(work).token.get_secret_value()
        assert list(there.tokens()) == [first]
        assert "a token for a test is not revoked yet" in caplog.text
        assert first not in caplog.text
        run(work)
        assert there.tokens() == {}


def test_tokens_that_a_killed_gateway_left_are_swept_when_it_starts(there: Hub, tmp_path: Path) -> None:
    wanted = {"repository": "acme/sums", "permissions": READ, "purpose": "a test"}
    with signer(tmp_path / "signer", there) as socket, effects(socket) as run:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket))) as http:
            left = [http.post("http://signer/tokens", json=wanted).json()["token"] for _ in range(3)]
        assert sorted(there.tokens()) == sorted(left)
        run(Signer.sweep)
        assert there.tokens() == {}
        assert {asked(there, token) for token in left} == {401}


def test_a_signer_that_is_ended_revokes_what_is_left_first_and_starts_no_program(there: Hub, tmp_path: Path) -> None:
    apps, llm = keys(tmp_path / "keys", there.app)
    socket, trace, programs = tmp_path / "signer.sock", tmp_path / "started", tmp_path / "bin"
    programs.mkdir()
    (programs / "git").write_text(f"#!/bin/sh\necho git >> {trace}\n")
    (programs / "git").chmod(0o755)
    env = {
        **os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PRESSPLAY_SIGNER_SOCKET": str(socket),
        "PRESSPLAY_APPS": str(apps), "PRESSPLAY_LLM": str(llm), "PRESSPLAY_GITHUB_API_URL": f"{there.address}/api/v3",
    }  # fmt: skip
    wanted = {"repository": "acme/sums", "permissions": READ, "purpose": "a test"}
    with subprocess.Popen([sys.executable, "-m", "pressplay.gateway.signer"], env=env) as process:
        listening(socket, process)
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), timeout=SECONDS) as http:
            assert http.post("http://signer/tokens", json=wanted).status_code == 200
            assert http.get("http://signer/models").json()["problem"] is None
        assert len(there.tokens()) == 1
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)
    assert there.tokens() == {}
    assert not trace.exists()
