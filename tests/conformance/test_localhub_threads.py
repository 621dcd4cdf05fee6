"""Comments on code at the stand-in, on either side of a difference, and their threads as GraphQL tells them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from pressplay.github.client import REVIEW_THREADS, GitHub
from tests.conformance.hub import REPO, Hub, Receiver, check, check_hook
from tests.conformance.test_localhub_reviews import RESOLVE, graphql, threads

HERE = "/repos/acme/sums"
COMMENTS = f"{REPO}/pulls/{{pull_number}}/comments"


@pytest.fixture
def number(hub: Hub, tmp_path: Path) -> int:
    """A pull request that replaces the one line of a file, which is `one`, by three."""
    hub.branch("work", tmp_path / "work", "two\nthree\nfour", "file")
    told = {"title": "More", "head": "work", "base": "main"}
    return int(hub.call("POST", f"{HERE}/pulls", json=told).json()["number"])


def comment(hub: Hub, number: int, **told: Any) -> httpx.Response:
    head = hub.call("GET", f"{HERE}/pulls/{number}").json()["head"]["sha"]
    told = {"path": "file", "body": "Why?", "commit_id": head, **told}
    answer = hub.call("POST", f"{HERE}/pulls/{number}/comments", json=told)
    check("post", COMMENTS, answer)
    return answer


def test_a_comment_stands_on_either_side_and_on_one_line_or_several(hub: Hub, number: int) -> None:
    assert comment(hub, number, line=1, side="LEFT").json()["diff_hunk"].endswith("-one")
    assert comment(hub, number, line=1).json()["diff_hunk"].endswith("+two")
    several = comment(hub, number, start_line=1, line=3).json()
    assert (several["start_line"], several["start_side"], several["line"]) == (1, "RIGHT", 3)
    assert several["diff_hunk"].splitlines()[-3:] == ["+two", "+three", "+four"]
    replied = comment(hub, number, in_reply_to=several["id"]).json()
    assert (replied["start_line"], replied["line"], replied["in_reply_to_id"]) == (1, 3, several["id"])
    check("get", COMMENTS, hub.call("GET", f"{HERE}/pulls/{number}/comments"))


@pytest.mark.parametrize(
    "told",
    [
        {"line": 2, "side": "LEFT"},
        {"line": 4},
        {"line": 1, "start_line": 3},
        {"line": 1, "start_line": 1},
        {"line": 1, "commit_id": "0" * 40},
        {"line": 1, "commit_id": "work"},
        {"line": 1, "commit_id": None},
    ],
)
def test_a_comment_that_stands_nowhere_is_refused(hub: Hub, number: int, told: dict[str, Any]) -> None:
    assert comment(hub, number, **told).status_code == 422
    assert hub.call("GET", f"{HERE}/pulls/{number}/comments").json() == []


def test_a_review_that_is_refused_leaves_none_of_its_comments(hub: Hub, number: int) -> None:
    comments = [{"path": "file", "line": line, "body": "Why?"} for line in (1, 99)]
    told = {"event": "COMMENT", "body": "So so", "comments": comments}
    assert hub.call("POST", f"{HERE}/pulls/{number}/reviews", json=told).status_code == 422
    assert hub.call("GET", f"{HERE}/pulls/{number}/comments").json() == []


def test_the_product_reads_all_threads_page_by_page(hub: Hub, number: int) -> None:
    for count in range(53):
        comment(hub, number, line=1, body=str(count))

    async def read() -> list[dict[str, Any]]:
        async with httpx.AsyncClient() as http:
            github = GitHub(http, f"{hub.address}/api/v3", SecretStr(hub.token))
            return await github.review_threads("acme/sums", number)

    read_all = asyncio.run(read())
    assert [each["comments"]["nodes"][0]["body"] for each in read_all] == [str(count) for count in range(53)]
    assert len(threads(hub, number)) == 50


def test_a_thread_is_resolved_once_told_and_by_whom_may_write(hub: Hub, receiver: Receiver, number: int) -> None:
    comment(hub, number, line=1)
    (thread,) = threads(hub, number)
    reader = hub.person("bob", "read")
    refused = graphql(hub, RESOLVE, reader, threadId=thread["id"])
    assert refused["errors"][0]["type"] == "FORBIDDEN"
    for _ in range(2):
        graphql(hub, RESOLVE, threadId=thread["id"])
    graphql(hub, RESOLVE.replace("resolve", "unresolve"), threadId=thread["id"])
    told = receiver.payload("pull_request_review_thread", "unresolved")
    assert told["thread"]["comments"][0]["body"] == "Why?"
    assert receiver.events().count(("pull_request_review_thread", "resolved")) == 1
    for headers, body in receiver.came:
        check_hook(headers, body, "the secret")


def test_graphql_says_what_it_cannot_tell_as_github_does(hub: Hub, number: int) -> None:
    wrong = graphql(hub, REVIEW_THREADS, owner="acme", name="nothing", number=number)
    assert (wrong["errors"][0]["type"], wrong["data"]) == ("NOT_FOUND", {"repository": None})
    assert graphql(hub, RESOLVE, threadId="nonsense")["errors"][0]["type"] == "NOT_FOUND"
    assert graphql(hub, REVIEW_THREADS, "guessed", owner="acme")["message"] == "Bad credentials"
    headers = {"authorization": f"Bearer {hub.token}"}
    assert hub.http.post(f"{hub.address}/api/graphql", content=b"{", headers=headers).status_code == 400
