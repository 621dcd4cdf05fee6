"""The stand-in's routes: GitHub's below `/api/v3` and `/api/graphql`, git's at `/OWNER/NAME.git`, ours below `/_hub`.

It is no GitHub and says so at `/`. Answers are of GitHub's shapes; what a token may do is enforced.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localhub.admin import Admin
from localhub.apps import Apps
from localhub.checks import Checks
from localhub.code import Code
from localhub.comments import Comments
from localhub.context import API, Context
from localhub.hooks import Hooks
from localhub.issues import Issues
from localhub.labels import Labels
from localhub.manifests import Manifests
from localhub.merging import Merging
from localhub.pages import Pages
from localhub.problems import Problem, answered, missing, unknown
from localhub.pulls import Pulls
from localhub.repositories import Repositories
from localhub.reviews import Reviews
from localhub.state import HOUR, State
from localhub.threads import Threads
from localhub.transport import Transport
from localhub.workflows import Workflows

# In this order: what is git's own comes last, for its paths would match others'.
PARTS = (
    Admin, Apps, Manifests, Repositories, Code, Pulls, Merging, Reviews, Threads, Issues, Labels, Comments, Checks,
    Workflows, Pages, Transport,
)  # fmt: skip
LIMIT = 5000
_LONG_NUMBER = re.compile(r"/[0-9]{1000,}(?:/|$)")


def application(state: State, admin_token: str) -> Starlette:
    """The stand-in.

    Args:
        admin_token: for the routes below `/_hub`, which are not GitHub's.
    """
    context = Context(state, Hooks(state), admin_token)
    routes = [route for part in PARTS for route in part(context).routes()]
    app = Starlette(routes=routes, exception_handlers={Problem: answered, HTTPException: unknown})
    app.add_middleware(BaseHTTPMiddleware, dispatch=_Around(state).dispatch)
    return app


class _Around:
    """Faults that are switched on, and what every answer of GitHub's has."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def dispatch(self, request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        if _LONG_NUMBER.search(request.url.path):
            # There is no such number, and Python does not read it.
            return answered(request, missing())
        fault = self._fault(f"{request.method} {request.url.path}")
        if fault and fault.get("delay"):
            await asyncio.sleep(float(fault["delay"]))
        if fault and fault.get("status"):
            headers = {"retry-after": str(fault["retry_after"])} if fault.get("retry_after") else {}
            return JSONResponse({"message": fault.get("message", "a fault")}, int(fault["status"]), headers)
        answer = await go_on(request)
        if fault and fault.get("drop"):
            return JSONResponse({"message": "the answer is lost, the effect is not"}, 502)
        if request.method == "GET" and answer.status_code == 200 and request.url.path.startswith(API):
            answer = await _tagged(request, answer)
        _add_headers(request, answer)
        return answer

    def _fault(self, what: str) -> dict[str, Any] | None:
        with self._state.lock:
            for fault in self._state.faults:
                if re.search(fault["match"], what):
                    fault["count"] = int(fault.get("count", 1)) - 1
                    if fault["count"] <= 0:
                        self._state.faults.remove(fault)
                    return fault
        return None


async def _tagged(request: Request, answer: Response) -> Response:
    """The answer with its ETag, or none of it where the caller has it already."""
    pieces = [piece async for piece in answer.body_iterator]  # type: ignore[attr-defined]
    body = b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces)
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    known = [each.strip() for each in request.headers.get("if-none-match", "").split(",")]
    # Tags are compared weakly: a cache on the way may have dropped the mark.
    known += [f"W/{each}" for each in known if each.startswith('"')]
    kept = {name: value for name, value in answer.headers.items() if name != "content-length"}
    if tag in known:
        return Response(status_code=304, headers={"etag": tag})
    return Response(body, answer.status_code, {**kept, "etag": tag})


def _add_headers(request: Request, answer: Response) -> None:
    answer.headers["x-github-request-id"] = uuid4().hex[:16].upper()
    answer.headers["x-ratelimit-limit"] = str(LIMIT)
    answer.headers["x-ratelimit-remaining"] = str(LIMIT - 1)
    answer.headers["x-ratelimit-used"] = "1"
    answer.headers["x-ratelimit-resource"] = "core"
    answer.headers["x-ratelimit-reset"] = str(int(time.time() + HOUR))
    link = getattr(request.state, "link", "")
    if link:
        answer.headers["link"] = link
