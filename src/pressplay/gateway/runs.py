"""The listener for pods of runs (see `pressplay.protocol.run`)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pressplay.gateway.answers import Rejected, answer, read
from pressplay.gateway.auth import Caller
from pressplay.gateway.discussions import Discussions
from pressplay.gateway.metrics import Metrics
from pressplay.gateway.outputs import Outputs
from pressplay.gateway.plan import Plan
from pressplay.gateway.quarantine.client import Quarantine
from pressplay.gateway.refusals import FAILURES, rejected
from pressplay.gateway.signer.client import Signer
from pressplay.github.client import GitHub
from pressplay.github.errors import NotFound
from pressplay.ledger import references
from pressplay.ledger.runs import RunRow
from pressplay.ledger.store import Ledger
from pressplay.ledger.taints import Successor, Taint
from pressplay.personas.agreement import READS, lacking
from pressplay.personas.loader import Personas
from pressplay.personas.schema import Effect
from pressplay.policy.effects import may_comment, may_resolve
from pressplay.policy.redaction import Redactor
from pressplay.protocol.changeset import Changeset
from pressplay.protocol.run import (
    BRIEF,
    END,
    ISSUES,
    OUTPUT,
    PULLS,
    REFERENCE,
    SHALLOW_HEADER,
    TRANSCRIPT,
    WORK,
    WORKSPACE,
    Brief,
    Checkout,
    Ended,
    Entries,
    Entry,
    Limits,
    Output,
    Reference,
    Transcript,
)
from pressplay.protocol.signer import Access
from pressplay.resources.reasons import Reason


@dataclass(frozen=True)
class RunRoutes:
    """What a run may ask of the gateway, models apart.

    Attributes:
        github: makes a client of GitHub's API from a token.
    """

    authenticate: Callable[[Request], Awaitable[Caller]]
    ledger: Ledger
    quarantine: Quarantine
    signer: Signer
    outputs: Outputs
    personas: Personas
    redactor: Redactor
    github: Callable[[object], GitHub]
    metrics: Metrics
    discussions: Discussions

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route(BRIEF, self.brief),
            Route(WORKSPACE, self.workspace),
            Route(WORK, self.work),
            Route(WORK, self.save_work, methods=["PUT"]),
            Route(TRANSCRIPT, self.transcript),
            Route(TRANSCRIPT, self.append, methods=["POST"]),
            Route(REFERENCE, self.seal, methods=["POST"]),
            Route(OUTPUT, self.output, methods=["POST"]),
            Route(END, self.end, methods=["POST"]),
            Route(f"{ISSUES}/{{number:int}}", self.issue),
            Route(f"{PULLS}/{{number:int}}", self.pull),
        ]

    async def _run(self, request: Request) -> tuple[Caller, RunRow, Plan]:
        caller = await self.authenticate(request)
        row = await asyncio.to_thread(self.ledger.run, caller.uid)
        if row is None:
            raise Rejected(Reason.INVALID_RUN, "there is no such run", 404)
        return caller, row, Plan.model_validate_json(row.plan)

    async def brief(self, request: Request) -> Response:
        """What the runner is told."""
        caller, row, plan = await self._run(request)
        persona = self.personas.find(plan.persona)
        left = await asyncio.to_thread(self.ledger.left, row.uid, plan.limits())
        kept = await asyncio.to_thread(references.kept_of, self.ledger, row.uid)
        return answer(
            Brief(
                run=f"{row.namespace}/{row.name}",
                kind="DocsRun" if row.kind == "DocsRun" else "CodeRun",
                repository=row.repository,
                persona=persona.name,
                wire=plan.wire,
                model=plan.models[0],
                effort=persona.effort,
                system=persona.prompt,
                task=plan.task,
                directory=row.admission.directory,
                checkout=Checkout(
                    commit=row.admission.base_sha,
                    branch=row.admission.branch,
                    base=row.admission.base,
                ),
                limits=Limits(
                    tokens=left.tokens, micro_dollars=left.micro_dollars, steps=left.steps, seconds=left.seconds
                ),
                tools=persona.tools,
                mcp=plan.mcp,
                # A pod that was made before there were referees has none.
                fixers=plan.fixers if row.admission.fixers else (),
                fixed=kept.reference.reports if kept else None,
                formatting=persona.writes.formatting,
                judges=Effect.VERDICT in persona.effects,
                comments=may_comment(persona, plan.issue, plan.pull_request),
                resolves=may_resolve(persona, plan.pull_request),
                attempt=caller.attempt,
            )
        )

    async def workspace(self, request: Request) -> Response:
        """The objects of the commit that the work begins on, and no others; what the pod can borrow is left out."""
        _, row, plan = await self._run(request)
        stack = contextlib.AsyncExitStack()
        have = request.query_params.get("have", "")
        known = have if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", have) else None
        export = self.quarantine.export(row.repository_id, row.admission.base_sha, plan.depth, known)
        shallow, pieces = await stack.enter_async_context(export)

        async def pack() -> AsyncIterator[bytes]:
            async with stack:
                async for piece in pieces:
                    yield piece

        headers = {SHALLOW_HEADER: " ".join(shallow)}
        return StreamingResponse(pack(), headers=headers, media_type="application/x-git-packed-objects")

    async def work(self, request: Request) -> Response:
        """The latest unfinished work, of this run or of the one that it goes on with; else what the fixers made."""
        _, row, plan = await self._run(request)
        for uid in (row.uid, plan.continued):
            body = await asyncio.to_thread(self.ledger.saved_work, uid) if uid else None
            if body is not None:
                await self._pass_on(row, plan)
                return Response(body, media_type="application/json")
        kept = await asyncio.to_thread(references.kept_of, self.ledger, row.uid)
        return answer(kept.reference.changes) if kept else Response(status_code=204)

    async def save_work(self, request: Request) -> Response:
        """Keep unfinished work."""
        caller, _, _ = await self._run(request)
        changes = await read(request, Changeset)
        await asyncio.to_thread(self.ledger.save_work, caller.uid, caller.attempt, changes.model_dump_json().encode())
        return Response(status_code=204)

    async def transcript(self, request: Request) -> Response:
        """All entries so far; of a run that goes on with another one, that one's first."""
        _, row, plan = await self._run(request)
        mine = await asyncio.to_thread(self.ledger.transcript, row.uid)
        if plan.continued and not mine:
            earlier = await asyncio.to_thread(self.ledger.transcript, plan.continued)
            mine = tuple(entry for entry in earlier)
            if mine:
                await self._pass_on(row, plan)
                await asyncio.to_thread(self.ledger.append, row.uid, mine)
        return answer(Transcript(entries=mine))

    async def _pass_on(self, row: RunRow, plan: Plan) -> None:
        """What the run that is gone on with has read since this one was admitted taints this one, too."""
        taint = await asyncio.to_thread(
            self.discussions.taints.passed_on, Successor(row.repository_id, run=plan.continued)
        )
        await self._taint(row, plan, taint)

    async def _taint(self, row: RunRow, plan: Plan, taint: Taint | None) -> None:
        if taint is not None:
            where = (row.repository_id, plan.subject, row.admission.branch)
            await asyncio.to_thread(self.discussions.taints.taint, row.uid, *where, taint)

    async def append(self, request: Request) -> Response:
        """Append to the transcript, redacted."""
        caller, _, _ = await self._run(request)
        told = await read(request, Entries)
        entries = await asyncio.to_thread(
            lambda: tuple(self._redacted(entry, caller.attempt) for entry in told.entries)
        )
        await asyncio.to_thread(self.ledger.append, caller.uid, entries)
        return Response(status_code=204)

    def _redacted(self, entry: Entry, attempt: int) -> Entry:
        body = self.redactor.redact_within(entry.body)
        return entry.model_copy(update={"body": body, "attempt": min(entry.attempt, attempt)})

    async def seal(self, request: Request) -> Response:
        """Keep what the project's fixers make of the commit that the work begins on."""
        _, row, plan = await self._run(request)
        told = await read(request, Reference)
        return answer(await self.outputs.references.seal(row, self.personas.find(plan.persona).writes, told))

    async def output(self, request: Request) -> Response:
        """Take in what the run hands over."""
        _, row, plan = await self._run(request)
        try:
            accepted = await self.outputs.take(row, plan, await read(request, Output))
        except Rejected as error:
            self.metrics.outputs.labels(error.refusal.reason).inc()
            raise
        self.metrics.outputs.labels(accepted.outcome).inc()
        return answer(accepted)

    async def end(self, request: Request) -> Response:
        """Note why the runner ends."""
        caller, _, _ = await self._run(request)
        told = await read(request, Ended)
        message = self.redactor.redact(told.message)
        await asyncio.to_thread(self.ledger.told_end, caller.uid, caller.attempt, told.reason, message)
        return Response(status_code=204)

    async def issue(self, request: Request) -> Response:
        """An issue of the run's repository, as it stood when the work was asked for."""
        return await self._thread(request, reviews=False)

    async def pull(self, request: Request) -> Response:
        """A pull request of the run's repository with its review threads, as it stood when the work was asked for."""
        return await self._thread(request, reviews=True)

    async def _thread(self, request: Request, *, reviews: bool) -> Response:
        _, row, plan = await self._run(request)
        number = int(request.path_params["number"])
        persona = self.personas.find(plan.persona)
        access: dict[str, Access] = dict(READS["discussion"])
        if missing := lacking(persona, access):
            told = f"{persona.title} lacks {', '.join(missing)}, which reading a discussion needs"
            raise Rejected(Reason.PERSONA_NOT_PERMITTED, told, 403)
        start = await self.discussions.start(plan.flow, row.repository_id, plan.since or row.began)
        where = (row.repository, row.repository_id, number, start)
        try:
            async with self.signer.token(persona.app, row.repository, access, "read", row.repository_id) as token:
                found = await self.discussions.read(self.github(token.token), *where, code=reviews)
        except NotFound:
            kind = "pull request" if reviews else "issue or pull request"
            raise Rejected(Reason.TASK_NOT_FOUND, f"there is no {kind} {number}", 404) from None
        except FAILURES as error:
            raise rejected(error) from None
        # First, so that nothing is read that is not written down.
        await self._taint(row, plan, found.taint)
        return answer(found.thread)
