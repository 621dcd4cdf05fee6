"""Apps: who they are, where they are installed, their tokens for chosen repositories and permissions, their hooks."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import uuid4

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhub import render
from localhub.context import API, LEVELS, REPO, Context, Record, body_of, covers, listed, token_of
from localhub.problems import Problem, missing
from localhub.state import HOUR, State

# GitHub takes a JWT of ten minutes at most, and is a little lenient with clocks.
LONGEST_JWT = 660


class Apps:
    """The routes that an App calls as itself, and those of its tokens."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route(f"{API}/app", self.app),
            Route(f"{API}/app/installations", self.installations),
            Route(f"{API}/app/installations/{{identity}}", self.installation),
            Route(f"{API}/app/installations/{{identity}}/access_tokens", self.token, methods=["POST"]),
            Route(f"{API}/app/hook/deliveries", self.deliveries),
            Route(f"{API}/app/hook/deliveries/{{identity:int}}", self.delivery),
            Route(f"{API}/app/hook/deliveries/{{identity:int}}/attempts", self.redeliver, methods=["POST"]),
            Route(f"{REPO}/installation", self.of_repository),
            Route(f"{API}/installation/repositories", self.repositories),
            Route(f"{API}/installation/token", self.revoke, methods=["DELETE"]),
            Route(f"{API}/users/{{login}}", self.user),
            Route(f"{API}/apps/{{slug}}", self.by_slug),
        ]

    def _app(self, request: Request) -> Record:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
            app = self._state.apps[issuer]
            claims = jwt.decode(token, app["public"], algorithms=["RS256"])
        except (jwt.PyJWTError, KeyError):
            raise Problem(401, "A JSON web token could not be decoded") from None
        if claims["exp"] - claims["iat"] > LONGEST_JWT:
            raise Problem(401, "'Expiration time' claim ('exp') is too far in the future")
        return app

    async def app(self, request: Request) -> Response:
        """The App itself."""
        return JSONResponse(render.app(self._state, self._app(request)))

    async def installations(self, request: Request) -> Response:
        """Where it is installed."""
        app = self._app(request)
        mine = [each for each in self._state.installations.values() if each["app"] == app["id"]]
        return listed(request, self._state, [self._shown(each, app) for each in mine])

    async def installation(self, request: Request) -> Response:
        """One installation."""
        app = self._app(request)
        return JSONResponse(self._shown(self._mine(app, request), app))

    async def of_repository(self, request: Request) -> Response:
        """The installation that has a repository."""
        app = self._app(request)
        found = self._state.find_repository(**request.path_params)
        for each in self._state.installations.values():
            if found is not None and each["app"] == app["id"] and covers(each["repositories"], found):
                account = found["full_name"].partition("/")[0]
                return JSONResponse(render.installation(self._state, each, app, account))
        raise missing()

    def _mine(self, app: Record, request: Request) -> Record:
        found = self._state.installations.get(request.path_params["identity"])
        if found is None or found["app"] != app["id"]:
            raise missing()
        return found

    def _shown(self, installed: Record, app: Record) -> Record:
        names = [each["full_name"] for each in self._covered(installed)]
        account = names[0].partition("/")[0] if names else installed.get("account", "localhub")
        return render.installation(self._state, installed, app, account)

    def _covered(self, installed: Record) -> list[Record]:
        return [each for each in self._state.repositories.values() if covers(installed["repositories"], each)]

    async def token(self, request: Request) -> Response:
        """A token of an installation, for the repositories and permissions that are asked for."""
        app = self._app(request)
        installed = self._mine(app, request)
        told = await body_of(request)
        wanted = told.get("permissions") or installed["permissions"]
        for name, level in wanted.items():
            if LEVELS.get(level, 9) > LEVELS.get(installed["permissions"].get(name), 0):
                raise Problem(422, "The permissions requested are not granted to this installation.")
        chosen = self._chosen(installed, told)
        text = f"ghs_{uuid4().hex}{uuid4().hex[:4]}"
        expires = time.time() + HOUR
        self._state.tokens[text] = {
            "kind": "installation", "login": f"{app['slug']}[bot]", "permissions": wanted, "app": app["id"],
            "repositories": [each["id"] for each in chosen], "expires": expires,
        }  # fmt: skip
        moment = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        repositories = [render.repository(self._state, each) for each in chosen]
        answer = {"token": text, "expires_at": moment, "permissions": wanted, "repositories": repositories}
        return JSONResponse(answer, 201)

    def _chosen(self, installed: Record, told: Record) -> list[Record]:
        every = self._covered(installed)
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

    async def repositories(self, request: Request) -> Response:
        """What a token is for."""
        bearer = self._state.bearer(token_of(request))
        if bearer is None or bearer["kind"] != "installation":
            raise Problem(401, "Bad credentials")
        mine = [each for each in self._state.repositories.values() if covers(bearer["repositories"], each)]
        shown = [render.repository(self._state, each) for each in mine]
        return JSONResponse({"total_count": len(shown), "repository_selection": "selected", "repositories": shown})

    async def revoke(self, request: Request) -> Response:
        """A token is worth nothing from now on."""
        text = token_of(request)
        if self._state.bearer(text) is None:
            raise Problem(401, "Bad credentials")
        del self._state.tokens[text]
        return Response(status_code=204)

    async def deliveries(self, request: Request) -> Response:
        """What was sent to the App's webhook."""
        hooks, app = self._context.hooks, self._app(request)
        return listed(request, self._state, [hooks.shown(one) for one in hooks.deliveries(app)])

    async def delivery(self, request: Request) -> Response:
        """One of them, with what was sent."""
        hooks, identity = self._context.hooks, request.path_params["identity"]
        one = next((each for each in hooks.deliveries(self._app(request)) if each["id"] == identity), None)
        if one is None:
            raise missing()
        return JSONResponse(hooks.whole(one))

    async def redeliver(self, request: Request) -> Response:
        """Send one once more."""
        if not self._context.hooks.again(self._app(request), request.path_params["identity"]):
            raise missing()
        return JSONResponse({}, 202)

    async def by_slug(self, request: Request) -> Response:
        """An App as everybody may know it."""
        slug = request.path_params["slug"]
        known = next((one for one in self._state.apps.values() if one["slug"] == slug), None)
        if known is None:
            raise missing()
        return JSONResponse(render.app(self._state, known))

    async def user(self, request: Request) -> Response:
        """A person, or an App's own user."""
        login = request.path_params["login"]
        known = self._state.users.get(login)
        if known is None and login.endswith("[bot]"):
            app = next((one for one in self._state.apps.values() if one["slug"] == login.removesuffix("[bot]")), None)
            known = {"id": app["id"] + 100_000} if app else None
        if known is None:
            raise missing()
        return JSONResponse(render.public_user(self._state, login, known["id"]))


def app_of(state: State, slug: str) -> Record:
    """The App of a slug, made where there is none."""
    known = next((one for one in state.apps.values() if one["slug"] == slug), None)
    return known or new_app(state, slug)


def new_app(state: State, slug: str, **more: object) -> Record:
    """An App with a new key."""
    key = state.key_of(len(state.apps))
    identity = state.number()
    made: Record = {"id": identity, "slug": slug, "public": key.public, "private_key": key.private, **more}
    state.apps[str(identity)] = made
    state.save()
    return made
