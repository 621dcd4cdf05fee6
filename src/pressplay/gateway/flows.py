"""The operator's view of flows: which to make, which to stop, whom to wake (see `pressplay.protocol.flows`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pressplay.gateway.answers import Rejected, answer, read
from pressplay.gateway.refusals import FAILURES, rejected
from pressplay.gateway.signer.client import Signer
from pressplay.ledger.ends import End
from pressplay.ledger.flows import FlowRow, Flows, Submitted
from pressplay.policy.cluster import ClusterPolicy, not_allowed
from pressplay.policy.flows import Flow
from pressplay.policy.redaction import Redactor
from pressplay.protocol.flows import (
    FLOWS,
    LONGEST_REASON,
    WAKES,
    Due,
    DueFlow,
    DueWake,
    FlowEnd,
    FlowKnown,
    FlowNews,
    FlowSeen,
    Seen,
)
from pressplay.protocol.signer import Access
from pressplay.resources.reasons import Reason

# Parameters that say what a flow is about, by the kinds of subjects.
NAMED: Final = {"pr": "pull-request", "issue": "issue", "branch": "branch"}
# Flows that are about one commit, and not to go on when it is not the newest any more.
BY_HEAD: Final = (Flow.PULL_REQUEST.value, Flow.CHECKS.value)
LONGEST_SUBJECT: Final = 255
READS: Final[dict[str, Access]] = {"metadata": "read"}
# Who reviews writes more than one comment: they are answered together.
WINDOWS: Final = {Flow.COMMENT.value: 20.0}
LONGEST_WAIT: Final = 30.0
LOOK_AGAIN: Final = 1.0


@dataclass(frozen=True)
class FlowRoutes:
    """What the operator asks and tells of flows.

    Attributes:
        news_of: set whenever an event has been dealt with.
        ending: set when the gateway is asked to end: nobody is kept waiting, or it would last as long as they wait.
    """

    authenticate: Callable[[Request], Awaitable[None]]
    flows: Flows
    signer: Signer
    policy: ClusterPolicy
    redactor: Redactor
    news_of: asyncio.Event
    ending: asyncio.Event

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route(FLOWS, self.due, methods=["GET"]),
            Route(FLOWS, self.submitted, methods=["POST"]),
            Route(f"{FLOWS}/{{id:int}}", self.news, methods=["POST"]),
            Route(WAKES, self.seen, methods=["POST"]),
        ]

    async def due(self, request: Request) -> Response:
        """What is to be done now; where there is nothing, as soon as there is, or after the time that was asked for."""
        await self.authenticate(request)
        wait = min(float(request.query_params.get("wait") or 0), LONGEST_WAIT)
        ends = asyncio.get_running_loop().time() + wait
        while True:
            due = await asyncio.to_thread(self._due)
            left = ends - asyncio.get_running_loop().time()
            if due.make or due.stop or due.wakes or left <= 0 or self.ending.is_set():
                return answer(due)
            # Another gateway may have taken it in, and a window may pass, so not only what is told here counts.
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_AGAIN)):
                    await self.news_of.wait()
            self.news_of.clear()

    def _due(self) -> Due:
        rows = self.flows.due(WINDOWS)
        return Due(
            make=tuple(_told(row) for row in rows if row.state == "wanted"),
            stop=tuple(_told(row) for row in rows if row.state == "stopping"),
            live=tuple(_told(row) for row in self.flows.listed("made")),
            wakes=tuple(
                DueWake(
                    id=each.identity, repository_id=each.repository_id, subject=each.subject, why=each.why,
                    parked=each.parked,
                )
                for each in self.flows.wakes()
            ),
        )  # fmt: skip

    async def submitted(self, request: Request) -> Response:
        """A person has submitted a flow: from now on it is woken, stopped and answered for as any other."""
        await self.authenticate(request)
        told = await read(request, FlowSeen)
        refused = not_allowed(self.policy, told.namespace, told.repository)
        if refused is not None:
            raise Rejected(refused.reason, refused.message)
        about = Submitted(
            told.uid, told.workflow, told.flow, subject_of(told.parameters) or f"workflow:{told.workflow}",
            told.parameters.get("head") if told.flow in BY_HEAD else None,
        )  # fmt: skip
        try:
            async with self.signer.token("default", told.repository, READS, "flow") as token:
                repository = (told.repository, token.repository_id or 0)
        except FAILURES as error:
            raise rejected(error) from None
        row = await asyncio.to_thread(self.flows.submitted, repository, about)
        return answer(FlowKnown(id=row.identity, repository_id=row.repository_id, subject=row.subject))

    async def news(self, request: Request) -> Response:
        """A flow has been made, has ended, or goes on after its end."""
        await self.authenticate(request)
        told = await read(request, FlowNews)
        identity = int(request.path_params["id"])
        if told.state == "made":
            await asyncio.to_thread(self.flows.made, identity)
        elif told.state == "retried":
            other = await asyncio.to_thread(self.flows.retried, identity)
            if other is not None:
                newer = f"another {other.flow} of {other.subject} has begun since this one ended"
                raise Rejected(Reason.INVALID_RUN, f"{newer}; let that one go on, or retry that one")
        else:
            await asyncio.to_thread(self.flows.ended, identity, self._end(told.end))
        return Response(status_code=204)

    def _end(self, told: FlowEnd | None) -> End | None:
        if told is None:
            return None
        why = tuple(self.redactor.redact(each)[:LONGEST_REASON] for each in told.why)
        return End(told.workflow, told.phase, why)

    async def seen(self, request: Request) -> Response:
        """Who was woken has looked."""
        await self.authenticate(request)
        told = await read(request, Seen)
        await asyncio.to_thread(self.flows.forget_wakes, told.ids)
        return Response(status_code=204)


def parameters(row: FlowRow) -> dict[str, str]:
    """The parameters of a flow's Workflow, from its row alone."""
    kind, _, what = row.subject.partition(":")
    about = {NAMED[kind]: what} if kind in NAMED else {"alert": row.subject}
    head = {"head": row.head} if row.head and row.flow in BY_HEAD else {}
    return {"repository": row.repository, **about, **head}


def subject_of(given: Mapping[str, str]) -> str:
    """What a flow with these parameters is about; "" where they do not say."""
    named = (f"{kind}:{given[name]}" for kind, name in NAMED.items() if given.get(name))
    return next(named, given.get("alert", ""))[:LONGEST_SUBJECT]


def _told(row: FlowRow) -> DueFlow:
    return DueFlow(
        id=row.identity, key=row.key, generation=row.generation, flow=row.flow, repository=row.repository,
        repository_id=row.repository_id, subject=row.subject, parameters=parameters(row),
        workflow=row.workflow or "",
    )  # fmt: skip
