"""A watch goes on whatever becomes of one of its requests, and tells of everything that is there."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from kubernetes import client

from pressplay.kube import watch
from pressplay.kube.access import Access
from pressplay.kube.watch import Watch

SECONDS = 30


def event(name: str, kind: str = "ADDED") -> bytes:
    meta = {"namespace": "flows", "name": name, "resourceVersion": "7"}
    return json.dumps({"type": kind, "object": {"metadata": meta}}).encode() + b"\n"


def a_list(*names: str) -> bytes:
    items = [{"metadata": {"namespace": "flows", "name": name}} for name in names]
    return json.dumps({"metadata": {"resourceVersion": "5"}, "items": items}).encode()


EXPIRED = json.dumps({"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}).encode()


@dataclass
class Answers:
    """What is answered, one after the other; of what is cut more bytes are promised than come."""

    left: list[tuple[int, bytes, bool]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    monkeypatch.setattr(watch, "FIRST_WAIT", 0.01)
    answers = Answers()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # Whole Workflows have a megabyte, and each write of one is an event.
            kind = "PartialObjectMetadata" if "watch=1" in self.path else "PartialObjectMetadataList"
            assert f"as={kind};" in self.headers["Accept"]
            answers.asked.append("watch" if "watch=1" in self.path else "list")
            if not answers.left:
                over.wait(SECONDS)
                return
            status, text, cut = answers.left.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text) + 100 * cut))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        answers.address = f"http://127.0.0.1:{found.server_address[1]}"
        yield answers
        over.set()
        found.shutdown()


BETWEEN: list[Any] = [
    pytest.param((200, event("b") + b'{"type":"MOD', False), id="an event that is cut"),
    pytest.param((200, event("b"), True), id="an answer that is cut"),
    pytest.param((200, event("b") + EXPIRED, False), id="410 in an event"),
    pytest.param((410, b"{}", False), id="410 at once"),
    pytest.param((500, b"broken", False), id="500"),
    pytest.param((200, b'{"type":"ADDED","object":{}}\n', False), id="an event without metadata"),
]


@pytest.mark.parametrize("between", BETWEEN)
def test_after_what_was_cut_all_is_listed_anew_and_watched_on(
    server: Answers, between: tuple[int, bytes, bool]
) -> None:
    server.left = [
        (200, a_list("a"), False), between, (200, a_list("a"), True), (200, a_list("a", "b", "c"), False),
        (200, event("d"), False),
    ]  # fmt: skip
    seen: set[str] = set()

    async def work() -> None:
        whole = asyncio.Event()

        def look(namespace: str, name: str) -> None:
            assert namespace == "flows"
            seen.add(name)
            if name == "d":
                whole.set()

        access = Access(client.Configuration(host=server.address), "flows")
        watching = asyncio.create_task(Watch(access, "/x", "Workflows", "a", look).run())
        ended, _ = await asyncio.wait(
            [watching, asyncio.create_task(whole.wait())], timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        assert ended, f"waited {SECONDS} s for the last event; asked: {server.asked}"
        assert not watching.done(), "the watch ended"
        watching.cancel()

    asyncio.run(work())
    assert seen == {"a", "b", "c", "d"}
    assert server.asked[:5] == ["list", "watch", "list", "list", "watch"]
