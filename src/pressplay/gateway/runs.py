"""The listener for pods of runs (see `pressplay.protocol.run`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pressplay.gateway.answers import Rejected, answer, read
from pressplay.gateway.auth import Caller
from pressplay.gateway.outputs import Outputs
from pressplay.gateway.plan import Plan
from pressplay.gateway.quarantine.client import Quarantine
from pressplay.gateway.signer.client import Signer
from pressplay.github.client import GitHub
from pressplay.github.threads import thread_of
from pressplay.ledger.store import Ledger, RunRow
from pressplay.personas.loader import Personas
from pressplay.policy.redaction import Redactor
from pressplay.protocol.changeset import Changeset
from pressplay.protocol.run import (
    BRIEF,
    END,
    ISSUES,
    OUTPUT,
    PULLS,
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
    Transcript,
)
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

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route(BRIEF, self.brief),
            Route(WORKSPACE, self.workspace),
            Route(WORK, self.work),
            Route(WORK, self.save_work, methods=["PUT"]),
            Route(TRANSCRIPT, self.transcript),
            Route(TRANSCRIPT, self.append, methods=["POST"]),
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
        async with self.quarantine.export(row.repository_id, row.admission.base_sha, plan.depth) as (shallow, _):
            pass
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
                    shallow=shallow,
                    branch=row.admission.branch,
                    base=row.admission.base,
                ),
                limits=Limits(
                    tokens=left.tokens, micro_dollars=left.micro_dollars, steps=left.steps, seconds=left.seconds
                ),
                tools=persona.tools,
                attempt=caller.attempt,
            )
        )

    async def workspace(self, request: Request) -> Response:
        """The objects of the commit that the work begins on, and no others."""
        _, row, plan = await self._run(request)
        stack = contextlib.AsyncExitStack()
        export = self.quarantine.export(row.repository_id, row.admission.base_sha, plan.depth)
        _, pieces = await stack.enter_async_context(export)

        async def pack() -> AsyncIterator[bytes]:
            async with stack:
                async for piece in pieces:
                    yield piece

        return StreamingResponse(pack(), media_type="application/x-git-packed-objects")

    async def work(self, request: Request) -> Response:
        """The latest unfinished work, of this run or of the one that it goes on with."""
        _, row, plan = await self._run(request)
        for uid in (row.uid, plan.continued):
            body = await asyncio.to_thread(self.ledger.saved_work, uid) if uid else None
            if body is not None:
                return Response(body, media_type="application/json")
        return Response(status_code=204)

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
                await asyncio.to_thread(self.ledger.append, row.uid, mine)
        return answer(Transcript(entries=mine))

    async def append(self, request: Request) -> Response:
        """Append to the transcript, redacted."""
        caller, _, _ = await self._run(request)
        told = await read(request, Entries)
        entries = tuple(self._redacted(entry, caller.attempt) for entry in told.entries)
        await asyncio.to_thread(self.ledger.append, caller.uid, entries)
        return Response(status_code=204)

    def _redacted(self, entry: Entry, attempt: int) -> Entry:
        clean = Entry.model_validate_json(self.redactor.redact(entry.model_dump_json()))
        return clean.model_copy(update={"attempt": min(entry.attempt, attempt)})

    async def output(self, request: Request) -> Response:
        """Take in what the run hands over."""
        _, row, plan = await self._run(request)
        return answer(await self.outputs.take(row, plan, await read(request, Output)))

    async def end(self, request: Request) -> Response:
        """Note why the runner ends."""
        caller, _, _ = await self._run(request)
        told = await read(request, Ended)
        message = self.redactor.redact(told.message)
        await asyncio.to_thread(self.ledger.told_end, caller.uid, caller.attempt, told.reason, message)
        return Response(status_code=204)

    async def issue(self, request: Request) -> Response:
        """An issue of the run's repository, cleaned."""
        return await self._thread(request, reviews=False)

    async def pull(self, request: Request) -> Response:
        """A pull request of the run's repository with its review threads, cleaned."""
        return await self._thread(request, reviews=True)

    async def _thread(self, request: Request, *, reviews: bool) -> Response:
        _, row, plan = await self._run(request)
        number = int(request.path_params["number"])
        app = self.personas.find(plan.persona).app
        async with self.signer.token(app, row.repository, {"issues": "read", "pull_requests": "read"}, "read") as token:
            github = self.github(token.token)
            subject = await github.issue(row.repository, number)
            comments = await github.comments(row.repository, number)
            threads = await github.review_threads(row.repository, number) if reviews else []
        return answer(thread_of(subject, comments, threads))
