"""The calls that the gateway makes with a token of one repository. Few, typed, and no redirect is followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

from pressplay.github.app import HEADERS
from pressplay.github.errors import (
    A_MINUTE,
    GitHubError,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
    checked,
    error_of,
    retry_after,
)
from pressplay.github.times import moment, written

ENDED = 401
UNCHANGED = 304
LARGEST_FILE = 50 * 1024 * 1024
PAGE = 100
MOST_PAGES = 10
TRIES = 3
# Roles of people who may write in a repository.
MAY_WRITE = frozenset({"write", "maintain", "admin"})
# What GraphQL calls its errors; it answers 200 with them.
GRAPHQL: dict[str, type[GitHubError]] = {"NOT_FOUND": NotFound, "FORBIDDEN": Refused}
# A wait that GitHub asks for and that is longer than this is handed on to whoever can park the work.
LONGEST_WAIT = 20.0

REVIEW_THREADS = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewThreads(first: 50, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          id isResolved isOutdated path line
          comments(first: 50) {
            nodes { databaseId body createdAt lastEditedAt diffHunk author { __typename login } }
          }
        }
      }
    }
  }
}
"""

# `updated_at` moves with every comment and label; only this tells when the words themselves were changed.
_EDITED = """
        lastEditedAt
        timelineItems(itemTypes: [RENAMED_TITLE_EVENT], since: $since, first: 10) {
          nodes { ... on RenamedTitleEvent { createdAt previousTitle } }
        }
"""
EDITS = f"""
query($owner: String!, $name: String!, $number: Int!, $since: DateTime) {{
  repository(owner: $owner, name: $name) {{
    issueOrPullRequest(number: $number) {{
      ... on Issue {{{_EDITED}      }}
      ... on PullRequest {{{_EDITED}      }}
    }}
  }}
}}
"""


RESOLVE_THREAD = """
mutation($threadId: ID!) {
  resolveReviewThread(input: {threadId: $threadId}) { thread { id isResolved } }
}
"""


@dataclass(frozen=True)
class Edits:
    """How the words of an issue or pull request were changed.

    Attributes:
        body: seconds since 1970 when its body was changed last; 0 where it never was.
        title: as it stood at the moment that was asked for; None where it was not changed since.
    """

    body: float = 0.0
    title: str | None = None


@dataclass(frozen=True)
class PullRequest:
    """A pull request, as far as it is of use here."""

    number: int
    url: str
    head: str
    head_sha: str
    base: str
    state: str
    body: str = ""


@dataclass(frozen=True)
class Fresh:
    """An answer that is not what it was before.

    Attributes:
        tag: its ETag.
        remaining: requests that the token has left.
    """

    body: Any
    tag: str
    remaining: int


