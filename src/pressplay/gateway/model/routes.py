"""The vendors' own routes, as their SDKs call them, let through for a run.

Order of a call: who calls, what may pass, is it the run's model, budget, rate, and only then the vendor. An answer
passes byte by byte while it is metered; whatever ends it, what it took is booked.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pressplay.gateway.auth import Caller
from pressplay.gateway.metrics import Metrics
from pressplay.gateway.plan import Plan
from pressplay.gateway.signer.client import Signer
from pressplay.ledger.calls import BudgetExhausted
from pressplay.ledger.store import Ledger
from pressplay.llm.allowlist import LONGEST_BODY, ROUTES, Checked, check
from pressplay.llm.bound import Counted, size_of
from pressplay.llm.catalogue import Catalogue, ModelInfo, UnknownModel
from pressplay.llm.errors import retry_after
from pressplay.llm.messages import Wire
from pressplay.llm.meter import Meter, usage_of
from pressplay.llm.retry import RateLimiter
from pressplay.llm.shapes import NotAllowed
from pressplay.llm.usage import NOTHING, Usage
from pressplay.protocol.control import UsageTotals
from pressplay.resources.reasons import Reason

LOG = logging.getLogger(__name__)
TRIES = 4
NEW_KEY = "put a valid one into the Secret that the chart's llm.existingSecret names (pressplay-llm), and retry"
LONGEST_WAIT = 60.0
# Without it a prompt is taken for the most that it can be, so nothing but some room is lost.
MOST_COUNTED = 1_000
AGAIN = frozenset({408, 429, 500, 502, 503, 504, 529})
PASSED = ("content-type", "request-id", "x-request-id")

Authenticate = Callable[[Request], Awaitable[Caller]]


@dataclass
class ModelCalls:
    """Lets calls through.

    Attributes:
        sleep: between tries.
    """

    authenticate: Authenticate
    ledger: Ledger
    signer: Signer
    catalogue: Catalogue
    metrics: Metrics
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _counted: dict[str, Counted] = field(default_factory=dict)
    _limiter: tuple[int | None, RateLimiter] | None = None

    def routes(self) -> list[Route]:
        """One route a wire."""
        return [Route(path, self._endpoint(wire), methods=[method]) for (method, path), wire in ROUTES.items()]

    def _endpoint(self, wire: Wire) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            caller = await self.authenticate(request)
            try:
                return await self._call(wire, caller, await _body(request), bool(request.url.query))
            except _Refused as refused:
                return _vendor_error(wire, refused)

        return endpoint

    async def _call(self, wire: Wire, caller: Caller, raw: bytes, query: bool) -> Response:
        row = await asyncio.to_thread(self.ledger.run, caller.uid)
        if row is None:
            raise _Refused(404, Reason.INVALID_RUN, "there is no such run")
        plan = Plan.model_validate_json(row.plan)
        if query:
            raise _Refused(400, Reason.MODEL_REFUSED_REQUEST, "a query selects another API; none is allowed")
        try:
            checked = check(wire, raw, self._counted.get(caller.uid))
        except NotAllowed as error:
            raise _Refused(400, Reason.MODEL_REFUSED_REQUEST, str(error)) from None
        models = self._models(wire, plan, checked)
        await self._wait_for_rate()
        last: _Refused | None = None
        for info in models:
            try:
                return await self._with(info, checked, caller, plan)
            except _Again as again:
                last = again.refused
                LOG.warning("%s is given up for run %s: %s", info.name, caller.uid, last)
        raise last or _Refused(503, Reason.MODEL_UNAVAILABLE, "no model is set up")

    def _models(self, wire: Wire, plan: Plan, checked: Checked) -> list[ModelInfo]:
        if wire.value != plan.wire or checked.model not in plan.models:
            raise _Refused(
                403, Reason.MODEL_REFUSED_REQUEST, f"this run may use {', '.join(plan.models)} and not {checked.model}"
            )
        names = [checked.model, *(name for name in plan.models if name != checked.model)]
        try:
            return [self.catalogue.find(name) for name in names]
        except UnknownModel as error:
            raise _Refused(400, Reason.UNKNOWN_MODEL, str(error)) from None

    async def _wait_for_rate(self) -> None:
        limit = (await self.signer.models()).rate_limit
        if self._limiter is None or self._limiter[0] != limit:
            self._limiter = (limit, RateLimiter(limit))
        await self._limiter[1].wait()

    async def _with(self, info: ModelInfo, checked: Checked, caller: Caller, plan: Plan) -> Response:
        """Call one model, again where that can help and nothing was passed on yet."""
        body = json.dumps({**checked.body, "model": info.name}, ensure_ascii=False).encode()
        for attempt in range(1, TRIES + 1):
            call = await self._reserve(info, checked, caller, plan)
            answer = await self._send(checked.wire, body, call)
            if answer is not None and answer.status_code == 200:
                return self._passed_on(answer, info, checked, caller, call)
            refused, wait = await _why(answer, attempt)
            self.metrics.unanswered(info.name, refused.reason)
            await asyncio.to_thread(self.ledger.settle, call, UsageTotals(), 0, answered=False)
            if wait is None:
                raise refused
            if attempt == TRIES or wait > LONGEST_WAIT:
                raise _Again(refused)
            await self.sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def _reserve(self, info: ModelInfo, checked: Checked, caller: Caller, plan: Plan) -> str:
        tokens = checked.prompt_tokens + checked.output_tokens
        cost = info.cost_at_most(checked.prompt_tokens, checked.output_tokens)
        try:
            return await asyncio.to_thread(
                self.ledger.reserve, caller.uid, caller.attempt, info.name, tokens, cost, plan.limits()
            )
        except BudgetExhausted as error:
            # 400, since SDKs try a 429 again.
            raise _Refused(400, error.reason, str(error)) from None

    async def _send(self, wire: Wire, body: bytes, call: str) -> httpx.Response | None:
        try:
            return await self.signer.send(self.signer.call(wire.value, body))
        except httpx.HTTPError:
            return None
        except asyncio.CancelledError:
            self.ledger.settle(call, UsageTotals(), 0, answered=False)
            raise

    def _passed_on(
        self, answer: httpx.Response, info: ModelInfo, checked: Checked, caller: Caller, call: str
    ) -> Response:
        headers = {name: answer.headers[name] for name in PASSED if name in answer.headers}

        async def pieces() -> AsyncIterator[bytes]:
            meter = Meter(checked.wire, checked.prompt_tokens)
            whole = bytearray()
            try:
                async for piece in answer.aiter_bytes():
                    if checked.stream:
                        meter.feed(piece)
                    else:
                        whole += piece
                    yield piece
            except httpx.HTTPError:
                # What follows an answer that breaks off is nothing: the SDK sees a stream without its end.
                LOG.warning("the answer to run %s broke off", caller.uid)
            finally:
                usage = meter.usage if checked.stream else _usage(checked.wire, bytes(whole))
                answered = meter.whole if checked.stream else usage != NOTHING
                self._book(info, checked, caller, call, usage, answered=answered)
                await answer.aclose()

        return StreamingResponse(pieces(), 200, headers)

    def _book(
        self, info: ModelInfo, checked: Checked, caller: Caller, call: str, usage: Usage, *, answered: bool
    ) -> None:
        """Book what a call took. One that broke off costs, and is no step: nobody has its answer."""
        if usage.prompt and answered:
            self._remember(caller.uid, Counted(size_of(checked.wire, checked.body), usage.prompt))
        totals = UsageTotals(
            calls=1, input_tokens=usage.input, output_tokens=usage.output, cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
        )  # fmt: skip
        self.metrics.answered(info.name, usage, info.cost(usage), ended="answered" if answered else "broke off")
        # In this thread: a caller that went away cancels what would be awaited here.
        self.ledger.settle(call, totals, info.cost(usage), answered=answered)

    def _remember(self, run: str, counted: Counted) -> None:
        """Keep how the vendor counted a run's last prompt; of runs that were silent for longest it is forgotten."""
        self._counted.pop(run, None)
        self._counted[run] = counted
        while len(self._counted) > MOST_COUNTED:
            del self._counted[next(iter(self._counted))]


