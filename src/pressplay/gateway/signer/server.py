"""The signer's routes (see `pressplay.protocol.signer`)."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import httpx
from pydantic import SecretStr, ValidationError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pressplay.gateway.signer.apps import Apps
from pressplay.gateway.signer.checks import Outside, configured
from pressplay.github.app import AppClient, AppRefused, NotInstalled
from pressplay.github.errors import GitHubError, Invalid, Moved, RateLimited, Unavailable
from pressplay.llm.allowlist import HEADERS
from pressplay.llm.config import ConfigurationError, Settings, SettingsSource
from pressplay.llm.messages import Wire
from pressplay.protocol.checks import Check, Checks
from pressplay.protocol.run import Refusal
from pressplay.protocol.signer import Apps as AppsAnswer
from pressplay.protocol.signer import (
    Deliveries,
    Delivery,
    Models,
    Repositories,
    Repository,
    Revocation,
    Token,
    TokenRequest,
)
from pressplay.resources.reasons import Reason

LOG = logging.getLogger(__name__)
# An installation's token is good for an hour.
LIFETIME = 3600.0
LAST_SECONDS = 20.0
# The App that receives webhooks; the others have them off.
SHARED = "default"
# Revocations beside each other: at its end the signer has little time for all of them.
AT_ONCE = 8
PATHS = {Wire.ANTHROPIC: "/v1/messages", Wire.OPENAI: "/v1/chat/completions"}
VENDORS = {Wire.ANTHROPIC: "https://api.anthropic.com", Wire.OPENAI: "https://api.openai.com"}
# Of a vendor's headers these are passed back; the others could tell about the account.
PASSED = ("content-type", "retry-after", "retry-after-ms", "request-id", "x-request-id")


def application(
    apps: Apps, github: AppClient, settings: SettingsSource, vendors: httpx.AsyncClient,
    now: Callable[[], float] = time.time,
) -> Starlette:  # fmt: skip
    """The signer.

    Args:
        vendors: a client without any credential, which follows no redirect.
    """
    routes = _Routes(apps, github, settings, vendors, now)
    return Starlette(
        routes=[
            Route("/healthz", routes.health),
            Route("/check", routes.check),
            Route("/apps", routes.apps),
            Route("/tokens", routes.token, methods=["POST"]),
            Route("/tokens", routes.revoke, methods=["DELETE"]),
            Route("/tokens/sweep", routes.sweep, methods=["POST"]),
            Route("/repositories", routes.repositories),
            Route("/deliveries", routes.deliveries),
            Route("/deliveries/{identity:int}", routes.redeliver, methods=["POST"]),
            Route("/models", routes.models),
            Route("/models/{wire}", routes.call, methods=["POST"]),
        ],
        exception_handlers={ValidationError: _no_request},
        lifespan=routes.lifespan,
    )


class _Routes:
    def __init__(
        self, apps: Apps, github: AppClient, settings: SettingsSource, vendors: httpx.AsyncClient,
        now: Callable[[], float],
    ) -> None:  # fmt: skip
        self._apps = apps
        self._github = github
        self._settings = settings
        self._vendors = vendors
        self._now = now
        self._logins: dict[int, str] = {}
        # What was given out and when, and of that what nobody needs any more.
        self._live: dict[SecretStr, float] = {}
        self._over: set[SecretStr] = set()

    async def health(self, _: Request) -> Response:
        return Response(status_code=204)

    async def check(self, _: Request) -> Response:
        outside = Outside(self._apps, self._github, self._vendors)
        found = await outside.apps_checked(self._now())
        settings = configured(self._settings)
        if isinstance(settings, Check):
            found.append(settings)
        else:
            wire = settings.provider
            headers = {**HEADERS[wire], **_credential(wire, settings)}
            found.append(await outside.model_checked(_address(wire, settings), headers))
        return _json(Checks(checks=tuple(found)).model_dump_json())

    async def apps(self, _: Request) -> Response:
        names = self._apps.names()
        found = dict(zip(names, await asyncio.gather(*(self._login(name) for name in names)), strict=True))
        logins = {name: login for name, login in found.items() if login}
        unknown = tuple(name for name, login in found.items() if login is None)
        return _json(AppsAnswer(apps=names, logins=logins, unknown=unknown).model_dump_json())

    async def _login(self, name: str) -> str | None:
        """The login of an App's user, which never changes; "" where GitHub refuses the App, None where it is silent."""
        app = self._apps.find(name)
        if app.app_id not in self._logins:
            try:
                about, _ = await self._github.about(app, self._now())
            except (Unavailable, RateLimited):
                return None
            except GitHubError:
                return ""
            self._logins[app.app_id] = f"{about.slug}[bot]"
        return self._logins[app.app_id]

    async def token(self, request: Request) -> Response:
        wanted = TokenRequest.model_validate_json(await request.body())
        now = self._now()
        try:
            app = self._apps.find(wanted.app)
            installation = await self._github.installation(app, wanted.repository, now)
            one = wanted.repository if wanted.repository_id is None else wanted.repository_id
            made = await self._github.token(app, installation.identity, one, dict(wanted.permissions), now)
        except GitHubError as error:
            return _refusal(error)
        self._live[made.token] = now
        answer = {
            "token": made.token.get_secret_value(), "expires_at": made.expires_at, "app_id": installation.app_id,
            "app_slug": installation.app_slug, "repository_id": made.repository_id,
        }  # fmt: skip
        Token.model_validate(answer)
        return _json(json.dumps(answer))

    async def revoke(self, request: Request) -> Response:
        wanted = Revocation.model_validate_json(await request.body())
        self._live.setdefault(wanted.token, self._now())
        self._over.add(wanted.token)
        failed = await self._end(set(self._over))
        return _refusal(failed[wanted.token]) if wanted.token in failed else Response(status_code=204)

    async def sweep(self, _: Request) -> Response:
        failed = await self._end(set(self._live))
        return _refusal(next(iter(failed.values()))) if failed else Response(status_code=204)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """What is still good when the signer ends is revoked first."""
        yield
        with suppress(TimeoutError):
            await asyncio.wait_for(self._end(set(self._live)), LAST_SECONDS)

    async def _end(self, tokens: set[SecretStr]) -> dict[SecretStr, GitHubError]:
        """Revoke tokens; one for which it fails is tried again with the next one, until it ends by itself."""
        few = asyncio.Semaphore(AT_ONCE)

        async def end(token: SecretStr) -> tuple[SecretStr, GitHubError | None]:
            async with few:
                return token, await self._end_one(token)

        told = await asyncio.gather(*map(end, tokens))
        return {token: error for token, error in told if error is not None}

    async def _end_one(self, token: SecretStr) -> GitHubError | None:
        error: GitHubError | None = None
        try:
            await self._github.revoke(token)
        except GitHubError as raised:
            LOG.warning("a token was not revoked: %s", raised)
            error = raised
        if error is None or self._now() - self._live.get(token, 0.0) >= LIFETIME:
            self._live.pop(token, None)
            self._over.discard(token)
        return error

    async def repositories(self, _: Request) -> Response:
        try:
            found = await self._github.repositories(self._apps.find(SHARED), self._now())
        except GitHubError as error:
            return _refusal(error)
        listed = tuple(Repository(name=each.name, id=each.identity) for each in found)
        return _json(Repositories(repositories=listed).model_dump_json())

    async def deliveries(self, _: Request) -> Response:
        try:
            found = await self._github.deliveries(self._apps.find(SHARED), self._now())
        except GitHubError as error:
            return _refusal(error)
        listed = tuple(
            Delivery(id=each.identity, guid=each.guid, delivered_at=each.delivered_at, arrived=each.arrived)
            for each in found
        )
        return _json(Deliveries(deliveries=listed).model_dump_json())

    async def redeliver(self, request: Request) -> Response:
        try:
            await self._github.redeliver(self._apps.find(SHARED), request.path_params["identity"], self._now())
        except GitHubError as error:
            return _refusal(error)
        return Response(status_code=204)

    async def models(self, _: Request) -> Response:
        return _json(self._models().model_dump_json())

    def _models(self) -> Models:
        try:
            settings = self._settings.current()
            if settings.provider is Wire.SCRIPTED:
                raise ConfigurationError(
                    "LLM_PROVIDER", "is scripted, which replays a file inside one process",
                    "set LLM_PROVIDER to anthropic or openai; a stand-in of either is named by LLM_BASE_URL",
                )  # fmt: skip
            settings.key()
        except ConfigurationError as error:
            return Models(wire="anthropic", models=(), problem=str(error))
        return Models(
            wire="openai" if settings.provider is Wire.OPENAI else "anthropic",
            models=settings.models,
            rate_limit=settings.rate_limit,
            idle_seconds=settings.timeout,
        )

    async def call(self, request: Request) -> Response:
        try:
            settings = self._settings.current()
            wire = Wire(request.path_params["wire"])
            if wire is not settings.provider:
                raise ConfigurationError("LLM_PROVIDER", f"is {settings.provider}, not {wire}", "retry")
            headers = {**HEADERS[wire], **_credential(wire, settings)}
        except (ConfigurationError, ValueError) as error:
            return _json(Refusal(reason=Reason.MODEL_REFUSED_KEY, message=str(error)).model_dump_json(), 503)
        address = f"{_address(wire, settings)}{PATHS[wire]}"
        sent = self._vendors.build_request(
            "POST", address, headers=headers, content=await request.body(),
            timeout=httpx.Timeout(settings.timeout, connect=10.0),
        )  # fmt: skip
        began = time.monotonic()
        try:
            answer = await self._vendors.send(sent, stream=True, follow_redirects=False)
        except httpx.HTTPError as error:
            told = f"the vendor at {sent.url.host} does not answer: {type(error).__name__}"
            return _json(Refusal(reason=Reason.MODEL_UNAVAILABLE, message=told).model_dump_json(), 502)
        if settings.debug:
            # Neither what was said nor what was answered, and no key.
            spent = time.monotonic() - began
            LOG.info("%s answered %d after %.2f s: %s", sent.url.host, answer.status_code, spent, wire)
        passed = {name: answer.headers[name] for name in PASSED if name in answer.headers}
        return StreamingResponse(_pieces(answer), answer.status_code, passed, background=BackgroundTask(answer.aclose))


