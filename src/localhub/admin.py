"""Routes below `/_hub`, which GitHub has not: whoever sets the scene makes what there is to be.

| route | what |
| --- | --- |
| apps, installations | Apps as they are after their owner made and installed them |
| repositories | a repository whose one commit holds the files of an archive |
| users, collaborators | people with a token, and their roles |
| issues | an issue by somebody |
| rulesets | what a branch demands before a merge |
| workflow-runs | a workflow's run with its jobs: each is a check run of GitHub's own runner, and has a log |
| workflows | a workflow that runs, with the same jobs, on whatever is pushed to a pull request from now on |
| hooks, faults | where webhooks go; what goes wrong, and how often |
"""

from __future__ import annotations

import asyncio
import base64
import io
import tarfile
import tempfile
import time
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhub import git, render, render_workflows
from localhub.apps import new_app
from localhub.context import ROLES, Context, Record, now
from localhub.problems import Problem, invalid, missing
from localhub.rules import ENFORCEMENTS
from localhub.state import HOUR
from localhub.workflows import Workflows


class Admin:
    """The scene's routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state
        self._workflows = Workflows(context)

    def routes(self) -> list[Route]:
        """All of them."""
        made = (
            ("apps", self.make_app), ("repositories", self.make_repository), ("installations", self.make_installation),
            ("users", self.make_user), ("collaborators", self.make_collaborator), ("issues", self.make_issue),
            ("rulesets", self.make_ruleset), ("faults", self.make_fault), ("hooks", self.make_hook),
            ("workflow-runs", self.make_workflow_run), ("workflows", self.make_workflow),
        )  # fmt: skip
        return [Route(f"/_hub/{name}", endpoint, methods=["POST"]) for name, endpoint in made]

    async def _told(self, request: Request) -> Record:
        self._context.only_admin(request)
        told: Record = await request.json()
        return told

    def _repository(self, name: str) -> Record:
        owner, _, rest = name.partition("/")
        found = self._state.find_repository(owner, rest)
        if found is None:
            raise missing()
        return found

    async def make_app(self, request: Request) -> Response:
        """An App; one of the same slug stays as it is."""
        told = await self._told(request)
        app = next((each for each in self._state.apps.values() if each["slug"] == told["slug"]), None)
        if app is None:
            app = new_app(self._state, told["slug"])
        return JSONResponse({name: app[name] for name in ("id", "slug", "private_key")}, 201)

    async def make_repository(self, request: Request) -> Response:
        """A repository from a tar.gz with one folder in it; one of the same name stays as it is."""
        told = await self._told(request)
        owner, _, name = told["name"].partition("/")
        found = self._state.find_repository(owner, name)
        if found is None:
            found = {
                "id": self._state.number(), "full_name": told["name"], "private": bool(told.get("private")),
                "pulls": {}, "issues": {}, "comments": {}, "reviews": {}, "review_comments": {}, "check_runs": [],
                "statuses": [], "labels": {}, "collaborators": {}, "rulesets": [], "next": 1,
            }  # fmt: skip
            data = base64.b64decode(told["archive_base64"])
            await asyncio.to_thread(_import, self._state.git_folder(found), data, told.get("message", "Import"))
            self._state.repositories[told["name"]] = found
            self._state.save()
        return JSONResponse(render.repository(self._state, found), 201)

    async def make_installation(self, request: Request) -> Response:
        """An App's installation; the same a second time stays as it is, or each event would be told once more."""
        told = await self._told(request)
        wanted = {name: told[name] for name in ("repositories", "permissions")} | {"app": int(told["app_id"])}
        there = next((each for each in self._state.installations.values() if wanted.items() <= each.items()), None)
        if there is None:
            there = {"id": int(self._state.number()), **wanted}
            self._state.installations[str(there["id"])] = there
            self._state.save()
        return JSONResponse({"id": there["id"]}, 201)

    async def make_user(self, request: Request) -> Response:
        """A person with a token; `role` is theirs in every repository that says nothing else."""
        told = await self._told(request)
        role = _role(told.get("role", "write"))
        self._state.users[told["login"]] = {"id": self._state.number(), "role": role}
        self._state.tokens[told["token"]] = {
            "kind": "user", "login": told["login"], "permissions": {}, "repositories": "all",
            "expires": time.time() + 365 * 24 * HOUR,
        }  # fmt: skip
        self._state.save()
        return JSONResponse({"login": told["login"]}, 201)

    async def make_collaborator(self, request: Request) -> Response:
        """A person's role in one repository."""
        told = await self._told(request)
        self._repository(told["repository"])["collaborators"][told["login"]] = _role(told["role"])
        self._state.save()
        return Response(status_code=204)

    async def make_issue(self, request: Request) -> Response:
        """An issue by somebody."""
        told = await self._told(request)
        found = self._repository(told["repository"])
        number, login = self._context.next_number(found), told.get("login") or found["full_name"].partition("/")[0]
        found["issues"][number] = {
            "id": self._state.number(), "state": "open", "title": told["title"], "body": told.get("body", ""),
            "login": login, "created_at": now(), "labels": told.get("labels", []),
            "author_association": told.get("author_association") or self._context.association(found, login),
        }  # fmt: skip
        shown = render.issue(self._state, found, number)
        self._context.happened("issues", "opened", found, login, issue=shown)
        return JSONResponse(shown, 201)

    async def make_ruleset(self, request: Request) -> Response:
        """What a branch demands: `required_checks` (context, app_id), `approvals`, `methods`, `up_to_date`.

        Enforced where `enforcement` is `active`, as it is where nothing is said. Nobody pushes there but `pushers`.
        """
        told = await self._told(request)
        found = self._repository(told["repository"])
        if told.get("enforcement", "active") not in ENFORCEMENTS:
            raise invalid("Ruleset", "enforcement")
        ruleset = {
            "id": self._state.number(), "branch": told.get("branch", "main"),
            "required_checks": told.get("required_checks", []), "approvals": int(told.get("approvals", 0)),
            "methods": told.get("methods", ["merge", "squash", "rebase"]), "up_to_date": bool(told.get("up_to_date")),
            "enforcement": told.get("enforcement", "active"), "created_at": now(),
            "pushers": told.get("pushers", []),
        }  # fmt: skip
        found["rulesets"] = [each for each in found["rulesets"] if each["branch"] != ruleset["branch"]]
        found["rulesets"].append(ruleset)
        self._state.save()
        return JSONResponse(ruleset, 201)

    async def make_workflow_run(self, request: Request) -> Response:
        """A workflow's run on a branch's commit.

        `jobs`: name, conclusion, log of each, and as `again` the conclusions that it has when it is run again.
        """
        told = await self._told(request)
        found = self._repository(told["repository"])
        made = self._workflows.begin(found, told["branch"], told["name"], told["jobs"])
        return JSONResponse(render_workflows.run(self._state, found, made), 201)

    async def make_workflow(self, request: Request) -> Response:
        """A workflow: `name`, and `jobs` as a run has them. A repository has one at the most."""
        told = await self._told(request)
        self._repository(told["repository"])["workflow"] = {"name": told["name"], "jobs": told["jobs"]}
        self._state.save()
        return Response(status_code=204)

    async def make_fault(self, request: Request) -> Response:
        """Something that goes wrong: `match` of method and path; `status`, `delay` or `drop`; `count`."""
        self._state.faults.append(await self._told(request))
        return Response(status_code=204)

    async def make_hook(self, request: Request) -> Response:
        """Where an App's webhooks go."""
        told = await self._told(request)
        self._state.apps[str(told["app_id"])]["hook"] = {"url": told["url"], "secret": told["secret"]}
        self._state.save()
        return Response(status_code=204)


def _role(name: str) -> str:
    if name not in ROLES:
        raise invalid("User", "role")
    return name


def _import(folder: Path, archive: bytes, message: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            # By hand: Debian's Python 3.11.2 has no filters for extractall yet.
            for member in (each for each in tar if each.isfile()):
                _unpack(tar, member, Path(scratch))
        (root,) = Path(scratch).iterdir()
        git.create(folder, root, message)


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    target = (folder / member.name).resolve()
    content = tar.extractfile(member)
    if folder.resolve() not in target.parents or content is None:
        raise Problem(422, f"{member.name} leads out of the archive")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content.read())
    target.chmod(member.mode & 0o755 | 0o600)
