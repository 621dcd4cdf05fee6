"""Repositories and who may do what in them."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhub import git, render, render_code
from localhub.context import REPO, Context, listed
from localhub.problems import missing
from localhub.rules import rules_in, rules_of


class Repositories:
    """Their routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route(REPO, self.repository),
            Route(f"{REPO}/branches", self.branches),
            Route(f"{REPO}/branches/{{branch:path}}", self.branch),
            Route(f"{REPO}/rules/branches/{{branch:path}}", self.rules),
            Route(f"{REPO}/rulesets", self.rulesets),
            Route(f"{REPO}/activity", self.activity),
            Route(f"{REPO}/rulesets/{{identity:int}}", self.ruleset),
            Route(f"{REPO}/collaborators/{{login}}/permission", self.permission),
        ]

    async def repository(self, request: Request) -> Response:
        """A repository."""
        found = self._context.allowed(request, "metadata", "read")
        return JSONResponse(render.full_repository(self._state, found))

    async def branches(self, request: Request) -> Response:
        """Its branches."""
        found = self._context.allowed(request, "contents", "read")
        heads = await asyncio.to_thread(git.branches, self._context.folder(found))
        return listed(
            request, self._state, [render.branch(self._state, found, *each) for each in sorted(heads.items())]
        )

    async def branch(self, request: Request) -> Response:
        """One of them."""
        found = self._context.allowed(request, "contents", "read")
        name, folder = request.path_params["branch"], self._context.folder(found)
        sha = (await asyncio.to_thread(git.branches, folder)).get(name)
        if sha is None:
            raise missing()
        commit = render_code.commit(self._state, found, await asyncio.to_thread(git.commit, folder, sha))
        return JSONResponse(render.whole_branch(self._state, found, name, commit))

    async def rules(self, request: Request) -> Response:
        """What a branch demands before a merge."""
        found = self._context.allowed(request, "metadata", "read")
        return listed(request, self._state, rules_of(found, request.path_params["branch"]))

    async def rulesets(self, request: Request) -> Response:
        """The rulesets, enforced or not."""
        found = self._context.allowed(request, "metadata", "read")
        return listed(request, self._state, [render.ruleset(self._state, found, each) for each in found["rulesets"]])

    async def ruleset(self, request: Request) -> Response:
        """One of them, with its rules."""
        found = self._context.allowed(request, "metadata", "read")
        one = next((each for each in found["rulesets"] if each["id"] == request.path_params["identity"]), None)
        if one is None:
            raise missing()
        conditions = {"ref_name": {"include": [f"refs/heads/{one['branch']}"], "exclude": []}}
        return JSONResponse(
            {**render.ruleset(self._state, found, one), "conditions": conditions, "rules": rules_in(one)}
        )

    async def activity(self, request: Request) -> Response:
        """Who moved which ref, the latest first."""
        found = self._context.allowed(request, "contents", "read")
        ref = request.query_params.get("ref", "")
        moves = [each for each in reversed(found.get("moves", [])) if ref in ("", each["ref"])]
        return listed(request, self._state, [render.move(self._state, each) for each in moves])

    async def permission(self, request: Request) -> Response:
        """A person's role."""
        found = self._context.allowed(request, "metadata", "read")
        login = request.path_params["login"]
        known = self._state.users.get(login)
        owner = found["full_name"].partition("/")[0]
        if known is None and login != owner:
            raise missing()
        role = self._context.role(found, login)
        shown = render.user(self._state, login, (known or {}).get("id", 0))
        rights = {"pull": role != "none", "triage": role in ("write", "admin"), "push": role in ("write", "admin"),
                  "maintain": role == "admin", "admin": role == "admin"}  # fmt: skip
        return JSONResponse(
            {"permission": role, "role_name": role, "user": {**shown, "permissions": rights, "role_name": role}}
        )
