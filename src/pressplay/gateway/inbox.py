"""The one way in for events: kept first, then judged, then written down what follows. Nothing is started here.

Whoever brings an event (a Sensor, polling, a command line) brings the body that GitHub signed and nothing else that
counts. What says the same, however it comes and is written, is the same event (`github.bodies`).
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pressplay.gateway.answers import Rejected, answer
from pressplay.gateway.auth import Unauthorized
from pressplay.gateway.live import LiveReads
from pressplay.gateway.metrics import Metrics
from pressplay.gateway.signer.client import Signer, SignerRefused
from pressplay.github.bodies import as_said
from pressplay.github.client import MAY_WRITE, GitHub
from pressplay.github.errors import GitHubError, NotFound, RateLimited, Unavailable
from pressplay.github.events import Event, Kind, NotAnEvent, parse
from pressplay.ledger.events import Events, Received, Settled
from pressplay.ledger.flows import Current, Wanted
from pressplay.policy.flows import Context, Effect, Flow, Meaning, Ours, Starts, meaning
from pressplay.protocol.inbox import DEAD_LETTERS, EVENTS, LARGEST_BROUGHT, MINIMAL, Outcome
from pressplay.protocol.signer import Access
from pressplay.resources.reasons import Reason

LOG = logging.getLogger(__name__)
T = TypeVar("T")
REFUSED = "refused"
# One at a time, and once more for what is said meanwhile.
ONE_AT_A_TIME = frozenset({Flow.COMMENT})
AGAIN = "again"
DEAD = "dead"
# Dealt with at the same time; what comes above that is dealt with by `recover`.
MOST_AT_ONCE = 50
# Scanners report as GitHub itself; that they do is in the repository's hands.
METADATA: Mapping[str, Access] = {"metadata": "read"}
PULLS: Mapping[str, Access] = {"metadata": "read", "pull_requests": "read"}
UNASKED = frozenset({Kind.CODE_SCANNING, Kind.DEPENDABOT, Kind.SECRET_SCANNING, Kind.CHECK_RUN, Kind.WORKFLOW_RUN})


@dataclass(frozen=True)
class Inbox:
    """Takes events in.

    Attributes:
        github: makes a client of GitHub's API from a token.
        secret: a file with what callers must bring; nobody is let in where it is not there.
        news: set when an event has been dealt with, for whoever waits for what follows.
    """

    events: Events
    signer: Signer
    github: Callable[[object], GitHub]
    secret: Path
    news: asyncio.Event
    metrics: Metrics
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    live: LiveReads = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "live", LiveReads(self._as_app))

    def routes(self) -> list[Route]:
        """For events, and for those that could not be brought."""
        return [
            Route(EVENTS, self.receive, methods=["POST"]),
            Route(DEAD_LETTERS, self.receive_dead, methods=["POST"]),
        ]

    async def receive(self, request: Request) -> Response:
        """Take one event in; 202 also for one that means nothing, since to send it again would not change that.

        Who wants no answer is not kept waiting: he is told 204 as soon as the event is kept.
        """
        body = await self._body(request)
        if request.headers.get("prefer") != MINIMAL:
            return answer(await self.take(body), 202)
        kept, event = await self._kept(body)
        digest = kept.digest
        if event is not None and digest not in self.tasks and len(self.tasks) < MOST_AT_ONCE:
            self.tasks[digest] = asyncio.create_task(self._deal_aside(digest, event))
            self.tasks[digest].add_done_callback(lambda _: self.tasks.pop(digest))
        return Response(status_code=204)

    async def receive_dead(self, request: Request) -> Response:
        """Take in what could not be brought for long: as any event, or where that fails for people to look at."""
        body = await self._body(request)
        try:
            await self.take(body)
        except Rejected as error:
            LOG.warning("an event waits: %s", error)
        except Exception:
            LOG.exception("an event cannot be dealt with; it is kept as `%s`", DEAD)
            kept = await asyncio.to_thread(self.events.receive, body, "", "", None, "")
            told = Settled(DEAD, "nobody could deal with it; see the log")
            await asyncio.to_thread(self.events.settle, kept.digest, told)
            self._count("", DEAD)
        return Response(status_code=204)

    async def _body(self, request: Request) -> bytes:
        self._authenticate(request)
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST_BROUGHT:
                raise Rejected(Reason.INVALID_RUN, f"an event has at most {LARGEST_BROUGHT:,} bytes", 413)
        return bytes(body)

    def _authenticate(self, request: Request) -> None:
        expected = self.secret.read_text().strip() if self.secret.is_file() else ""
        # A Sensor sends a Secret's value as the whole header and can put no word before it.
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
            raise Unauthorized("only who brings events is let in here")

    async def take(self, body: bytes) -> Outcome:
        """Keep an event and deal with it.

        Raises:
            Rejected: GitHub does not answer now; the event is kept, and dealt with later.
        """
        kept, event = await self._kept(body)
        if event is None:
            return Outcome(digest=kept.digest, new=kept.new, effect=kept.effect or "", why=kept.why or "")
        return await self._deal(kept.digest, event)

    async def _kept(self, body: bytes) -> tuple[Received, Event | None]:
        """The event, kept; beside it what it says, where that is still to be dealt with."""
        body = await asyncio.to_thread(as_said, body)
        try:
            event = await asyncio.to_thread(parse, body)
        except NotAnEvent as error:
            kept = await asyncio.to_thread(self.events.receive, body, "", "", None, "")
            await self._mean_nothing(kept.digest, error)
            effect = Effect.NOTHING.value
            self._count("", effect if kept.new else AGAIN)
            return replace(kept, effect=effect, why=str(error)), None
        repository = (event.repository, event.repository_id)
        kept = await asyncio.to_thread(
            self.events.receive, body, event.kind.value, event.action, repository, event.actor
        )
        if kept.effect is not None:
            self._count(event.kind.value, AGAIN)
            return kept, None
        return kept, event

    async def _deal_aside(self, digest: str, event: Event) -> None:
        try:
            await self._deal(digest, event)
        except Rejected as error:
            LOG.warning("an event waits: %s", error)
        except Exception:
            # It is kept: `recover` comes to it again.
            LOG.exception("an event waits: %s", digest)

    def _count(self, kind: str, effect: str) -> None:
        self.metrics.events.labels(kind, effect).inc()

    async def recover(self) -> None:
        """Deal with events that were kept and not dealt with."""
        async for digest in self._unsettled():
            try:
                await self._deal(digest, parse(await asyncio.to_thread(self.events.body, digest)))
            except NotAnEvent as error:
                await self._mean_nothing(digest, error)
            except Rejected as error:
                LOG.warning("an event waits: %s", error)
            except Exception:
                # One that cannot be dealt with keeps none of the others.
                LOG.exception("an event waits: %s", digest)

    async def _unsettled(self) -> AsyncIterator[str]:
        """All of them, page by page: those that wait on hold up none that came later."""
        last = ""
        while page := await asyncio.to_thread(self.events.unsettled, after=last):
            for last in page:
                yield last

    async def _mean_nothing(self, digest: str, why: NotAnEvent) -> None:
        await asyncio.to_thread(self.events.settle, digest, Settled(Effect.NOTHING.value, str(why)))

    async def _deal(self, digest: str, event: Event) -> Outcome:
        ours = await self.signer.ours()
        if ours.may_have_done(event):
            words = f"GitHub did not say yet which logins are our Apps', so nobody knows whether {event.actor} is one"
            raise Rejected(Reason.GITHUB_UNAVAILABLE, words, 503)
        found = meaning(event, Context(ours, Starts()))
        effect, why = found.effect.value, found.why
        refusal = await self._refusal(event, found, ours)
        if refusal is not None:
            effect, why = REFUSED, refusal
        by_us = ours.did(event)
        wanted = None if refusal is not None else _wanted(event, found, by_us=by_us)
        # What our own runs push leaves no flow behind: it is its own work.
        stale = found.stale and not (by_us and event.action == "synchronize")
        told = Settled(
            effect, why, (event.repository, event.repository_id), event.actor, wanted,
            # What wakes needs nobody's permission: whoever is woken looks for himself.
            wakes=found.subjects if found.effect is not Effect.NOTHING and wanted is None else (),
            subject=found.subjects[0] if stale else "", current=await self._current(event) if stale else None,
            branch=event.branch,
            # Of one remark a webhook and polling bring two bodies, and a flow that is over would begin anew.
            said=f"{event.repository_id}:{event.kind}:{event.item}" if found.flow in ONE_AT_A_TIME else "",
        )  # fmt: skip
        flow = await asyncio.to_thread(self.events.settle, digest, told)
        self.news.set()
        self._count(event.kind.value, effect)
        return Outcome(digest=digest, new=True, effect=effect, why=why, flow=flow.flow if flow else None)

    async def _current(self, event: Event) -> Current | None:
        """How a pull request stands now: events come late and in any order, so what this one says is not asked."""
        repository, number = event.repository, event.number or 0
        try:
            told = await self._ask(repository, PULLS, ("pull", number), lambda it: it.pull(repository, number))
        except GitHubError:
            return None
        return Current(told["state"] == "open", str(told["head"]["sha"]))

    async def _refusal(self, event: Event, found: Meaning, ours: Ours) -> str | None:
        """Why an event may start nothing; None where it may, or starts nothing anyway."""
        if found.effect not in (Effect.START, Effect.COMMAND) or event.kind in UNASKED:
            return None
        if event.actor_type != "User" and not event.actor.endswith("[bot]"):
            return f"{event.actor} is no person"
        if event.actor.endswith("[bot]"):
            # Of Apps only ours start anything, and of their doing only what the rules let through.
            return None if event.actor in ours.logins else f"{event.actor} is an App that is not ours"
        role = await self._role(event)
        return None if role in MAY_WRITE else f"{event.actor} has {role} permission; it takes write to start something"

    async def _role(self, event: Event) -> str:
        repository, actor = event.repository, event.actor
        try:
            return await self._ask(repository, METADATA, ("role", actor), lambda it: it.role(repository, actor))
        except GitHubError:
            return "no"

    async def _ask(
        self, repository: str, reads: Mapping[str, Access], question: Hashable, ask: Callable[[GitHub], Awaitable[T]]
    ) -> T:
        """What GitHub says now.

        Raises:
            GitHubError: GitHub says no, or nobody has installed the App.
            Rejected: GitHub does not answer now.
        """
        try:
            return await self.live.ask(repository, reads, question, ask)
        except (Unavailable, RateLimited) as error:
            raise Rejected(Reason.GITHUB_UNAVAILABLE, str(error), 503) from None

    @asynccontextmanager
    async def _as_app(self, repository: str, reads: dict[str, Access]) -> AsyncIterator[GitHub]:
        """GitHub with a token for these reads alone.

        Raises:
            NotFound: nobody has installed the App.
            Rejected: GitHub does not answer now.
        """
        try:
            async with self.signer.token("default", repository, reads, "admission") as token:
                yield self.github(token.token)
        except SignerRefused as error:
            if error.transient:
                raise Rejected(error.refusal.reason, error.refusal.message, 503) from None
            raise NotFound(error.refusal.message) from None


def _wanted(event: Event, found: Meaning, *, by_us: bool) -> Wanted | None:
    """The flow that an event starts, if it starts one."""
    if found.flow is None:
        return None
    return Wanted(
        found.flow.value, found.key, found.subjects[0], event.head, again=found.flow in ONE_AT_A_TIME,
        by_person=not by_us and event.kind not in UNASKED, yields=by_us, branch=event.branch, moment=event.moment,
    )  # fmt: skip
