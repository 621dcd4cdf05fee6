"""Answers of the gateway's listeners, and what errors become on their way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from pressplay.gateway.auth import Unauthorized, Unsure
from pressplay.gateway.quarantine.client import QuarantineRefused
from pressplay.gateway.signer.client import SignerRefused
from pressplay.ledger.transcripts import OutOfOrder, TooLong
from pressplay.llm.catalogue import UnknownModel
from pressplay.personas.loader import UnknownPersona
from pressplay.protocol.run import Refusal, Violation
from pressplay.resources.reasons import Reason

M = TypeVar("M", bound=BaseModel)
LARGEST_BODY = 40 * 1024 * 1024


class Rejected(Exception):
    """A request that is refused with a reason.

    Attributes:
        status: as in HTTP; 503 where the same may pass later.
    """

    def __init__(self, reason: Reason, message: str, status: int = 422, violations: tuple[Violation, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.refusal = Refusal(reason=reason, message=message[:4000], violations=violations)


def answer(message: BaseModel, status: int = 200) -> Response:
    """A message as JSON."""
    return Response(message.model_dump_json(), status, media_type="application/json")


async def read(request: Request, model: type[M]) -> M:
    """The body of a request.

    Raises:
        Rejected: it is too large or not what it should be.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise Rejected(Reason.OUTPUT_REFUSED, f"the body is larger than {LARGEST_BODY:,} bytes", 413)
    try:
        return model.model_validate_json(bytes(body))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise Rejected(Reason.INVALID_RUN, f"{place}: {first['msg']}", 400) from None


def _rejected(_: Request, error: Exception) -> Response:
    return answer(error.refusal, error.status) if isinstance(error, Rejected) else Response(status_code=500)


def _unauthorized(_: Request, error: Exception) -> Response:
    return answer(Refusal(reason=Reason.INVALID_RUN, message=str(error)), 401)


def _unsure(_: Request, error: Exception) -> Response:
    return answer(Refusal(reason=Reason.GATEWAY_UNAVAILABLE, message=str(error)), 503)


def _out_of_order(_: Request, error: Exception) -> Response:
    return answer(Refusal(reason=Reason.INVALID_RUN, message=str(error)), 409)


def _too_long(_: Request, error: Exception) -> Response:
    told = f"{error}; split the task into smaller ones"
    return answer(Refusal(reason=Reason.NOT_CONVERGING, message=told), 413)


def _passed_on(_: Request, error: Exception) -> Response:
    if isinstance(error, QuarantineRefused | SignerRefused):
        return answer(error.refusal, error.status)
    return Response(status_code=500)


def _unknown(_: Request, error: Exception) -> Response:
    """A persona or model that was there when the run was admitted, and is not in this gateway's any more."""
    reason = Reason.UNKNOWN_PERSONA if isinstance(error, UnknownPersona) else Reason.UNKNOWN_MODEL
    return answer(Refusal(reason=reason, message=str(error)[:4000]), 422)


def _not_there(_: Request, error: Exception) -> Response:
    told = f"a part of the gateway does not answer: {type(error).__name__}"
    return answer(Refusal(reason=Reason.GATEWAY_UNAVAILABLE, message=told), 503)


HANDLERS: Mapping[Any, Callable[[Request, Exception], Response]] = {
    Rejected: _rejected,
    Unauthorized: _unauthorized,
    Unsure: _unsure,
    OutOfOrder: _out_of_order,
    TooLong: _too_long,
    QuarantineRefused: _passed_on,
    SignerRefused: _passed_on,
    UnknownPersona: _unknown,
    UnknownModel: _unknown,
    httpx.HTTPError: _not_there,
}
