"""The stand-in's routes: GitHub's below `/api/v3` and `/api/graphql`, git's at `/OWNER/NAME.git`, ours below `/_hub`.

It is no GitHub and says so at `/`. Answers are of GitHub's shapes; what a token may do is enforced.
"""

from __future__ import annotations

import asyncio
import base64
import html
import io
import re
import tarfile
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from localhub import git, render
from localhub.hooks import Hooks
from localhub.state import HOUR, State

API = "/api/v3"
LEVELS = {"read": 1, "write": 2, "admin": 3}


class Problem(Exception):
    """An answer that is an error, in GitHub's shape."""

    def __init__(self, status: int, message: str, errors: list[object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors


def application(state: State, admin_token: str) -> Starlette:
    """The stand-in.

    Args:
        admin_token: for the routes below `/_hub`, which are not GitHub's.
    """
    hub = _Hub(state, admin_token)
    repo = f"{API}/repos/{{owner}}/{{name}}"
    app = Starlette(
        routes=[
            Route("/", hub.page),
            Route("/_hub/apps", hub.make_app, methods=["POST"]),
            Route("/_hub/repositories", hub.make_repository, methods=["POST"]),
            Route("/_hub/installations", hub.make_installation, methods=["POST"]),
            Route("/_hub/users", hub.make_user, methods=["POST"]),
            Route("/_hub/issues", hub.make_issue, methods=["POST"]),
            Route("/_hub/faults", hub.make_fault, methods=["POST"]),
            Route("/_hub/hooks", hub.make_hook, methods=["POST"]),
            Route(f"{API}/app", hub.app),
            Route(f"{API}/app/hook/deliveries", hub.deliveries),
            Route(f"{API}/app/hook/deliveries/{{identity:int}}/attempts", hub.redeliver, methods=["POST"]),
            Route(f"{repo}/installation", hub.installation),
            Route(f"{API}/app/installations/{{identity}}/access_tokens", hub.token, methods=["POST"]),
            Route(f"{API}/installation/token", hub.revoke, methods=["DELETE"]),
            Route(f"{API}/users/{{login}}", hub.user),
            Route(repo, hub.repository),
            Route(f"{repo}/branches", hub.branches),
            Route(f"{repo}/pulls", hub.pulls),
            Route(f"{repo}/pulls", hub.open_pull, methods=["POST"]),
            Route(f"{repo}/pulls/{{number}}", hub.pull),
            Route(f"{repo}/pulls/{{number}}/merge", hub.merge, methods=["PUT"]),
            Route(f"{repo}/issues/{{number}}", hub.issue),
            Route(f"{repo}/issues/{{number}}/comments", hub.comments),
            Route(f"{repo}/issues/{{number}}/comments", hub.comment, methods=["POST"]),
            Route("/api/graphql", hub.graphql, methods=["POST"]),
            Route("/{owner}/{name}/{rest:path}", hub.git, methods=["GET", "POST"]),
        ],
        exception_handlers={Problem: _problem},
    )
    app.add_middleware(BaseHTTPMiddleware, dispatch=hub.around)
    return app


def _problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    body: dict[str, Any] = {"message": error.message, "documentation_url": "https://docs.github.com/rest"}
    if error.errors is not None:
        body["errors"] = error.errors
    return JSONResponse(body, error.status)


class _Hub:
    def __init__(self, state: State, admin_token: str) -> None:
        self._state = state
        self._admin = admin_token
        self._hooks = Hooks(state)

    async def around(self, request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        """Faults that are switched on, and the headers that every answer of GitHub's has."""
        fault = self._fault(f"{request.method} {request.url.path}")
        if fault and fault.get("delay"):
            await asyncio.sleep(float(fault["delay"]))
        if fault and fault.get("status"):
            headers = {"retry-after": str(fault["retry_after"])} if fault.get("retry_after") else {}
            return JSONResponse({"message": fault.get("message", "a fault")}, int(fault["status"]), headers)
        answer = await go_on(request)
        if fault and fault.get("drop"):
            return JSONResponse({"message": "the answer is lost, the effect is not"}, 502)
        answer.headers["x-github-request-id"] = uuid4().hex[:16].upper()
        answer.headers["x-ratelimit-limit"] = "5000"
        answer.headers["x-ratelimit-remaining"] = "4999"
        answer.headers["x-ratelimit-reset"] = str(int(time.time() + HOUR))
        return answer

    def _fault(self, what: str) -> dict[str, Any] | None:
        with self._state.lock:
            for fault in self._state.faults:
                if re.search(fault["match"], what):
                    fault["count"] = int(fault.get("count", 1)) - 1
                    if fault["count"] <= 0:
                        self._state.faults.remove(fault)
                    return fault
        return None

    # Ours

    def _only_admin(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self._admin}":
            raise Problem(401, "the admin token is needed here")

    async def make_app(self, request: Request) -> Response:
        self._only_admin(request)
        told = await request.json()
        existing = next((app for app in self._state.apps.values() if app["slug"] == told["slug"]), None)
        if existing is None:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            private = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode()
            public = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            identity = self._state.number()
            existing = {"id": identity, "slug": told["slug"], "public": public.decode(), "private_key": private}
            self._state.apps[str(identity)] = existing
            self._state.save()
        return JSONResponse({name: existing[name] for name in ("id", "slug", "private_key")}, 201)

    async def make_repository(self, request: Request) -> Response:
        self._only_admin(request)
        told = await request.json()
        owner, _, name = told["name"].partition("/")
        found = self._state.find_repository(owner, name)
        if found is None:
            found = {
                "id": self._state.number(), "full_name": told["name"], "private": bool(told.get("private")),
                "pulls": {}, "issues": {}, "comments": {}, "threads": {}, "next": 1,
            }  # fmt: skip
            data = base64.b64decode(told["archive_base64"])
            await asyncio.to_thread(_import, self._state.git_folder(found), data, told.get("message", "Import"))
            self._state.repositories[told["name"]] = found
            self._state.save()
        return JSONResponse(render.repository(self._state, found), 201)

    async def make_installation(self, request: Request) -> Response:
        self._only_admin(request)
        told = await request.json()
        identity = str(self._state.number())
        self._state.installations[identity] = {
            "id": int(identity), "app": int(told["app_id"]), "repositories": told["repositories"],
            "permissions": told["permissions"],
        }  # fmt: skip
        self._state.save()
        return JSONResponse({"id": int(identity)}, 201)

    async def make_user(self, request: Request) -> Response:
        self._only_admin(request)
        told = await request.json()
        self._state.users[told["login"]] = {"id": self._state.number()}
        access = dict.fromkeys(("contents", "pull_requests", "issues"), "write")
        self._state.tokens[told["token"]] = {
            "kind": "user", "login": told["login"], "permissions": access, "repositories": "all",
            "expires": time.time() + 365 * 24 * HOUR,
        }  # fmt: skip
        self._state.save()
        return JSONResponse({"login": told["login"]}, 201)

    async def make_issue(self, request: Request) -> Response:
        self._only_admin(request)
        told = await request.json()
        owner, _, name = told["repository"].partition("/")
        found = self._state.find_repository(owner, name)
        if found is None:
            raise Problem(404, "Not Found")
        number = self._next(found)
        found["issues"][number] = {
            "id": self._state.number(), "state": "open", "title": told["title"], "body": told.get("body", ""),
            "login": told.get("login", owner), "created_at": _now(),
            "author_association": told.get("author_association", "OWNER"),
        }  # fmt: skip
        self._state.save()
        shown = render.issue(self._state, found, number)
        self._happened("issues", "opened", found, told.get("login", owner), issue=shown)
        return JSONResponse(shown, 201)

    async def make_fault(self, request: Request) -> Response:
        self._only_admin(request)
        self._state.faults.append(await request.json())
        return Response(status_code=204)

    async def make_hook(self, request: Request) -> Response:
        self._only_admin(request)
        told = await request.json()
        self._state.apps[str(told["app_id"])]["hook"] = {"url": told["url"], "secret": told["secret"]}
        self._state.save()
        return Response(status_code=204)

    # Apps and tokens

    def _app(self, request: Request) -> dict[str, Any]:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
            app = self._state.apps[issuer]
            claims = jwt.decode(token, app["public"], algorithms=["RS256"])
        except (jwt.PyJWTError, KeyError):
            raise Problem(401, "A JSON web token could not be decoded") from None
        if claims["exp"] - claims["iat"] > 660:
            raise Problem(401, "'Expiration time' claim ('exp') is too far in the future")
        return app

    async def app(self, request: Request) -> Response:
        app = self._app(request)
        return JSONResponse(render.app(self._state, app))

    async def installation(self, request: Request) -> Response:
        app = self._app(request)
        found = self._state.find_repository(**request.path_params)
        if found is not None:
            for each in self._state.installations.values():
                if each["app"] == app["id"] and self._covers(each["repositories"], found):
                    account = found["full_name"].partition("/")[0]
                    return JSONResponse(render.installation(self._state, each, app, account))
        raise Problem(404, "Not Found")

    async def deliveries(self, request: Request) -> Response:
        app = self._app(request)
        return JSONResponse([self._hooks.shown(one) for one in self._hooks.deliveries(app)[: _page(request)[1]]])

    async def redeliver(self, request: Request) -> Response:
        if not self._hooks.again(self._app(request), request.path_params["identity"]):
            raise Problem(404, "Not Found")
        return JSONResponse({}, 202)

    def _happened(self, event: str, action: str, found: dict[str, Any], login: str, **subject: Any) -> None:
        """Tell Apps of it."""
        told = {"repository": render.repository(self._state, found), "sender": render.user(self._state, login)}
        self._hooks.fire(event, {"action": action, **subject, **told})

    @staticmethod
    def _covers(repositories: object, found: dict[str, Any]) -> bool:
        if repositories == "all":
            return True
        return isinstance(repositories, list) and (found["full_name"] in repositories or found["id"] in repositories)

    async def token(self, request: Request) -> Response:
        app = self._app(request)
        installed = self._state.installations.get(request.path_params["identity"])
        if installed is None or installed["app"] != app["id"]:
            raise Problem(404, "Not Found")
        told = await request.json() if await request.body() else {}
        wanted = told.get("permissions") or installed["permissions"]
        for name, level in wanted.items():
            if LEVELS[level] > LEVELS.get(installed["permissions"].get(name), 0):
                raise Problem(422, "The permissions requested are not granted to this installation.")
        chosen = self._chosen(installed, told)
        text = f"ghs_{uuid4().hex}{uuid4().hex[:4]}"
        self._state.tokens[text] = {
            "kind": "installation", "login": f"{app['slug']}[bot]", "permissions": wanted,
            "repositories": [each["id"] for each in chosen], "expires": time.time() + HOUR,
        }  # fmt: skip
        expires = datetime.fromtimestamp(time.time() + HOUR, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        repositories = [render.repository(self._state, each) for each in chosen]
        answer = {"token": text, "expires_at": expires, "permissions": wanted, "repositories": repositories}
        return JSONResponse(answer, 201)

    def _chosen(self, installed: dict[str, Any], told: dict[str, Any]) -> list[dict[str, Any]]:
        every = [each for each in self._state.repositories.values() if self._covers(installed["repositories"], each)]
        names, numbers = told.get("repositories"), told.get("repository_ids")
        if names is None and numbers is None:
            return every
        chosen = [
            each for each in every
            if each["full_name"].partition("/")[2] in (names or []) or each["id"] in (numbers or [])
        ]  # fmt: skip
        if len(chosen) < len(names or []) + len(numbers or []):
            raise Problem(422, "There is at least one repository that does not exist or is not accessible.")
        return chosen

    async def revoke(self, request: Request) -> Response:
        text = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._state.bearer(text) is None:
            raise Problem(401, "Bad credentials")
        del self._state.tokens[text]
        return Response(status_code=204)

    # Repositories

    def _allowed(self, request: Request, permission: str, level: str) -> dict[str, Any]:
        """The repository of a request, if its token may do this."""
        owner, name = request.path_params["owner"], request.path_params["name"]
        found = self._state.find_repository(owner, name)
        self._check(_token(request), found, permission, level)
        return found or {}

    def _check(self, text: str, found: dict[str, Any] | None, permission: str, level: str) -> dict[str, Any] | None:
        bearer = self._state.bearer(text) if text else None
        if text and bearer is None:
            raise Problem(401, "Bad credentials")
        public = found is not None and not found["private"] and level == "read"
        if found is None or (bearer is None and not public):
            raise Problem(404, "Not Found")
        if bearer is not None and not public:
            if not self._covers(bearer["repositories"], found):
                raise Problem(404, "Not Found")
            if LEVELS.get(bearer["permissions"].get(permission), 0) < LEVELS[level]:
                raise Problem(403, "Resource not accessible by integration")
        return bearer

    async def repository(self, request: Request) -> Response:
        return JSONResponse(render.full_repository(self._state, self._allowed(request, "metadata", "read")))

    async def branches(self, request: Request) -> Response:
        found = self._allowed(request, "contents", "read")
        heads = await asyncio.to_thread(git.branches, self._state.git_folder(found))
        return JSONResponse([render.branch(self._state, found, name, sha) for name, sha in sorted(heads.items())])

    async def user(self, request: Request) -> Response:
        login = request.path_params["login"]
        known = self._state.users.get(login)
        if known is None and login.endswith("[bot]"):
            app = next((one for one in self._state.apps.values() if one["slug"] == login.removesuffix("[bot]")), None)
            known = {"id": app["id"] + 100_000} if app else None
        if known is None:
            raise Problem(404, "Not Found")
        return JSONResponse(render.public_user(self._state, login, known["id"]))

    # Pull requests and issues

    async def pulls(self, request: Request) -> Response:
        found = self._allowed(request, "pull_requests", "read")
        query = request.query_params
        head = query.get("head", "").partition(":")[2]
        shown = [
            render.pull(self._state, found, number)
            for number, one in found["pulls"].items()
            if query.get("state", "open") in ("all", one["state"]) and head in ("", one["head"])
        ]
        return JSONResponse(render.pages(shown, *_page(request)))

    async def open_pull(self, request: Request) -> Response:
        found = self._allowed(request, "pull_requests", "write")
        bearer = self._state.bearer(_token(request)) or {}
        told = await request.json()
        folder = self._state.git_folder(found)
        heads = await asyncio.to_thread(git.branches, folder)
        problem = self._pull_problem(found, told, heads, folder)
        if problem is not None:
            raise Problem(422, "Validation Failed", [problem])
        number = self._next(found)
        found["pulls"][number] = {
            "id": self._state.number(), "state": "open", "title": told["title"], "body": told.get("body") or "",
            "head": told["head"], "head_sha": heads[told["head"]], "base": told["base"], "merged": False,
            "login": bearer.get("login", "ghost"), "created_at": _now(),
        }  # fmt: skip
        self._state.save()
        shown = render.pull(self._state, found, number)
        login = found["pulls"][number]["login"]
        self._happened("pull_request", "opened", found, login, number=int(number), pull_request=shown)
        return JSONResponse(shown, 201)

    def _pull_problem(
        self, found: dict[str, Any], told: dict[str, Any], heads: dict[str, str], folder: Path
    ) -> dict[str, str] | None:
        for field in ("head", "base"):
            if told.get(field) not in heads:
                return {"resource": "PullRequest", "field": field, "code": "invalid"}
        message = ""
        if any(one["state"] == "open" and one["head"] == told["head"] for one in found["pulls"].values()):
            message = f"A pull request already exists for {found['full_name'].partition('/')[0]}:{told['head']}."
        elif not git.ahead(folder, heads[told["base"]], heads[told["head"]]):
            message = f"No commits between {told['base']} and {told['head']}"
        return {"resource": "PullRequest", "code": "custom", "message": message} if message else None

    async def pull(self, request: Request) -> Response:
        found = self._allowed(request, "pull_requests", "read")
        number = request.path_params["number"]
        if number not in found["pulls"]:
            raise Problem(404, "Not Found")
        shown = render.pull(self._state, found, number)
        if "application/vnd.github.diff" in request.headers.get("accept", ""):
            ends = (shown["base"]["sha"], shown["head"]["sha"])
            text = await asyncio.to_thread(git.difference, self._state.git_folder(found), *ends)
            return Response(text + "\n", media_type="application/vnd.github.diff; charset=utf-8")
        return JSONResponse(shown)

    async def merge(self, request: Request) -> Response:
        found = self._allowed(request, "contents", "write")
        number = request.path_params["number"]
        one = found["pulls"].get(number)
        if one is None or one["state"] != "open":
            raise Problem(405, "Pull Request is not mergeable")
        told = await request.json() if await request.body() else {}
        shown = render.pull(self._state, found, number)
        if told.get("sha", shown["head"]["sha"]) != shown["head"]["sha"]:
            raise Problem(409, "Head branch was modified. Review and try the merge again.")
        title = f"Merge pull request #{number}: {one['title']}"
        method = told.get("merge_method", "merge")
        folder = self._state.git_folder(found)
        commit = await asyncio.to_thread(git.merge, folder, one["base"], one["head"], title, method)
        if commit is None:
            raise Problem(405, "Pull Request is not mergeable")
        one.update(
            state="closed", merged=True, merged_at=_now(), merge_commit_sha=commit, head_sha=shown["head"]["sha"]
        )
        self._state.save()
        shown, login = render.pull(self._state, found, number), (self._state.bearer(_token(request)) or {})["login"]
        self._happened("pull_request", "closed", found, login, number=int(number), pull_request=shown)
        return JSONResponse({"sha": commit, "merged": True, "message": "Pull Request successfully merged"})

    async def issue(self, request: Request) -> Response:
        found = self._allowed(request, "issues", "read")
        number = request.path_params["number"]
        if number not in found["issues"] and number not in found["pulls"]:
            raise Problem(404, "Not Found")
        return JSONResponse(render.issue(self._state, found, number))

    async def comments(self, request: Request) -> Response:
        found = self._allowed(request, "issues", "read")
        number = request.path_params["number"]
        shown = [render.comment(self._state, found, number, one) for one in found["comments"].get(number, [])]
        return JSONResponse(render.pages(shown, *_page(request)))

    async def comment(self, request: Request) -> Response:
        found = self._allowed(request, "issues", "write")
        bearer = self._state.bearer(_token(request)) or {}
        made = {
            "id": self._state.number(), "body": (await request.json())["body"], "created_at": _now(),
            "login": bearer.get("login", "ghost"), "author_association": "COLLABORATOR",
        }  # fmt: skip
        number = request.path_params["number"]
        found["comments"].setdefault(number, []).append(made)
        self._state.save()
        shown = render.comment(self._state, found, number, made)
        issue = render.issue(self._state, found, number)
        self._happened("issue_comment", "created", found, made["login"], issue=issue, comment=shown)
        return JSONResponse(shown, 201)

    async def graphql(self, request: Request) -> Response:
        told = await request.json()
        variables = told["variables"]
        found = self._state.find_repository(variables["owner"], variables["name"])
        self._check(_token(request), found, "pull_requests", "read")
        threads = (found or {}).get("threads", {}).get(str(variables["number"]), [])
        page = {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": threads}
        return JSONResponse({"data": {"repository": {"pullRequest": {"reviewThreads": page}}}})

    @staticmethod
    def _next(found: dict[str, Any]) -> str:
        number = str(found["next"])
        found["next"] += 1
        return number

    # git and the page

    async def git(self, request: Request) -> Response:
        owner, name, rest = (request.path_params[part] for part in ("owner", "name", "rest"))
        found = self._state.find_repository(owner, name)
        if rest.startswith(("pull/", "issues/")):
            return await self._pull_page(found, rest)
        if rest not in ("info/refs", "git-upload-pack", "git-receive-pack"):
            raise Problem(404, "Not Found")
        pushes = "receive-pack" in rest + request.url.query
        text = _token(request)
        if not text and (pushes or (found is not None and found["private"])):
            return Response(status_code=401, headers={"www-authenticate": 'Basic realm="localhub"'})
        self._check(text, found, "contents", "write" if pushes else "read")
        folder = self._state.git_folder(found or {})
        status, headers, body = await asyncio.to_thread(
            git.smart_http, folder, f"/{rest}", request.url.query, request.method, request.headers, await request.body()
        )
        answer = Response(body, status)
        for key, value in headers:
            answer.headers[key] = value
        return answer

    async def page(self, _: Request) -> Response:
        parts = [
            "<h1>This is a stand-in for GitHub, not GitHub</h1><p>Real git is behind it. It is for demos and tests.</p>"
        ]
        for name, told in self._state.repositories.items():
            parts.append(f"<h2>{html.escape(name)}</h2><ul>")
            parts += [
                f'<li><a href="/{html.escape(name)}/pull/{number}">#{number} {html.escape(one["title"])}</a> '
                f"({'merged' if one['merged'] else one['state']})</li>"
                for number, one in told["pulls"].items()
            ]
            parts.append("</ul>")
        return HTMLResponse("".join(parts))

    async def _pull_page(self, found: dict[str, Any] | None, rest: str) -> Response:
        number = rest.partition("/")[2]
        if found is None or number not in found["pulls"]:
            raise Problem(404, "Not Found")
        shown = render.pull(self._state, found, number)
        head = shown["head"]["sha"]
        text = await asyncio.to_thread(git.difference, self._state.git_folder(found), shown["base"]["sha"], head)
        title, body = html.escape(shown["title"]), html.escape(shown["body"])
        return HTMLResponse(
            f"<p>A stand-in for GitHub, not GitHub.</p><h1>{title}</h1><pre>{body}</pre><pre>{html.escape(text)}</pre>"
        )


def _page(request: Request) -> tuple[int, int]:
    """Which page of how many, as GitHub counts: from 1, 30 where nothing is said, 100 at most."""
    page, size = (request.query_params.get(name, "") for name in ("page", "per_page"))
    return max(1, int(page) if page.isdigit() else 1), min(100, max(1, int(size) if size.isdigit() else 30))


def _token(request: Request) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return base64.b64decode(value).decode().partition(":")[2]
    return value.strip()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
