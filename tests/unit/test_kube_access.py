"""The API server is reached as kubectl reaches it, and what goes wrong is told in one line."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from pressplay.kube.access import Access, Refused, Unreachable, connect, objects


class Server(ThreadingHTTPServer):
    seen: list[dict[str, Any]]
    chunks: list[bytes]
    status: int
    promised: int | None


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            server = self.server
            assert isinstance(server, Server)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.seen.append({"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body})
            self.send_response(server.status)
            if server.promised is not None:
                self.send_header("Content-Length", str(server.promised))
            self.end_headers()
            for chunk in server.chunks:
                self.wfile.write(chunk)
                self.wfile.flush()

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815 - the base's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    found = Server(("127.0.0.1", 0), Handler)
    found.seen, found.chunks, found.status, found.promised = [], [b"{}"], 200, None
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join(10)


@pytest.fixture
def kubeconfig(tmp_path: Path, server: Server) -> Callable[..., str]:
    def write(**context: str) -> str:
        told = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "one",
            "contexts": [
                {"name": "one", "context": {"cluster": "here", "user": "me", **context}},
                {"name": "two", "context": {"cluster": "here", "user": "me", "namespace": "second"}},
            ],
            "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
            "users": [{"name": "me", "user": {"token": "hush"}}],
        }
        (tmp_path / "config").write_text(yaml.safe_dump(told))
        return str(tmp_path / "config")

    return write


@pytest.fixture
def access(kubeconfig: Callable[..., str]) -> Access:
    return connect(kubeconfig())


def test_the_namespace_is_the_contexts_unless_another_is_said(kubeconfig: Callable[..., str]) -> None:
    assert connect(kubeconfig()).namespace == "default"
    assert connect(kubeconfig(namespace="mine")).namespace == "mine"
    assert connect(kubeconfig(), context="two").namespace == "second"
    assert connect(kubeconfig(), context="two", namespace="other").namespace == "other"


def test_requests_carry_the_users_token_and_their_kind(access: Access, server: Server) -> None:
    access.get("/api/v1/pods", labelSelector="a=b c")
    access.patch("/api/v1/x", {"spec": 1})
    read, patched = server.seen
    assert (read["method"], read["path"]) == ("GET", "/api/v1/pods?labelSelector=a%3Db+c")
    assert read["headers"]["Authorization"] == "Bearer hush"
    assert patched["headers"]["Content-Type"] == "application/merge-patch+json"
    assert json.loads(patched["body"]) == {"spec": 1}


def test_lines_come_whole_however_they_are_cut(access: Access, server: Server) -> None:
    server.chunks = [b'{"type":"ADD', b'ED"}\n{"type":', b'"DELETED"}\n']
    assert list(access.watch("/watched", 5)) == [{"type": "ADDED"}, {"type": "DELETED"}]
    assert "watch=1" in server.seen[0]["path"]


def test_the_last_line_needs_no_end(access: Access, server: Server) -> None:
    server.chunks = [b"one\ntwo"]
    assert list(access.lines("/log")) == [b"one", b"two"]


def test_a_refusal_has_the_servers_words_and_reason(access: Access, server: Server) -> None:
    server.status = 422
    server.chunks = [json.dumps({"reason": "Invalid", "message": "spec.task:\n  Required"}).encode()]
    with pytest.raises(Refused) as refused:
        access.create("/x", {})
    assert (refused.value.status, refused.value.reason) == (422, "Invalid")
    assert refused.value.message == "spec.task: Required"


def test_a_refusal_that_is_no_status_is_told_as_it_is(access: Access, server: Server) -> None:
    server.status, server.chunks = 502, [b"<html>bad\ngateway"]
    with pytest.raises(Refused, match="<html>bad gateway"):
        access.get("/x")


def test_a_server_that_is_away_is_named(kubeconfig: Callable[..., str], server: Server) -> None:
    path = kubeconfig()
    Path(path).write_text(Path(path).read_text().replace(str(server.server_address[1]), "9"))
    with pytest.raises(Unreachable, match=r"the API server at http://127\.0\.0\.1:9 does not") as told:
        connect(path).get("/version")
    assert "\n" not in str(told.value)


def test_without_a_kubeconfig_its_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="there is no kubeconfig at"):
        connect(str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    "text", [b"not: [valid", b"[1, 2]", b"\xff\xfe\x00", b"{clusters: 3, contexts: [3], current-context: a}", b"3"]
)
def test_a_file_that_is_no_kubeconfig_is_named_in_one_line(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "config"
    file.write_bytes(text)
    with pytest.raises(Unreachable, match=f"the kubeconfig {file} cannot be used: ") as told:
        connect(str(file))
    assert "\n" not in str(told.value)


def test_an_unknown_context_is_named(kubeconfig: Callable[..., str]) -> None:
    with pytest.raises(Unreachable, match="three"):
        connect(kubeconfig(), context="three")


def test_paths_are_those_of_the_api() -> None:
    assert objects("v1", "namespaces") == "/api/v1/namespaces"
    assert objects("v1", "pods", "a", "b", "log") == "/api/v1/namespaces/a/pods/b/log"
    assert objects("apps/v1", "deployments", None) == "/apis/apps/v1/deployments"
    assert objects("v1", "pods", "a", "../b") == "/api/v1/namespaces/a/pods/..%2Fb"


@pytest.mark.parametrize("status", [200, 201])
def test_an_answer_that_breaks_off_is_one_that_did_not_come(access: Access, server: Server, status: int) -> None:
    server.status, server.chunks, server.promised = status, [b'{"items":['], 1_000
    for ask in (access.get, access.metadata, lambda path: access.create(path, {})):
        with pytest.raises(Unreachable, match="broke off"):
            ask("/x")


@pytest.mark.parametrize("text", [b'{"items":[', b"", b"[]", b"<html>"])
def test_an_answer_that_is_no_object_is_one_that_did_not_come(access: Access, server: Server, text: bytes) -> None:
    server.chunks = [text]
    with pytest.raises(Unreachable, match="did not answer with an object"):
        access.get("/x")


def test_a_refusal_that_breaks_off_is_a_refusal(access: Access, server: Server) -> None:
    server.status, server.chunks, server.promised = 403, [b'{"reason":'], 1_000
    with pytest.raises(Refused) as refused:
        access.get("/x")
    assert refused.value.status == 403


def test_a_watch_that_is_cut_within_an_event_says_so_after_the_events_before_it(access: Access, server: Server) -> None:
    server.chunks = [b'{"type":"ADDED"}\n{"type":"MODI']
    events = access.watch("/watched", 5)
    assert next(events) == {"type": "ADDED"}
    with pytest.raises(Unreachable, match="in the middle of an event"):
        next(events)