class GitHub:
    """GitHub with one token.

    Args:
        http: a client for all; what it follows or sends by itself is none of the token's.
        api: address of the API, without a slash at its end.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        api: str,
        token: SecretStr,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._api = api
        self._token = token
        self._sleep = sleep

    async def repository(self, name: str) -> dict[str, Any]:
        """A repository: its id, default branch, whether it is private."""
        return await self._get(f"/repos/{name}")

    async def find_pull(self, repository: str, branch: str) -> PullRequest | None:
        """The open pull request of a branch of this repository's, if there is one."""
        owner = repository.partition("/")[0]
        found = await self._list(f"/repos/{repository}/pulls", {"head": f"{owner}:{branch}", "state": "open"})
        return _pull(found[0]) if found else None

    async def open_pull(
        self, repository: str, *, branch: str, base: str, title: str, body: str, draft: bool = False
    ) -> PullRequest:
        """Open a pull request. It is looked for first and, where the answer was lost, afterwards: there is only one."""
        found = await self.find_pull(repository, branch)
        if found is not None:
            return found
        wanted = {"title": title, "body": body, "head": branch, "base": base, "draft": draft}
        try:
            return _pull(await self._ask("POST", f"/repos/{repository}/pulls", json=wanted))
        except GitHubError:
            found = await self.find_pull(repository, branch)
            if found is None:
                raise
            return found

    async def pull(self, repository: str, number: int) -> dict[str, Any]:
        """A pull request, whole."""
        return await self._get(f"/repos/{repository}/pulls/{number}")

    async def issue(self, repository: str, number: int) -> dict[str, Any]:
        """An issue, whole. GitHub answers for pull requests, too."""
        return await self._get(f"/repos/{repository}/issues/{number}")

    async def comments(self, repository: str, number: int) -> list[dict[str, Any]]:
        """Comments on an issue or a pull request, the oldest first."""
        return await self._list(f"/repos/{repository}/issues/{number}/comments", {})

    async def review_threads(self, repository: str, number: int) -> list[dict[str, Any]]:
        """Threads of review comments with their code, resolved or not."""
        owner, _, name = repository.partition("/")
        found: list[dict[str, Any]] = []
        after: str | None = None
        for _page in range(MOST_PAGES):
            variables = {"owner": owner, "name": name, "number": number, "after": after}
            told = await self._graphql(REVIEW_THREADS, variables)
            pull = (told.get("repository") or {}).get("pullRequest")
            if pull is None:
                raise NotFound(f"there is no pull request {number}")
            threads = pull["reviewThreads"]
            found += threads["nodes"]
            after = threads["pageInfo"]["endCursor"]
            if not threads["pageInfo"]["hasNextPage"]:
                break
        return found

    async def resolve_thread(self, thread: str) -> None:
        """Resolve a thread of review comments; one that is resolved stays so.

        Args:
            thread: its id.

        Raises:
            NotFound: there is none.
        """
        await self._graphql(RESOLVE_THREAD, {"threadId": thread})

    async def edits(self, repository: str, number: int, since: float) -> Edits:
        """What was changed of an issue's or pull request's own words.

        Args:
            since: seconds since 1970: whose title at that moment is asked for.

        Raises:
            NotFound: there is none.
        """
        owner, _, name = repository.partition("/")
        variables = {"owner": owner, "name": name, "number": number, "since": written(since)}
        told = await self._graphql(EDITS, variables)
        found = (told.get("repository") or {}).get("issueOrPullRequest")
        if found is None:
            raise NotFound(f"there is no issue or pull request {number}")
        renamed = [each for each in found["timelineItems"]["nodes"] if moment(each["createdAt"]) > since]
        first = min(renamed, key=lambda each: moment(each["createdAt"]), default=None)
        return Edits(moment(found.get("lastEditedAt")), str(first["previousTitle"]) if first else None)

    async def role(self, repository: str, login: str) -> str:
        """What a person may do in a repository: admin, maintain, write, triage, read or none.

        Raises:
            NotFound: there is no such person.
        """
        told = await self._get(f"/repos/{repository}/collaborators/{login}/permission")
        return str(told.get("role_name") or told.get("permission") or "none")

    async def bot(self, slug: str) -> tuple[str, int]:
        """Login and id of an App's own user, by which GitHub shows its commits."""
        login = f"{slug}[bot]"
        found = await self._get(f"/users/{login.replace('[', '%5B').replace(']', '%5D')}")
        return login, int(found["id"])

    # What the modules of single subjects (checks, reviews, …) are made of

    async def read(self, path: str) -> dict[str, Any]:
        """One thing, by its path below the API's address."""
        return await self._get(path)

    async def every(self, path: str, params: dict[str, str], within: str = "") -> list[dict[str, Any]]:
        """A list, the first thousand of it.

        Args:
            within: the field that holds it, where the answer is an object.
        """
        return await self._list(path, params, within)

    async def change(self, method: str, path: str, json: dict[str, Any] | None = None) -> dict[str, Any]:
        """Change something; sent once."""
        answer = await self._patiently(method, path, json=json)
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    async def unless_known(self, path: str, params: dict[str, str], tag: str) -> Fresh | None:
        """One page of what is asked for; None where it is as it was by this tag, which GitHub does not count.

        Args:
            tag: ETag of an earlier answer, or "".
        """
        headers = {"If-None-Match": tag} if tag else {}
        answer = await self._patiently("GET", path, params={**params, "per_page": PAGE}, headers=headers)
        if answer.status_code == UNCHANGED:
            return None
        told = answer.headers
        return Fresh(answer.json(), told.get("etag", ""), int(told.get("x-ratelimit-remaining") or PAGE))

    async def tail(self, path: str, most: int) -> bytes:
        """The end of a file that an answer leads to; the token does not go there.

        Args:
            most: bytes.
        """
        answer = await self._patiently("GET", path, leads=True)
        if not answer.is_redirect:
            return answer.content[-most:]
        kept, read = b"", 0
        try:
            # A signed address at a storage of GitHub's: whoever has it may read, and nobody else hears of our token.
            async with self._http.stream("GET", answer.headers["location"], follow_redirects=False) as file:
                if not file.is_success:
                    raise NotFound(f"the file is not there ({file.status_code})")
                async for piece in file.aiter_bytes():
                    kept, read = (kept + piece)[-most:], read + len(piece)
                    if read > LARGEST_FILE:
                        break
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"the file cannot be read: {type(error).__name__}") from None
        return kept

    async def _get(self, path: str) -> dict[str, Any]:
        return await self._ask("GET", path)

    async def _list(self, path: str, params: dict[str, str], within: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            answer = await self._patiently("GET", path, params={**params, "per_page": PAGE, "page": page})
            part: list[dict[str, Any]] = answer.json()[within] if within else answer.json()
            found += part
            if len(part) < PAGE:
                break
        return found

    async def _graphql(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        # GitHub Enterprise has its two APIs side by side below /api.
        address = self._api.removesuffix("/v3") + "/graphql"
        answer = await self._patiently("POST", address, json={"query": query, "variables": variables}, repeat=True)
        told = answer.json()
        if told.get("errors"):
            first = told["errors"][0]
            said = str(first.get("message", "GraphQL refused the query"))
            if first.get("type") == "RATE_LIMITED":
                raise RateLimited(said, after=retry_after(answer.headers, said, time.time()) or A_MINUTE)
            raise GRAPHQL.get(str(first.get("type")), GitHubError)(said)
        data: dict[str, Any] = told["data"]
        return data

    async def _ask(self, method: str, path: str, *, json: dict[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = (await self._patiently(method, path, json=json)).json()
        return found

    async def _patiently(
        self,
        method: str,
        path: str,
        *,
        json: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        repeat: bool | None = None,
        leads: bool = False,
    ) -> httpx.Response:
        """Send, and again where that does no harm; what changes something is sent once."""
        again = repeat if repeat is not None else method == "GET"
        address = path if path.startswith("http") else f"{self._api}{path}"
        for attempt in range(1, TRIES + 1):
            try:
                answer = await self._send(method, address, json, params, headers or {})
                # GitHub answers so only where it was asked to.
                if answer.is_success or answer.status_code == UNCHANGED or (leads and answer.is_redirect):
                    return checked(answer)
                raise error_of(answer)
            except (Unavailable, RateLimited) as error:
                wait = error.after if isinstance(error, RateLimited) else 0.5 * attempt
                # A rate limit was met before anything was done, so a second try is safe for every method.
                safe = again or isinstance(error, RateLimited)
                if not safe or attempt == TRIES or wait > LONGEST_WAIT:
                    raise
                await self._sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def _send(
        self, method: str, address: str, json: dict[str, Any] | None, params: dict[str, Any] | None,
        more: dict[str, str],
    ) -> httpx.Response:  # fmt: skip
        headers = {**HEADERS, **more, "Authorization": f"Bearer {self._token.get_secret_value()}"}
        try:
            answer = await self._http.request(
                method, address, headers=headers, json=json, params=params, follow_redirects=False
            )
        except httpx.HTTPError as error:
            raise Unavailable(f"GitHub does not answer: {type(error).__name__}") from None
        if answer.status_code == ENDED:
            # It was made a moment ago: it has ended since, as by the end of the process that took it.
            raise Unavailable("GitHub does not take the token any more")
        return answer


def _pull(body: dict[str, Any]) -> PullRequest:
    return PullRequest(
        number=int(body["number"]),
        url=str(body["html_url"]),
        head=str(body["head"]["ref"]),
        head_sha=str(body["head"]["sha"]),
        base=str(body["base"]["ref"]),
        state=str(body["state"]),
        body=str(body.get("body") or ""),
    )
