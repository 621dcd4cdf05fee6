"""Two operators and one Lease, before an API server that may accept a request and never answer it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from kubernetes import client

from pressplay.kube.access import Access
from pressplay.operator import leader
from pressplay.operator.leader import Election

SECONDS = 20


@dataclass
class Lease:
    """The one object of this API server; who is told to hang gets no answer."""

    held: dict[str, Any] | None = None
    version: int = 0
    hangs: set[str] = field(default_factory=set)
    go_on: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            if method == "GET":
                return (404, {"reason": "NotFound"}) if self.held is None else (200, self.held)
            told = body["metadata"].get("resourceVersion")
            if self.held is not None and told != str(self.version):
                return 409, {"reason": "Conflict"}
            self.version += 1
            self.held = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
            return 200, self.held


@pytest.fixture
def lease(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Lease, str]]:
    for name, value in (("HOLD_SECONDS", 2), ("RENEW_SECONDS", 0.2), ("SAFETY_SECONDS", 0.8), ("REQUEST_SECONDS", 0.4)):
        monkeypatch.setattr(leader, name, value)
    kept = Lease()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            if self.headers["Authorization"].removeprefix("Bearer ") in kept.hangs:
                kept.go_on.wait(SECONDS)
                self.close_connection = True
                return
            status, told = kept.answer(self.command, body)
            text = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - the base's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that gave up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield kept, f"http://127.0.0.1:{server.server_address[1]}"
        kept.go_on.set()
        server.shutdown()


@dataclass
class Candidate:
    """An operator, as far as the election matters."""

    name: str
    address: str
    told: list[tuple[bool, float]] = field(default_factory=list)

    @property
    def leads(self) -> bool:
        return bool(self.told) and self.told[-1][0]

    def election(self) -> Election:
        configuration = client.Configuration(host=self.address)
        configuration.api_key = {"authorization": self.name}
        configuration.api_key_prefix = {"authorization": "Bearer"}
        access = Access(configuration, "system")
        return Election(access, "system", self.name, lambda leads: self.told.append((leads, time.monotonic())))


async def until(what: str, holds: Any) -> None:
    ends = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < ends, f"waited {SECONDS} s for {what}"
        await asyncio.sleep(0.02)


def test_a_leader_that_gets_no_answer_stops_before_another_begins(lease: tuple[Lease, str]) -> None:
    kept, address = lease
    one, two = Candidate("one", address), Candidate("two", address)

    async def work() -> None:
        tasks = [asyncio.create_task(one.election().run())]
        await until("one to lead", lambda: one.leads)
        tasks.append(asyncio.create_task(two.election().run()))
        kept.hangs.add("one")
        await until("two to lead", lambda: two.leads)
        assert not one.leads, "two operators lead"
        assert one.told[-1][1] < two.told[-1][1]
        kept.hangs.clear()
        kept.go_on.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(asyncio.wait_for(work(), 3 * SECONDS))
    assert kept.held is not None
    assert kept.held["spec"]["holderIdentity"] == "", "who ends lets go"


def test_who_leads_leads_again_when_answers_come_again(lease: tuple[Lease, str]) -> None:
    kept, address = lease
    one = Candidate("one", address)

    async def work() -> None:
        task = asyncio.create_task(one.election().run())
        await until("it to lead", lambda: one.leads)
        kept.hangs.add("one")
        await until("it to stop", lambda: not one.leads)
        kept.hangs.clear()
        kept.go_on.set()
        await until("it to lead again", lambda: one.leads)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(work(), 3 * SECONDS))
    assert [leads for leads, _ in one.told] == [True, False, True, False]


def test_a_lease_that_somebody_emptied_is_taken(lease: tuple[Lease, str]) -> None:
    kept, address = lease
    kept.held, kept.version = {"metadata": {"name": leader.NAME, "resourceVersion": "1"}}, 1
    one = Candidate("one", address)

    async def work() -> None:
        task = asyncio.create_task(one.election().run())
        await until("it to lead", lambda: one.leads)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(work(), 3 * SECONDS))
