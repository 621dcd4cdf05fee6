"""What the operator speaks to, on one port of loopback: objects by their paths as an API server keeps them, and the
gateway's answers. It takes every body, and refuses or cuts off what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kubernetes import client

from pressplay.kube.access import Access
from pressplay.operator.gateway import Gateway

CREATED = "2026-05-01T12:00:00Z"


@dataclass
class Cluster:
    """What is there.

    Attributes:
        refusals: status and message by the beginning of `METHOD path`.
        control: the gateway's answers by the beginning of `METHOD path`.
        asked: every `METHOD path` so far.
        reason: of refusals.
        after: what happens when `METHOD path` is asked for, whatever is answered.
    """

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    control: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    address: str = ""
    reason: str = ""
    after: dict[str, Callable[[], None]] = field(default_factory=dict)

    def access(self) -> Access:
        """Reach it as the operator does."""
        return Access(client.Configuration(host=self.address), "team")

    def gateway(self, folder: Path) -> Gateway:
        """Reach the gateway as the operator does."""
        (folder / "token").write_text("of the operator")
        return Gateway(self.address, folder / "token")

    def of(self, plural: str) -> list[dict[str, Any]]:
        """All objects of a kind."""
        return [body for path, body in self.objects.items() if f"/{plural}/" in path]

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Do what is asked."""
        self.asked.append(f"{method} {path}")
        self.after.get(self.asked[-1], lambda: None)()
        for beginning, (status, message) in self.refusals.items():
            if self.asked[-1].startswith(beginning):
                return status, {"reason": self.reason, "message": message}
        for beginning, told in self.control.items():
            if self.asked[-1].startswith(beginning):
                return 200, told
        path, _, query = path.partition("?")
        if method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            meta = {"uid": path, "creationTimestamp": CREATED, **body["metadata"]}
            self.objects[path] = {**body, "metadata": meta}
        elif method == "PATCH":
            path = path.removesuffix("/status")
            self.objects[path] = _merged(self.objects[path], body)
        elif query or path.endswith(("/pods", "/jobs")):
            return 200, {"items": [each for name, each in self.objects.items() if name.startswith(f"{path}/")]}
        if path not in self.objects:
            return 404, {"reason": "NotFound", "message": "not found"}
        return 200, self.objects.pop(path) if method == "DELETE" else self.objects[path]


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A merge patch, RFC 7386."""
    both = {**old}
    for name, value in new.items():
        both[name] = _merged(old.get(name) or {}, value) if isinstance(value, dict) else value
    return both


@contextmanager
def cluster() -> Iterator[Cluster]:
    """One that is served."""
    kept = Cluster()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, told = kept.answer(self.command, self.path, json.loads(body or b"{}"))
            text = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815 - the base's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        kept.address = f"http://127.0.0.1:{server.server_address[1]}"
        yield kept
        server.shutdown()