async def _pieces(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_bytes():
            yield piece
    finally:
        await answer.aclose()


def _address(wire: Wire, settings: Settings) -> str:
    return (settings.base_url or VENDORS[wire]).rstrip("/").removesuffix("/v1")


def _credential(wire: Wire, settings: Settings) -> dict[str, str]:
    key = settings.key().get_secret_value()
    return {"authorization": f"Bearer {key}"} if wire is Wire.OPENAI else {"x-api-key": key}


def _no_request(_: Request, __: Exception) -> Response:
    # Nothing of it is told or logged: there may be a part of a token in what could not be read.
    return _json(Refusal(reason=Reason.INVALID_RUN, message="the signer knows no such request").model_dump_json(), 400)


def _refusal(error: GitHubError) -> Response:
    match error:
        case NotInstalled():
            code, reason = 404, Reason.APP_NOT_INSTALLED
        case Moved():
            code, reason = 404, Reason.REPOSITORY_NOT_FOUND
        case AppRefused():
            code, reason = 401, Reason.APP_REFUSED
        case Invalid():
            code, reason = 422, Reason.APP_REFUSED
        case Unavailable() | RateLimited():
            code, reason = 503, Reason.GITHUB_UNAVAILABLE
        case _:
            code, reason = 502, Reason.GITHUB_UNAVAILABLE
    return _json(Refusal(reason=reason, message=str(error)).model_dump_json(), code)


def _json(body: str, code: int = 200) -> Response:
    return Response(body, code, media_type="application/json")
