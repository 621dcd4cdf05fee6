"""Merges of pull requests: as a merge commit, squashed or rebased, with the head that is expected and rules kept."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhub import git, render
from localhub.closing import close_merged
from localhub.context import REPO, Context, Record, body_of, now
from localhub.problems import Problem, invalid, missing
from localhub.pushes import Pushes
from localhub.rules import violations

METHODS = ("merge", "squash", "rebase")


class Merging:
    """Their routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state
        self._pushes = Pushes(context)

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route(f"{REPO}/pulls/{{number:int}}/merge", self.merged),
            Route(f"{REPO}/pulls/{{number:int}}/merge", self.merge, methods=["PUT"]),
            Route(f"{REPO}/pulls/{{number:int}}/update-branch", self.update, methods=["PUT"]),
        ]

    async def merged(self, request: Request) -> Response:
        """Whether it is merged: 204 or 404."""
        found = self._context.allowed(request, "pull_requests", "read")
        _, one = self._context.pull(found, request)
        if not one["merged"]:
            raise missing()
        return Response(status_code=204)

    async def merge(self, request: Request) -> Response:
        """Merge, if rules and the expected head allow."""
        found = self._context.allowed(request, "contents", "write")
        number, one = self._context.pull(found, request)
        told, login = await body_of(request), self._context.actor(request)
        method = told.get("merge_method", "merge")
        if method not in METHODS:
            raise invalid("PullRequest", "merge_method")
        folder = self._context.folder(found)
        async with self._context.moving(found):
            shown = await asyncio.to_thread(render.pull, self._state, found, number)
            self._have_no_problem(found, number, one, shown, told, method)
            before = await asyncio.to_thread(git.refs, folder)
            text = _message(number, one, told, method)
            # A squashed commit is the work of whoever opened the pull request.
            author = one["login"] if method == "squash" else login
            commit = await asyncio.to_thread(git.merge, folder, one["base"], one["head"], text, method, author)
            if commit is None:
                raise Problem(405, "Pull Request is not mergeable")
            close_merged(folder, one, login, commit, shown["base"]["sha"])
            await self._pushes.tell(found, login, before)
        one["updated_at"] = now()
        shown = render.pull(self._state, found, number)
        self._context.happened("pull_request", "closed", found, login, number=int(number), pull_request=shown)
        return JSONResponse({"sha": commit, "merged": True, "message": "Pull Request successfully merged"})

    def _have_no_problem(
        self, found: Record, number: str, one: Record, shown: Record, told: Record, method: str
    ) -> None:
        if one["state"] != "open" or one.get("draft"):
            raise Problem(405, "Pull Request is not mergeable")
        head = shown["head"]["sha"]
        if (told.get("sha") or head) != head:
            raise Problem(409, "Head branch was modified. Review and try the merge again.")
        behind = git.ahead(self._context.folder(found), head, shown["base"]["sha"])
        lacking = violations(found, number, head, method, behind)
        if lacking:
            raise Problem(405, "Repository rule violations found\n\n" + "\n\n".join(lacking))

    async def update(self, request: Request) -> Response:
        """Merge the base into the head branch."""
        found = self._context.allowed(request, "pull_requests", "write")
        number, one = self._context.pull(found, request)
        told, folder = await body_of(request), self._context.folder(found)
        text, login = f"Merge branch '{one['base']}' into {one['head']}", self._context.actor(request)
        async with self._context.moving(found):
            before = await asyncio.to_thread(git.refs, folder)
            head = before.get(f"refs/heads/{one['head']}")
            if head is None or (told.get("expected_head_sha") or head) != head:
                raise Problem(422, "expected head sha is not the current head ref")
            if await asyncio.to_thread(git.merge, folder, one["head"], one["base"], text, "merge", login) is None:
                raise Problem(422, "merge conflict between base and head")
            await self._pushes.tell(found, login, before)
        url = f"{self._state.url}/{found['full_name']}/pull/{number}"
        return JSONResponse({"message": "Updating pull request branch.", "url": url}, 202)


def _message(number: str, one: Record, told: Record, method: str) -> str:
    usual = f"Merge pull request #{number} from {one['head']}" if method == "merge" else f"{one['title']} (#{number})"
    title = told.get("commit_title") or usual
    body = told.get("commit_message") or (one["title"] if method == "merge" else "")
    return f"{title}\n\n{body}".strip()
