"""The listener for the operator (see `pressplay.protocol.control`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pressplay.gateway.admission import Admissions
from pressplay.gateway.answers import Rejected, answer, read
from pressplay.gateway.metrics import Metrics
from pressplay.gateway.outputs import Outputs
from pressplay.gateway.plan import Plan
from pressplay.ledger.store import Ledger
from pressplay.protocol.control import ADMISSIONS, RUNS, AdmissionRequest, AttemptEnd, Finish
from pressplay.resources.reasons import Reason


@dataclass(frozen=True)
class ControlRoutes:
    """What the operator may ask."""

    authenticate: Callable[[Request], Awaitable[None]]
    ledger: Ledger
    admissions: Admissions
    outputs: Outputs
    metrics: Metrics

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route(ADMISSIONS, self.admit, methods=["POST"]),
            Route(f"{RUNS}/{{uid}}", self.record),
            Route(f"{RUNS}/{{uid}}/attempts/{{number:int}}/end", self.end_attempt, methods=["POST"]),
            Route(f"{RUNS}/{{uid}}/finish", self.finish, methods=["POST"]),
        ]

    async def admit(self, request: Request) -> Response:
        """Whether a run may begin."""
        await self.authenticate(request)
        try:
            admission = await self.admissions.admit(await read(request, AdmissionRequest))
        except Rejected as error:
            self.metrics.admissions.labels(error.refusal.reason).inc()
            raise
        self.metrics.admissions.labels(Reason.ADMITTED).inc()
        return answer(admission)

    async def record(self, request: Request) -> Response:
        """What is known of a run."""
        await self.authenticate(request)
        return await self._record(str(request.path_params["uid"]))

    async def end_attempt(self, request: Request) -> Response:
        """An attempt has ended: its token is worth nothing from now on."""
        await self.authenticate(request)
        told = await read(request, AttemptEnd)
        uid = str(request.path_params["uid"])
        await asyncio.to_thread(self.ledger.close_attempt, uid, int(request.path_params["number"]), told.reason)
        # What came before is taken to its end: the record is what the operator decides by.
        async with self.outputs.at_rest(uid):
            return await self._record(uid)

    async def finish(self, request: Request) -> Response:
        """The run has ended for good."""
        await self.authenticate(request)
        told = await read(request, Finish)
        uid = str(request.path_params["uid"])
        async with self.outputs.at_rest(uid):
            row = await asyncio.to_thread(self.ledger.run, uid)
            if row is not None and row.finished is None:
                branch = None
                if told.keep_work:
                    branch = await self.outputs.keep_work(row, Plan.model_validate_json(row.plan))
                await asyncio.to_thread(self.ledger.finish, uid, told.reason, branch)
            return await self._record(uid)

    async def _record(self, uid: str) -> Response:
        return answer(await asyncio.to_thread(self.ledger.record, uid))
