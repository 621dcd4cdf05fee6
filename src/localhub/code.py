"""What lies in a repository: contents, commits, refs, comparisons."""

from __future__ import annotations

import asyncio
import posixpath

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhub import git, render_code
from localhub.context import REPO, Context, Record, body_of, listed
from localhub.problems import Problem, missing
from localhub.pushes import Pushes
from localhub.rules import closed_to

RAW = ("application/vnd.github.raw", "application/vnd.github.raw+json", "application/vnd.github.v3.raw")
OBJECT = ("application/vnd.github.object", "application/vnd.github.object+json", "application/vnd.github.v3.object")


class Code:
    """Their routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state
        self._pushes = Pushes(context)

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route(f"{REPO}/contents", self.contents),
            Route(f"{REPO}/contents/{{path:path}}", self.contents),
            Route(f"{REPO}/commits", self.commits),
            Route(f"{REPO}/git/ref/{{ref:path}}", self.ref),
            Route(f"{REPO}/git/refs/{{ref:path}}", self.move_ref, methods=["PATCH"]),
            Route(f"{REPO}/git/refs/{{ref:path}}", self.delete_ref, methods=["DELETE"]),
            Route(f"{REPO}/compare/{{span:path}}", self.compare),
        ]

    async def contents(self, request: Request) -> Response:
        """A file or a folder at a commit."""
        found = self._context.allowed(request, "contents", "read")
        folder, path = self._context.folder(found), request.path_params.get("path", "").strip("/")
        ref = request.query_params.get("ref") or "main"
        accepted = request.headers.get("accept", "").split(";")[0].strip()
        entries = await asyncio.to_thread(git.entries, folder, ref, path)
        if entries is None:
            raise missing()
        if isinstance(entries, list):
            shown = [render_code.entry(self._state, found, ref, each) for each in entries]
            whole = render_code.folder(self._state, found, ref, path, shown)
            return JSONResponse(whole if accepted in OBJECT else shown)
        return await asyncio.to_thread(self._file, found, ref, entries, accepted)

    def _file(self, found: Record, ref: str, one: Record, accepted: str) -> Response:
        """A file; a link shows the file that it leads to, or itself where that is none."""
        folder = self._context.folder(found)
        if one["type"] == "submodule":
            return JSONResponse(render_code.submodule(self._state, found, ref, one))
        data = git.blob(folder, one["sha"])
        if one["type"] == "symlink":
            target = data.decode(errors="replace")
            there = git.entries(folder, ref, posixpath.normpath(posixpath.join(posixpath.dirname(one["path"]), target)))
            if not isinstance(there, dict) or there["type"] != "file":
                return JSONResponse(render_code.link(self._state, found, ref, one, target))
            # It keeps its own name and path.
            one = {**there, "name": one["name"], "path": one["path"]}
            data = git.blob(folder, one["sha"])
        if accepted in RAW:
            return Response(data, media_type="application/vnd.github.raw+json; charset=utf-8")
        return JSONResponse(render_code.file(self._state, found, ref, one, data))

    async def commits(self, request: Request) -> Response:
        """The commits of a branch, the latest first."""
        found = self._context.allowed(request, "contents", "read")
        folder, start = self._context.folder(found), request.query_params.get("sha") or "main"
        names = await asyncio.to_thread(git.history, folder, start)
        if names is None:
            raise missing()
        shown = [render_code.commit(self._state, found, git.commit(folder, name)) for name in names[:300]]
        return listed(request, self._state, shown)

    async def ref(self, request: Request) -> Response:
        """A ref: `heads/NAME` or `tags/NAME`."""
        found = self._context.allowed(request, "contents", "read")
        name, folder = f"refs/{request.path_params['ref']}", self._context.folder(found)
        sha = (await asyncio.to_thread(git.refs, folder)).get(name)
        if sha is None:
            raise missing()
        kind = await asyncio.to_thread(git.git, folder, "cat-file", "-t", sha)
        return JSONResponse(render_code.ref(self._state, found, name, sha, kind))

    async def move_ref(self, request: Request) -> Response:
        """A branch is set to another commit; only forwards, where nothing else is said, and only by whom rules let."""
        found = self._context.allowed(request, "contents", "write")
        name, folder = f"refs/{request.path_params['ref']}", self._context.folder(found)
        told, login = await body_of(request), self._context.actor(request)
        async with self._context.moving(found):
            before = await asyncio.to_thread(git.refs, folder)
            commit = git.resolve(folder, str(told.get("sha", "")))
            if name not in before or commit is None:
                raise Problem(422, "Reference does not exist" if name not in before else "Object does not exist")
            if name.removeprefix("refs/heads/") in closed_to(found, login):
                raise Problem(422, "Repository rule violations found\n\nChanges must be made through a pull request.")
            if not told.get("force") and git.rewound(folder, before[name], commit):
                raise Problem(422, "Update is not a fast forward")
            await asyncio.to_thread(git.git, folder, "update-ref", name, commit, before[name])
            await self._pushes.tell(found, login, before)
        return JSONResponse(render_code.ref(self._state, found, name, commit, "commit"))

    async def delete_ref(self, request: Request) -> Response:
        """A branch or a tag goes."""
        found = self._context.allowed(request, "contents", "write")
        name, folder = f"refs/{request.path_params['ref']}", self._context.folder(found)
        if name == "refs/heads/main":
            raise Problem(422, "Cannot delete the default branch")
        async with self._context.moving(found):
            before = await asyncio.to_thread(git.refs, folder)
            if name not in before:
                raise Problem(422, "Reference does not exist")
            await asyncio.to_thread(git.git, folder, "update-ref", "-d", name, before[name])
            await self._pushes.tell(found, self._context.actor(request), before)
        return Response(status_code=204)

    async def compare(self, request: Request) -> Response:
        """What one commit has that another has not: `BASE...HEAD`."""
        found = self._context.allowed(request, "contents", "read")
        base, _, head = request.path_params["span"].partition("...")
        folder = self._context.folder(found)
        ends = [git.resolve(folder, each.rpartition(":")[2]) for each in (base, head)]
        if not all(ends):
            raise missing()
        return JSONResponse(
            await asyncio.to_thread(render_code.comparison, self._state, found, str(ends[0]), str(ends[1]))
        )
