"""The two pages of the App manifest flow, on 127.0.0.1: one sends the manifest, GitHub returns to the other."""

from __future__ import annotations

import html
import json
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CALLBACK = "/callback"
# No script of anybody else's, and forms to wherever GitHub is.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"


class ManifestServer:
    """Waits for the code with which GitHub hands an App over.

    Args:
        creation_page: of GitHub.
        build: makes the manifest, given the address that GitHub is to return to.
        port: 0 for any free one.
    """

    def __init__(self, creation_page: str, build: Callable[[str], dict[str, Any]], port: int = 0) -> None:
        self._state = secrets.token_urlsafe(24)
        self._code: str | None = None
        self._arrived = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._page = form(
            f"{creation_page}?{urlencode({'state': self._state})}", build(self.url.rstrip("/") + CALLBACK)
        )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    def __enter__(self) -> ManifestServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def code(self, seconds: float) -> str | None:
        """The code, once it has come; None where it does not come in time."""
        self._arrived.wait(seconds)
        return self._code

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, text = outer.answer(self.path)
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Security-Policy", POLICY)
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                # The code is in the address: it is not for the terminal.
                del format, args

        return Handler

    def answer(self, path: str) -> tuple[int, str]:
        """Status and page for a request's path."""
        parts = urlsplit(path)
        if parts.path == "/":
            return 200, self._page
        query = parse_qs(parts.query)
        if parts.path != CALLBACK or "code" not in query:
            return 404, page("There is nothing here.")
        # Whoever cannot name the state did not come from our page.
        if not secrets.compare_digest(query.get("state", [""])[0], self._state):
            return 400, page("This answer is not to our question. Begin again from the address in the terminal.")
        self._code = query["code"][0]
        self._arrived.set()
        return 200, page("GitHub has made the App. Go back to the terminal: it says what is left to do.")


def page(text: str) -> str:
    """A page with one sentence."""
    return f"<!doctype html><meta charset=utf-8><title>Pressplay</title><p>{html.escape(text)}</p>"


def form(action: str, manifest: dict[str, Any]) -> str:
    """A page that sends the manifest to GitHub by itself, or by its button where scripts are off."""
    value = html.escape(json.dumps(manifest), quote=True)
    return (
        "<!doctype html><meta charset=utf-8><title>Pressplay</title>"
        f'<form id=f method=post action="{html.escape(action, quote=True)}">'
        f'<input type=hidden name=manifest value="{value}"><button>Make the GitHub App</button></form>'
        "<script>document.getElementById('f').submit()</script>"
    )
