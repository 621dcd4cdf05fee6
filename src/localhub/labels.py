"""Labels of a repository, and those on its issues and pull requests."""

from __future__ import annotations

import json
import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhub import render
from localhub.context import EITHER, REPO, Context, body_of, listed, text_in
from localhub.problems import Problem, invalid, missing
from localhub.subjects import COLOUR, have_labels, known_label, set_labels, tell


class Labels:
    """Their routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state

    def routes(self) -> list[Route]:
        """All of them."""
        one = f"{REPO}/issues/{{number:int}}/labels"
        return [
            Route(one, self.labels),
            Route(one, self.add, methods=["POST"]),
            Route(one, self.put, methods=["PUT"]),
            Route(one, self.clear, methods=["DELETE"]),
            Route(f"{one}/{{label:path}}", self.remove, methods=["DELETE"]),
            Route(f"{REPO}/labels", self.every),
            Route(f"{REPO}/labels", self.make, methods=["POST"]),
            Route(f"{REPO}/labels/{{label:path}}", self.label),
        ]

    async def labels(self, request: Request) -> Response:
        """Labels of an issue."""
        found = self._context.allowed(request, EITHER, "read")
        _, one = self._context.subject(found, request)
        return listed(request, self._state, render.labels(self._state, found, one))

    async def add(self, request: Request) -> Response:
        """Add labels; those that the repository has not are made."""
        found = self._context.allowed(request, EITHER, "write")
        number, one = self._context.subject(found, request)
        login = self._context.actor(request)
        for name in have_labels(self._context, found, one, await _names(request)):
            tell(self._context, found, number, "labeled", login, label=render.label(self._state, found, name))
        self._state.save()
        return JSONResponse(render.labels(self._state, found, one))

    async def put(self, request: Request) -> Response:
        """Have these labels and no others."""
        found = self._context.allowed(request, EITHER, "write")
        number, one = self._context.subject(found, request)
        set_labels(self._context, found, number, await _names(request), self._context.actor(request))
        return JSONResponse(render.labels(self._state, found, one))

    async def clear(self, request: Request) -> Response:
        """Take all labels away."""
        found = self._context.allowed(request, EITHER, "write")
        number, _ = self._context.subject(found, request)
        set_labels(self._context, found, number, [], self._context.actor(request))
        return Response(status_code=204)

    async def remove(self, request: Request) -> Response:
        """Take a label away."""
        found = self._context.allowed(request, EITHER, "write")
        number, one = self._context.subject(found, request)
        name = known_label(found, request.path_params["label"])
        if name not in one.get("labels", []):
            raise Problem(404, "Label does not exist")
        kept = [each for each in one["labels"] if each != name]
        set_labels(self._context, found, number, kept, self._context.actor(request))
        return JSONResponse(render.labels(self._state, found, one))

    async def every(self, request: Request) -> Response:
        """Labels that a repository has."""
        found = self._context.allowed(request, EITHER, "read")
        return listed(request, self._state, [render.label(self._state, found, name) for name in found["labels"]])

    async def make(self, request: Request) -> Response:
        """Make one."""
        found = self._context.allowed(request, EITHER, "write")
        told = await body_of(request)
        name, colour = text_in(told, "name", "Label"), told.get("color") or COLOUR
        if not re.fullmatch(r"[0-9a-fA-F]{6}", str(colour)):
            raise invalid("Label", "color")
        if known_label(found, name):
            raise invalid("Label", "name", "already_exists")
        made = {"id": self._state.number(), "color": colour, "description": told.get("description")}
        found["labels"][name] = made
        self._state.save()
        return JSONResponse(render.label(self._state, found, name), 201)

    async def label(self, request: Request) -> Response:
        """One of them."""
        found = self._context.allowed(request, EITHER, "read")
        name = known_label(found, request.path_params["label"])
        if name is None:
            raise missing()
        return JSONResponse(render.label(self._state, found, name))


async def _names(request: Request) -> object:
    """What a body names: a list, or an object with one."""
    try:
        told = json.loads(await request.body() or b"[]")
    except ValueError:
        raise Problem(400, "Problems parsing JSON") from None
    return told.get("labels", []) if isinstance(told, dict) else told
