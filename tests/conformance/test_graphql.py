"""The product's GraphQL queries against GitHub's own schema, and the stand-in's answers to them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from pressplay.github.client import EDITS, RESOLVE_THREAD, REVIEW_THREADS, Edits, GitHub
from pressplay.github.errors import NotFound
from pressplay.github.times import moment
from tests.conformance.hub import Hub

PROGRAM = Path(__file__).parents[1] / "node" / "queries.mjs"
QUERIES = {"edits": EDITS, "review threads": REVIEW_THREADS, "resolve": RESOLVE_THREAD}


def problems(queries: dict[str, str]) -> dict[str, list[str]]:
    """What GitHub's schema has against queries."""
    ran = subprocess.run(["node", PROGRAM], input=json.dumps(queries), capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(ran.stdout)
    return found


def test_every_query_is_one_of_github_s_schema() -> None:
    assert problems(QUERIES) == {name: [] for name in QUERIES}


def test_a_field_that_github_has_not_is_found() -> None:
    wrong = problems({"edits": EDITS.replace("lastEditedAt", "editedWhen")})
    assert all("editedWhen" in each for each in wrong["edits"])
    assert wrong["edits"]


def asked(hub: Hub, what: Callable[[GitHub], Awaitable[Edits]]) -> Edits:
    async def ask() -> Edits:
        async with httpx.AsyncClient() as http:
            return await what(GitHub(http, f"{hub.address}/api/v3", SecretStr(hub.token)))

    return asyncio.run(ask())


@pytest.mark.parametrize("kind", ["issues", "pulls"])
def test_words_that_were_changed_are_told_with_the_title_as_it_stood(hub: Hub, tmp_path: Path, kind: str) -> None:
    number = 1 if kind == "issues" else hub.pull(tmp_path / "work")
    path = f"/repos/acme/sums/{kind}/{number}"
    before = str(hub.call("GET", path).json()["title"])
    long_ago, later = 1_600_000_000.0, time.time() + 60
    assert asked(hub, lambda github: github.edits("acme/sums", number, long_ago)) == Edits()
    # A comment changes no words of the subject's own.
    hub.call("POST", f"/repos/acme/sums/issues/{number}/comments", json={"body": "Yes."})
    assert asked(hub, lambda github: github.edits("acme/sums", number, long_ago)) == Edits()
    hub.call("PATCH", path, json={"title": "Once", "body": "Once."})
    changed = hub.call("PATCH", path, json={"title": "Twice", "body": "Twice."}).json()
    found = asked(hub, lambda github: github.edits("acme/sums", number, long_ago))
    assert found == Edits(moment(changed["updated_at"]), before)
    assert asked(hub, lambda github: github.edits("acme/sums", number, later)).title is None


def test_what_is_not_there_has_no_words(hub: Hub) -> None:
    with pytest.raises(NotFound):
        asked(hub, lambda github: github.edits("acme/sums", 99, 0.0))
