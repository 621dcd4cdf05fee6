"""Puts the gateway's parts together: three listeners and the health of the whole. Nothing is started here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
from pressplay.gateway.commands import Commands
from pressplay.gateway.control import ControlRoutes
from pressplay.gateway.discussions import Discussions
from pressplay.gateway.flows import FlowRoutes
from pressplay.gateway.gates import GateRoutes
from pressplay.gateway.inbox import Inbox
from pressplay.gateway.metrics import Metrics
from pressplay.gateway.mirrors import Mirrors
from pressplay.gateway.model.routes import ModelCalls
from pressplay.gateway.outputs import Outputs
from pressplay.gateway.polling import Polling, Sweep
from pressplay.gateway.quarantine.client import Quarantine
from pressplay.gateway.references import References
from pressplay.gateway.runs import RunRoutes
from pressplay.gateway.settings import GatewaySettings
from pressplay.gateway.signer.client import Signer
from pressplay.github.client import GitHub
from pressplay.ledger.events import Events
from pressplay.ledger.flows import Flows
from pressplay.ledger.polls import Polls
from pressplay.ledger.store import Ledger
from pressplay.ledger.taints import Taints
from pressplay.llm import catalogue as catalogues
from pressplay.llm.catalogue import Catalogue
from pressplay.personas import loader
from pressplay.personas.loader import Personas
from pressplay.policy import cluster as policies
from pressplay.policy.cluster import ClusterPolicy
from pressplay.policy.redaction import Redactor

GIT_SECONDS = 300.0
API_SECONDS = 30.0


@dataclass(frozen=True)
class Gateway:
    """The gateway's applications.

    Attributes:
        ending: to be set when it is asked to end.
    """

    runs: Starlette
    control: Starlette
    health: Starlette
    events: Starlette
    inbox: Inbox
    commands: Commands
    watching: Polling | Sweep | None
    outputs: Outputs
    ledger: Ledger
    ending: asyncio.Event


@dataclass(frozen=True)
class _Shared:
    """What several parts stand on."""

    ledger: Ledger
    quarantine: Quarantine
    signer: Signer
    personas: Personas
    policy: ClusterPolicy
    redactor: Redactor
    http: httpx.AsyncClient
    mirrors: Mirrors
    github: Callable[[object], GitHub]
    metrics: Metrics


def assemble(settings: GatewaySettings, cluster: Cluster) -> Gateway:
    """The gateway of these settings.

    Raises:
        PersonaError: a persona's files cannot be used.
        PolicyError: the policy cannot be used.
        CatalogueError: the models' file cannot be used.
    """
    the, catalogue = _shared(settings), catalogues.load()
    outputs = _outputs(settings, the)
    news, ending = asyncio.Event(), asyncio.Event()
    operator = ControlAuthenticator(cluster, settings.operator)
    admissions = Admissions(
        the.ledger, the.signer, the.mirrors, the.http, settings.api, the.personas, the.policy, catalogue,
        Discussions.made(the.ledger, the.signer),
    )  # fmt: skip
    control = ControlRoutes(operator, the.ledger, admissions, outputs, the.metrics)
    flows = FlowRoutes(operator, Flows(the.ledger), the.signer, the.policy, the.redactor, news, ending)
    gates = GateRoutes.made(operator, the.ledger, the.signer, the.github, the.redactor, the.policy, the.personas)
    inbox = Inbox(Events(the.ledger), the.signer, the.github, settings.events, news, the.metrics)
    return Gateway(
        runs=_application(*_for_runs(the, cluster, catalogue, outputs)),
        control=_application(*control.routes(), *flows.routes(), *gates.routes()),
        health=_health(the.signer, the.quarantine, the.metrics),
        events=_application(*inbox.routes()),
        inbox=inbox,
        commands=Commands.made(the.ledger, the.signer, the.github, news),
        watching=_watching(settings, the, inbox),
        outputs=outputs,
        ledger=the.ledger,
        ending=ending,
    )


def _shared(settings: GatewaySettings) -> _Shared:
    quarantine, http = Quarantine(settings.quarantine), httpx.AsyncClient(timeout=API_SECONDS)

    def github(token: object) -> GitHub:
        if not isinstance(token, SecretStr):
            raise TypeError("a token is a SecretStr")
        return GitHub(http, settings.api, token)

    return _Shared(
        ledger=Ledger(settings.ledger), quarantine=quarantine, signer=Signer(settings.signer),
        personas=loader.load(*settings.agents), policy=policies.load(settings.policy), redactor=Redactor(), http=http,
        mirrors=Mirrors(httpx.AsyncClient(timeout=GIT_SECONDS), quarantine, settings.web), github=github,
        metrics=Metrics(),
    )  # fmt: skip


def _outputs(settings: GatewaySettings, the: _Shared) -> Outputs:
    host = httpx.URL(settings.web).host
    references = References(the.ledger, the.quarantine, the.redactor)
    return Outputs(
        the.ledger, the.quarantine, the.signer, the.mirrors, the.http, settings.api, host, the.personas, the.redactor,
        references, Taints(the.ledger),
    )  # fmt: skip


def _for_runs(the: _Shared, cluster: Cluster, catalogue: Catalogue, outputs: Outputs) -> list[Route]:
    authenticate = Authenticator(cluster, the.ledger)
    calls = ModelCalls(authenticate, the.ledger, the.signer, catalogue, the.metrics)
    runs = RunRoutes(
        authenticate, the.ledger, the.quarantine, the.signer, outputs, the.personas, the.redactor, the.github,
        the.metrics, Discussions.made(the.ledger, the.signer),
    )  # fmt: skip
    return [*calls.routes(), *runs.routes()]


def _application(*routes: Route) -> Starlette:
    return Starlette(routes=routes, exception_handlers=HANDLERS)


def _watching(settings: GatewaySettings, the: _Shared, inbox: Inbox) -> Polling | Sweep | None:
    """What asks GitHub by itself, as the settings say."""
    polls, poll = Polls(the.ledger), settings.events_mode == "poll"
    polling = Polling(
        inbox, polls, the.signer, the.github, said=poll, seconds=settings.poll_seconds, each=settings.poll_seconds_each
    )
    if poll:
        return polling
    return Sweep(polling, polls, the.signer) if settings.events_mode == "webhook" else None


def _health(signer: Signer, quarantine: Quarantine, measured: Metrics) -> Starlette:
    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def ready(_: Request) -> Response:
        answers = await asyncio.gather(signer.healthy(), quarantine.healthy())
        lacking = [name for name, fine in zip(("signer", "quarantine"), answers, strict=True) if not fine]
        return PlainTextResponse(
            "ok" if not lacking else f"no answer from: {', '.join(lacking)}", 503 if lacking else 200
        )

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(measured.registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)])
