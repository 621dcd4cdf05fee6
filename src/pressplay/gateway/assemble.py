"""Puts the gateway's parts together: two listeners and the health of the whole. Nothing is started here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pressplay.gateway.admission import Admissions
from pressplay.gateway.answers import HANDLERS
from pressplay.gateway.auth import Authenticator, Cluster, ControlAuthenticator
from pressplay.gateway.control import ControlRoutes
from pressplay.gateway.mirrors import Mirrors
from pressplay.gateway.model.routes import ModelCalls
from pressplay.gateway.outputs import Outputs
from pressplay.gateway.quarantine.client import Quarantine
from pressplay.gateway.runs import RunRoutes
from pressplay.gateway.settings import GatewaySettings
from pressplay.gateway.signer.client import Signer
from pressplay.github.client import GitHub
from pressplay.ledger.store import Ledger
from pressplay.llm import catalogue as catalogues
from pressplay.personas import loader
from pressplay.policy import cluster as policies
from pressplay.policy.redaction import Redactor

GIT_SECONDS = 300.0
API_SECONDS = 30.0


@dataclass(frozen=True)
class Gateway:
    """The gateway's applications."""

    runs: Starlette
    control: Starlette
    health: Starlette
    outputs: Outputs
    ledger: Ledger


def assemble(settings: GatewaySettings, cluster: Cluster) -> Gateway:
    """The gateway of these settings.

    Raises:
        PersonaError: a persona's files cannot be used.
        PolicyError: the policy cannot be used.
        CatalogueError: the models' file cannot be used.
    """
    ledger = Ledger(settings.ledger)
    quarantine, signer = Quarantine(settings.quarantine), Signer(settings.signer)
    personas, policy = loader.load(settings.agents), policies.load(settings.policy)
    catalogue, redactor = catalogues.load(), Redactor()
    http = httpx.AsyncClient(timeout=API_SECONDS)
    mirrors = Mirrors(httpx.AsyncClient(timeout=GIT_SECONDS), quarantine, settings.web)
    host = httpx.URL(settings.web).host
    outputs = Outputs(ledger, quarantine, signer, mirrors, http, settings.api, host, personas, redactor)
    authenticate = Authenticator(cluster, ledger)

    def github(token: object) -> GitHub:
        if not isinstance(token, SecretStr):
            raise TypeError("a token is a SecretStr")
        return GitHub(http, settings.api, token)

    calls = ModelCalls(authenticate, ledger, signer, catalogue)
    runs = RunRoutes(authenticate, ledger, quarantine, signer, outputs, personas, redactor, github)
    admissions = Admissions(ledger, signer, mirrors, http, settings.api, personas, policy, catalogue)
    control = ControlRoutes(ControlAuthenticator(cluster, settings.operator), ledger, admissions, outputs)
    return Gateway(
        runs=Starlette(routes=[*calls.routes(), *runs.routes()], exception_handlers=HANDLERS),
        control=Starlette(routes=control.routes(), exception_handlers=HANDLERS),
        health=_health(signer, quarantine),
        outputs=outputs,
        ledger=ledger,
    )


def _health(signer: Signer, quarantine: Quarantine) -> Starlette:
    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def ready(_: Request) -> Response:
        answers = await asyncio.gather(signer.healthy(), quarantine.healthy())
        lacking = [name for name, fine in zip(("signer", "quarantine"), answers, strict=True) if not fine]
        return PlainTextResponse(
            "ok" if not lacking else f"no answer from: {', '.join(lacking)}", 503 if lacking else 200
        )

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)])
