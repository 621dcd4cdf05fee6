"""git over HTTP at `/OWNER/NAME.git`: git's own program answers, we say who may and tell of what moved."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from localhub import git
from localhub.context import Context, Record, token_of
from localhub.problems import missing
from localhub.pushes import Pushes
from localhub.rules import closed_to

SERVICES = ("info/refs", "git-upload-pack", "git-receive-pack")


class Transport:
    """Smart HTTP."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pushes = Pushes(context)

    def routes(self) -> list[Route]:
        """The one for all of git's."""
        return [Route("/{owner}/{name}/{rest:path}", self.git, methods=["GET", "POST"])]

    async def git(self, request: Request) -> Response:
        """One of git's requests."""
        owner, name, rest = (request.path_params[part] for part in ("owner", "name", "rest"))
        found = self._context.state.find_repository(owner, name)
        if rest not in SERVICES:
            raise missing()
        pushes = "receive-pack" in rest + request.url.query
        text = token_of(request)
        if not text and (pushes or (found is not None and found["private"])):
            return Response(status_code=401, headers={"www-authenticate": 'Basic realm="localhub"'})
        self._context.check(text, found, "contents", "write" if pushes else "read")
        if rest != "git-receive-pack":
            return await self._served(request, found or {}, rest)
        async with self._context.moving(found or {}):
            before = await asyncio.to_thread(git.refs, self._context.folder(found or {}))
            answer = await self._served(request, found or {}, rest)
            await self._pushes.tell(found or {}, self._context.actor(request), before)
        return answer

    def _guard(self, request: Request, found: Record) -> tuple[Path, dict[str, str]]:
        """What judges a push: rules of branches, and that an App changes workflows only with the permission for it."""
        bearer = self._context.state.bearer(token_of(request)) or {}
        granted = bearer.get("kind") == "user" or self._context.permissions(bearer, found).get("workflows") == "write"
        ruled = " ".join(f"refs/heads/{each}" for each in closed_to(found, self._context.actor(request)))
        variables = {"LOCALHUB_RULED": ruled, "LOCALHUB_WORKFLOWS": "granted" if granted else ""}
        return git.write_guard(self._context.state.folder), variables

    async def _served(self, request: Request, found: Record, rest: str) -> Response:
        told = (f"/{rest}", request.url.query, request.method, request.headers, await request.body())
        guard, variables = self._guard(request, found) if rest == "git-receive-pack" else (None, {})
        status, headers, body = await asyncio.to_thread(
            git.smart_http, self._context.folder(found), *told, guard, variables
        )
        answer = Response(body, status)
        for key, value in headers:
            answer.headers[key] = value
        return answer