class _Refused(Exception):
    def __init__(self, status: int, reason: Reason, message: str) -> None:
        super().__init__(f"[{reason}] {message}")
        self.status = status
        self.reason = reason


class _Again(Exception):
    def __init__(self, refused: _Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_BODY:
            raise _Refused(413, Reason.MODEL_REFUSED_REQUEST, f"is longer than {LONGEST_BODY} bytes")
    return bytes(body)


async def _why(answer: httpx.Response | None, attempt: int) -> tuple[_Refused, float | None]:
    """Why a call gave no answer, and the seconds until it may be tried again; None where it may not."""
    backoff = float(2 ** (attempt - 1))
    if answer is None:
        return _Refused(503, Reason.MODEL_UNAVAILABLE, "the vendor does not answer"), backoff
    try:
        said = (await answer.aread()).decode("utf-8", "replace")
    except httpx.HTTPError:
        said = ""
    finally:
        await answer.aclose()
    code = answer.status_code
    if code in AGAIN:
        asked = retry_after(answer.headers)
        told = _Refused(503, Reason.MODEL_UNAVAILABLE, f"the vendor answered {code}: {_words(said)}")
        return told, max(asked or 0.0, backoff)
    if code in (401, 403):
        told = _Refused(400, Reason.MODEL_REFUSED_KEY, f"the vendor refused the key ({code}); {NEW_KEY}")
        return told, None
    if 300 <= code < 400:
        return _Refused(400, Reason.MODEL_REFUSED_REQUEST, "the vendor redirects, which no key follows"), None
    return _Refused(400, Reason.MODEL_REFUSED_REQUEST, f"the vendor answered {code}: {_words(said)}"), None


def _words(said: str) -> str:
    try:
        told = json.loads(said)
        return str(told.get("message") or told["error"]["message"])[:300]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "without a reason that can be read"


def _usage(wire: Wire, body: bytes) -> Usage:
    try:
        told = json.loads(body)
    except ValueError:
        return NOTHING
    return usage_of(wire, told) if isinstance(told, dict) else NOTHING


def _vendor_error(wire: Wire, refused: _Refused) -> Response:
    """An error in the shape that the vendor's SDK reads."""
    if wire is Wire.ANTHROPIC:
        body: object = {"type": "error", "error": {"type": "invalid_request_error", "message": str(refused)}}
    else:
        body = {
            "error": {"type": "invalid_request_error", "message": str(refused), "param": None, "code": refused.reason}
        }
    # SDKs are told not to try again: patience is the gateway's.
    headers = {"pressplay-reason": refused.reason.value, "x-should-retry": "false"}
    return Response(json.dumps(body), refused.status, headers, media_type="application/json")
