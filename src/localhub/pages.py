"""Pages for people: what there is, and a pull request with its difference."""

from __future__ import annotations

import asyncio
import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from localhub import differences, render
from localhub.context import Context, Record
from localhub.problems import missing

NOTE = "<p>A stand-in for GitHub, not GitHub.</p>"


class Pages:
    """Their routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/", self.front),
            Route("/{owner}/{name}/pull/{number:int}", self.pull),
            Route("/{owner}/{name}/issues/{number:int}", self.issue),
        ]

    async def front(self, _: Request) -> Response:
        """All repositories and their pull requests."""
        parts = [
            "<h1>This is a stand-in for GitHub, not GitHub</h1><p>Real git is behind it. It is for demos and tests.</p>"
        ]
        for name, told in self._state.repositories.items():
            parts.append(f"<h2>{html.escape(name)}</h2><ul>")
            parts += [
                f'<li><a href="/{html.escape(name)}/pull/{number}">#{number} {html.escape(one["title"])}</a> '
                f"({'merged' if one['merged'] else one['state']})</li>"
                for number, one in told["pulls"].items()
            ]
            parts.append("</ul>")
        return HTMLResponse("".join(parts))

    def _found(self, request: Request) -> Record:
        found = self._state.find_repository(request.path_params["owner"], request.path_params["name"])
        if found is None or found["private"]:
            raise missing()
        return found

    async def pull(self, request: Request) -> Response:
        """A pull request with its difference."""
        found = self._found(request)
        number, _ = self._context.pull(found, request)
        shown = await asyncio.to_thread(render.pull, self._state, found, number)
        ends = (shown["base"]["sha"], shown["head"]["sha"])
        text = await asyncio.to_thread(differences.difference, self._context.folder(found), *ends)
        title, body = html.escape(shown["title"]), html.escape(shown["body"])
        return HTMLResponse(f"{NOTE}<h1>{title}</h1><pre>{body}</pre><pre>{html.escape(text)}</pre>")

    async def issue(self, request: Request) -> Response:
        """An issue with its comments."""
        found = self._found(request)
        number, one = self._context.subject(found, request)
        said = [one["body"], *(each["body"] for each in found["comments"].get(number, []))]
        parts = "".join(f"<pre>{html.escape(each)}</pre>" for each in said)
        return HTMLResponse(f"{NOTE}<h1>{html.escape(one['title'])}</h1>{parts}")
