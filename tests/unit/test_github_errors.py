"""What GitHub's answers mean: what may go later is told apart from what does not change by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx
import pytest
from pydantic import SecretStr

from pressplay.github.client import GitHub
from pressplay.github.errors import GitHubError, NotFound, RateLimited, Refused, Unavailable

Answer = Callable[[httpx.Request], httpx.Response]


async def at_once(_seconds: float) -> None:
    """Waits are for GitHub, not for us."""


def fails(answer: Answer, call: Callable[[GitHub], Awaitable[object]]) -> GitHubError:
    """What a call raises where GitHub answers so."""

    async def work() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            await call(GitHub(http, "https://api.hub.test", SecretStr("ghs_x"), sleep=at_once))

    with pytest.raises(GitHubError) as raised:
        asyncio.run(work())
    return raised.value


def told(status: int, message: str = "", **headers: str) -> Answer:
    def answer(_: httpx.Request) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, json={"message": message}, headers=named)

    return answer


def repository(github: GitHub) -> Awaitable[object]:
    return github.repository("acme/sums")


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (told(403, "API rate limit exceeded", x_ratelimit_remaining="0", x_ratelimit_reset="RESET"), 300),
        (told(403, "API rate limit exceeded for installation ID 7."), 60),
        (told(403, "You have exceeded a secondary rate limit."), 60),
        (told(403, "no", retry_after="42"), 42),
        (told(429, "slow down", retry_after="Fri, 27 Nov 2026 07:00:00 GMT"), 60),
        (told(429), 60),
    ],
    ids=["reset", "words", "secondary", "seconds", "a date", "nothing"],
)
def test_a_limit_is_told_with_its_time_and_is_never_final(answer: Answer, after: float) -> None:
    def timed(request: httpx.Request) -> httpx.Response:
        made = answer(request)
        if made.headers.get("x-ratelimit-reset") == "RESET":
            made.headers["x-ratelimit-reset"] = str(int(time.time()) + 300)
        return made

    error = fails(timed, repository)
    assert isinstance(error, RateLimited)
    assert abs(error.after - after) < 10


def test_a_permission_that_is_lacking_is_final() -> None:
    assert isinstance(fails(told(403, "Resource not accessible by integration"), repository), Refused)


def broken(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b'{"id": 7, "default', headers={"content-type": "application/json"})


@pytest.mark.parametrize("kind", [httpx.RemoteProtocolError, httpx.ReadError, None])
def test_an_answer_that_breaks_off_may_be_had_later(kind: type[httpx.TransportError] | None) -> None:
    def breaks(request: httpx.Request) -> httpx.Response:
        if kind is None:
            return broken(request)
        raise kind("peer closed connection without sending complete message body")

    assert isinstance(fails(breaks, repository), Unavailable)


@pytest.mark.parametrize(
    ("kind", "error"), [("NOT_FOUND", NotFound), ("FORBIDDEN", Refused), ("RATE_LIMITED", RateLimited)]
)
def test_errors_of_graphql_have_the_same_kinds(kind: str, error: type[GitHubError]) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"errors": [{"type": kind, "message": "no"}]})

    assert type(fails(answer, lambda github: github.review_threads("acme/sums", 1))) is error
