"""The signer's routes (see `pressplay.protocol.signer`)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Callable

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pressplay.gateway.signer.apps import Apps
from pressplay.github.app import AppClient, AppRefused, NotInstalled
from pressplay.github.errors import GitHubError, Invalid, RateLimited, Unavailable
from pressplay.llm.allowlist import HEADERS
from pressplay.llm.config import ConfigurationError, Settings, SettingsSource
from pressplay.llm.messages import Wire
from pressplay.protocol.run import Refusal
from pressplay.protocol.signer import Apps as AppsAnswer
from pressplay.protocol.signer import Models, Revocation, Token, TokenRequest
from pressplay.resources.reasons import Reason

LOG = logging.getLogger(__name__)
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
            Route("/apps", routes.apps),
            Route("/tokens", routes.token, methods=["POST"]),
            Route("/tokens", routes.revoke, methods=["DELETE"]),
            Route("/models", routes.models),
            Route("/models/{wire}", routes.call, methods=["POST"]),
        ]
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

    async def health(self, _: Request) -> Response:
        return Response(status_code=204)

    async def apps(self, _: Request) -> Response:
        return _json(AppsAnswer(apps=self._apps.names()).model_dump_json())

    async def token(self, request: Request) -> Response:
        wanted = TokenRequest.model_validate_json(await request.body())
        now = self._now()
        try:
            app = self._apps.find(wanted.app)
            installation = await self._github.installation(app, wanted.repository, now)
            made = await self._github.token(
                app, installation.identity, wanted.repository, dict(wanted.permissions), now
            )
        except GitHubError as error:
            return _refusal(error)
        answer = {
            "token": made.token.get_secret_value(), "expires_at": made.expires_at, "app_id": installation.app_id,
            "app_slug": installation.app_slug, "repository_id": made.repository_id,
        }  # fmt: skip
        Token.model_validate(answer)
        return _json(json.dumps(answer))

    async def revoke(self, request: Request) -> Response:
        wanted = Revocation.model_validate_json(await request.body())
        try:
            await self._github.revoke(wanted.token)
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
        address = f"{(settings.base_url or VENDORS[wire]).rstrip('/').removesuffix('/v1')}{PATHS[wire]}"
        sent = self._vendors.build_request(
            "POST", address, headers=headers, content=await request.body(),
            timeout=httpx.Timeout(settings.timeout, connect=10.0),
        )  # fmt: skip
        try:
            answer = await self._vendors.send(sent, stream=True, follow_redirects=False)
        except httpx.HTTPError as error:
            told = f"the vendor at {sent.url.host} does not answer: {type(error).__name__}"
            return _json(Refusal(reason=Reason.MODEL_UNAVAILABLE, message=told).model_dump_json(), 502)
        passed = {name: answer.headers[name] for name in PASSED if name in answer.headers}
        return StreamingResponse(_pieces(answer), answer.status_code, passed, background=BackgroundTask(answer.aclose))


async def _pieces(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_bytes():
            yield piece
    finally:
        await answer.aclose()


def _credential(wire: Wire, settings: Settings) -> dict[str, str]:
    key = settings.key().get_secret_value()
    return {"authorization": f"Bearer {key}"} if wire is Wire.OPENAI else {"x-api-key": key}


def _refusal(error: GitHubError) -> Response:
    match error:
        case NotInstalled():
            code, reason = 404, Reason.APP_NOT_INSTALLED
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
