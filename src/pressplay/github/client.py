"""The calls that the gateway makes with a token of one repository. Few, typed, and no redirect is followed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

from pressplay.github.app import HEADERS
from pressplay.github.errors import GitHubError, NotFound, RateLimited, Unavailable, error_of

PAGE = 100
MOST_PAGES = 10
TRIES = 3
# A wait that GitHub asks for and that is longer than this is handed on to whoever can park the work.
LONGEST_WAIT = 20.0

REVIEW_THREADS = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewThreads(first: 50, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          isResolved isOutdated path line
          comments(first: 50) {
            nodes { body createdAt diffHunk authorAssociation author { login } }
          }
        }
      }
    }
  }
}
"""


@dataclass(frozen=True)
class PullRequest:
    """A pull request, as far as it is of use here."""

    number: int
    url: str
    head: str
    head_sha: str
    base: str
    state: str


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

    async def bot(self, slug: str) -> tuple[str, int]:
        """Login and id of an App's own user, by which GitHub shows its commits."""
        login = f"{slug}[bot]"
        found = await self._get(f"/users/{login.replace('[', '%5B').replace(']', '%5D')}")
        return login, int(found["id"])

    async def _get(self, path: str) -> dict[str, Any]:
        return await self._ask("GET", path)

    async def _list(self, path: str, params: dict[str, str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            answer = await self._patiently("GET", path, params={**params, "per_page": PAGE, "page": page})
            part: list[dict[str, Any]] = answer.json()
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
            kind = NotFound if first.get("type") == "NOT_FOUND" else GitHubError
            raise kind(str(first.get("message", "GraphQL refused the query")))
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
        repeat: bool | None = None,
    ) -> httpx.Response:
        """Send, and again where that does no harm; what changes something is sent once."""
        again = repeat if repeat is not None else method == "GET"
        address = path if path.startswith("http") else f"{self._api}{path}"
        for attempt in range(1, TRIES + 1):
            try:
                return await self._send(method, address, json, params)
            except (Unavailable, RateLimited) as error:
                wait = error.after if isinstance(error, RateLimited) else 0.5 * attempt
                # A rate limit was met before anything was done, so a second try is safe for every method.
                safe = again or isinstance(error, RateLimited)
                if not safe or attempt == TRIES or wait > LONGEST_WAIT:
                    raise
                await self._sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def _send(
        self, method: str, address: str, json: dict[str, Any] | None, params: dict[str, Any] | None
    ) -> httpx.Response:
        headers = {**HEADERS, "Authorization": f"Bearer {self._token.get_secret_value()}"}
        try:
            answer = await self._http.request(
                method, address, headers=headers, json=json, params=params, follow_redirects=False
            )
        except httpx.HTTPError as error:
            raise Unavailable(f"GitHub does not answer: {type(error).__name__}") from None
        if not answer.is_success:
            raise error_of(answer)
        return answer


def _pull(body: dict[str, Any]) -> PullRequest:
    return PullRequest(
        number=int(body["number"]),
        url=str(body["html_url"]),
        head=str(body["head"]["ref"]),
        head_sha=str(body["head"]["sha"]),
        base=str(body["base"]["ref"]),
        state=str(body["state"]),
    )
