"""How an App is made by its manifest, and installed: two pages that a person confirms, and a code that works once.

docs.github.com, "Registering a GitHub App from a manifest".
"""

from __future__ import annotations

import html
import json
import re
import secrets
import time
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from localhub import render
from localhub.apps import new_app
from localhub.context import API, Context, Record
from localhub.problems import Problem, missing
from localhub.state import HOUR

NOTE = "<p>A stand-in for GitHub, not GitHub.</p>"


class Manifests:
    """The flow's pages, and the exchange of the code."""

    def __init__(self, context: Context) -> None:
        self._state = context.state
        self._codes: dict[str, tuple[str, float]] = {}

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/settings/apps/new", self.blank),
            Route("/settings/apps/new", self.asked, methods=["POST"]),
            Route("/organizations/{owner}/settings/apps/new", self.blank),
            Route("/organizations/{owner}/settings/apps/new", self.asked, methods=["POST"]),
            Route("/settings/apps/confirmed", self.confirmed, methods=["POST"]),
            Route(f"{API}/app-manifests/{{code}}/conversions", self.converted, methods=["POST"]),
            Route("/apps/{slug}/installations/new", self.install),
            Route("/apps/{slug}/installations/new", self.installed, methods=["POST"]),
        ]

    async def blank(self, _: Request) -> Response:
        """The page on which a person writes a manifest by hand."""
        field = "<textarea name=manifest rows=20 cols=80></textarea>"
        return HTMLResponse(f"{NOTE}<form method=post>{field}<button>Register a GitHub App</button></form>")

    async def asked(self, request: Request) -> Response:
        """The page on which a person confirms what an App is to be."""
        manifest = (await _form(request)).get("manifest", "")
        name = _manifest(manifest)["name"]
        hidden = "".join(
            f'<input type=hidden name={field} value="{html.escape(value, quote=True)}">'
            for field, value in (("manifest", manifest), ("state", request.query_params.get("state", "")))
        )
        button = f"<button>Create GitHub App {html.escape(name)}</button>"
        return HTMLResponse(f"{NOTE}<form method=post action=/settings/apps/confirmed>{hidden}{button}</form>")

    async def confirmed(self, request: Request) -> Response:
        """The App is made; the browser goes back to where the manifest says, with a code."""
        form = await _form(request)
        manifest = _manifest(form.get("manifest", ""))
        slug = re.sub(r"[^a-z0-9]+", "-", manifest["name"].lower()).strip("-")
        if any(each["slug"] == slug for each in self._state.apps.values()):
            return HTMLResponse(f"{NOTE}<p>Name is already taken.</p>", 422)
        attributes = manifest.get("hook_attributes") or {}
        secret = secrets.token_hex(20)
        more: Record = {
            "permissions": manifest.get("default_permissions") or {}, "events": manifest.get("default_events") or [],
            "webhook_secret": secret,
        }  # fmt: skip
        if attributes.get("active", True) and attributes.get("url"):
            more["hook"] = {"url": attributes["url"], "secret": secret}
        app = new_app(self._state, slug, **more)
        code = secrets.token_hex(20)
        self._codes[code] = (str(app["id"]), time.monotonic() + HOUR)
        query = urlencode({"code": code, **({"state": form["state"]} if form.get("state") else {})})
        mark = "&" if urlsplit(manifest["redirect_url"]).query else "?"
        return RedirectResponse(f"{manifest['redirect_url']}{mark}{query}", 302)

    async def converted(self, request: Request) -> Response:
        """The App with its key, once, and within an hour."""
        identity, ends = self._codes.pop(request.path_params["code"], ("", 0.0))
        if time.monotonic() >= ends:
            raise missing()
        app = self._state.apps[identity]
        secret = {
            "client_id": f"Iv1.{app['id']:016x}", "client_secret": secrets.token_hex(20),
            "webhook_secret": app["webhook_secret"], "pem": app["private_key"],
        }  # fmt: skip
        return JSONResponse({**render.app(self._state, app), **secret}, 201)

    async def install(self, request: Request) -> Response:
        """The page on which a person installs an App."""
        slug = html.escape(self._app(request)["slug"])
        return HTMLResponse(f"{NOTE}<form method=post><button>Install {slug} on all repositories</button></form>")

    async def installed(self, request: Request) -> Response:
        """It is installed everywhere."""
        app, identity = self._app(request), self._state.number()
        self._state.installations[str(identity)] = {
            "id": identity, "app": app["id"], "repositories": "all", "permissions": app.get("permissions", {}),
        }  # fmt: skip
        self._state.save()
        return HTMLResponse(f"{NOTE}<p>{html.escape(app['slug'])} is installed.</p>")

    def _app(self, request: Request) -> Record:
        slug = request.path_params["slug"]
        app = next((each for each in self._state.apps.values() if each["slug"] == slug), None)
        if app is None:
            raise missing()
        return app


async def _form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}


def _manifest(text: str) -> Record:
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    lacking = [name for name in ("name", "redirect_url") if not isinstance(told, dict) or not told.get(name)]
    if lacking:
        raise Problem(422, f"Manifest: {', '.join(lacking)} missing")
    found: Record = told
    return found
