"""Pull requests: opened, read, changed; how they are merged is `merging`'s affair."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhub import differences, git, render, render_code
from localhub.closing import close, reopen
from localhub.context import REPO, Context, Record, body_of, listed, now, text_in
from localhub.problems import Problem, invalid
from localhub.subjects import reword

DIFFERENCE = "application/vnd.github.diff"


class Pulls:
    """Their routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state

    def routes(self) -> list[Route]:
        """All of them."""
        one = f"{REPO}/pulls/{{number:int}}"
        return [
            Route(f"{REPO}/pulls", self.pulls),
            Route(f"{REPO}/pulls", self.open, methods=["POST"]),
            Route(one, self.pull),
            Route(one, self.change, methods=["PATCH"]),
            Route(f"{one}/files", self.files),
            Route(f"{one}/commits", self.commits),
        ]

    async def pulls(self, request: Request) -> Response:
        """Pull requests, the latest first."""
        found = self._context.allowed(request, "pull_requests", "read")
        query = request.query_params
        head, base = query.get("head", "").partition(":")[2], query.get("base", "")
        shown = [
            render.pull(self._state, found, number)
            for number, one in reversed(found["pulls"].items())
            if query.get("state", "open") in ("all", one["state"])
            and head in ("", one["head"]) and base in ("", one["base"])
        ]  # fmt: skip
        if query.get("sort") == "updated":
            shown.sort(key=lambda each: str(each["updated_at"]), reverse=query.get("direction", "desc") == "desc")
        return listed(request, self._state, shown)

    async def open(self, request: Request) -> Response:
        """Open one."""
        found = self._context.allowed(request, "pull_requests", "write")
        told, login = await body_of(request), self._context.actor(request)
        title = text_in(told, "title", "PullRequest")
        # There are no forks here, so a head of its owner's is a branch of this repository.
        told["head"] = str(told.get("head")).removeprefix(f"{found['full_name'].partition('/')[0]}:")
        folder = self._context.folder(found)
        heads = await asyncio.to_thread(git.branches, folder)
        _have_no_problem(found, told, heads, folder)
        number = self._context.next_number(found)
        found["pulls"][number] = {
            "id": self._state.number(), "state": "open", "title": title, "body": told.get("body") or "",
            "head": told["head"], "head_sha": heads[told["head"]], "base": told["base"],
            "base_sha": heads[told["base"]], "merged": False, "login": login, "created_at": now(), "labels": [],
            "draft": bool(told.get("draft")),
            "author_association": self._context.association(found, login),
        }  # fmt: skip
        return JSONResponse(self._tell(found, number, "opened", login), 201)

    async def pull(self, request: Request) -> Response:
        """One of them, or its difference."""
        found = self._context.allowed(request, "pull_requests", "read")
        number, _ = self._context.pull(found, request)
        shown = await asyncio.to_thread(render.pull, self._state, found, number)
        if DIFFERENCE in request.headers.get("accept", ""):
            ends = (shown["base"]["sha"], shown["head"]["sha"])
            text = await asyncio.to_thread(differences.difference, self._context.folder(found), *ends)
            return Response(text + "\n", media_type=f"{DIFFERENCE}; charset=utf-8")
        return JSONResponse(shown)

    async def change(self, request: Request) -> Response:
        """Change title, body, base or state."""
        found = self._context.allowed(request, "pull_requests", "write")
        number, one = self._context.pull(found, request)
        told, login = await body_of(request), self._context.actor(request)
        folder = self._context.folder(found)
        changes = _changes(told, one, await asyncio.to_thread(git.branches, folder))
        wanted = told.get("state") or one["state"]
        if wanted not in ("open", "closed"):
            raise invalid("PullRequest", "state")
        if (wanted, one["state"]) == ("open", "closed"):
            reopen(folder, one)
            self._tell(found, number, "reopened", login)
        reword(one, {name: told[name] for name in ("title", "body", "base") if name in changes})
        if changes:
            self._tell(found, number, "edited", login, changes=changes)
        if (wanted, one["state"]) == ("closed", "open"):
            close(folder, one)
            self._tell(found, number, "closed", login)
        return JSONResponse(render.pull(self._state, found, number))

    async def files(self, request: Request) -> Response:
        """The files that one changes."""
        found = self._context.allowed(request, "pull_requests", "read")
        number, _ = self._context.pull(found, request)
        shown = await asyncio.to_thread(render.pull, self._state, found, number)
        ends = (shown["base"]["sha"], shown["head"]["sha"])
        return listed(
            request, self._state, await asyncio.to_thread(render_code.changed_files, self._state, found, *ends)
        )

    async def commits(self, request: Request) -> Response:
        """The commits of one, the oldest first."""
        found = self._context.allowed(request, "pull_requests", "read")
        number, _ = self._context.pull(found, request)
        shown = await asyncio.to_thread(render.pull, self._state, found, number)
        folder = self._context.folder(found)
        names = git.between(folder, shown["base"]["sha"], shown["head"]["sha"])
        commits = [render_code.commit(self._state, found, git.commit(folder, name)) for name in reversed(names)]
        return listed(request, self._state, commits)

    def _tell(self, found: Record, number: str, action: str, login: str, **more: object) -> Record:
        found["pulls"][number]["updated_at"] = now()
        shown = render.pull(self._state, found, number)
        self._context.happened("pull_request", action, found, login, number=int(number), pull_request=shown, **more)
        return shown


def _changes(told: Record, one: Record, heads: dict[str, str]) -> Record:
    """What a request changes, as the event has it."""
    if "title" in told:
        text_in(told, "title", "PullRequest")
    if "base" in told and (one["state"] != "open" or str(told["base"]) not in heads):
        raise invalid("PullRequest", "base")
    if told.get("body", "") is None:
        told["body"] = ""
    texts = (name for name in ("title", "body") if told.get(name, one[name]) != one[name])
    changes: Record = {name: {"from": one[name]} for name in texts}
    if told.get("base", one["base"]) != one["base"]:
        changes["base"] = {
            "ref": {"from": one["base"]},
            "sha": {"from": heads.get(one["base"], one.get("base_sha", ""))},
        }
    return changes


def _have_no_problem(found: Record, told: Record, heads: dict[str, str], folder: Path) -> None:
    for field in ("head", "base"):
        if told.get(field) not in heads:
            raise invalid("PullRequest", field)
    message = ""
    wanted = ("open", told["head"], told["base"])
    if any((one["state"], one["head"], one["base"]) == wanted for one in found["pulls"].values()):
        message = f"A pull request already exists for {found['full_name'].partition('/')[0]}:{told['head']}."
    elif not git.ahead(folder, heads[told["base"]], heads[told["head"]]):
        message = f"No commits between {told['base']} and {told['head']}"
    if message:
        problem: list[object] = [{"resource": "PullRequest", "code": "custom", "message": message}]
        raise Problem(422, "Validation Failed", problem)
