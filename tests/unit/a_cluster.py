"""An API server on a real port, for the command line: objects by path, lists with selectors, and watches.

Keeps what it is given, refuses what is there already, and knows only the kinds it is told of. It validates nothing.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

RUNS = "/apis/agents.platform/v1"
ARGO = "/apis/argoproj.io/v1alpha1"
PLAIN = ("coderuns", "docsruns", "pods")
OF_ARGO = ("workflows", "workflowtemplates")
WATCH_SECONDS = 30


@dataclass
class Cluster:
    """What it keeps.

    Attributes:
        plurals: the kinds that it knows.
        objects: by plural, namespace and name.
        on_change: called after each write, without the lock.
        logs: of a pod's containers.
    """

    plurals: tuple[str, ...] = PLAIN
    objects: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    on_change: Callable[[Cluster, dict[str, Any]], None] | None = None
    kubeconfig: str = ""
    version: int = 100
    closing: bool = False
    changed: threading.Condition = field(default_factory=lambda: threading.Condition(threading.RLock()))

    def put(self, plural: str, body: dict[str, Any]) -> dict[str, Any]:
        """Keep an object as it is now."""
        with self.changed:
            self.version += 1
            meta = body["metadata"]
            meta.setdefault("namespace", "default")
            meta.setdefault("uid", f"uid-{meta['name']}")
            meta.setdefault("creationTimestamp", f"2026-05-01T12:00:{self.version % 60:02}Z")
            meta["resourceVersion"] = str(self.version)
            self.objects[plural, meta["namespace"], meta["name"]] = copy.deepcopy(body)
            self.changed.notify_all()
        return body

    def set_status(self, plural: str, name: str, **status: Any) -> None:
        """Change what is told of an object."""
        with self.changed:
            body = copy.deepcopy(next(self.objects[key] for key in self.objects if key[0] == plural and key[2] == name))
            body["status"] = {**(body.get("status") or {}), **status}
            self.put(plural, body)

    def named(self, plural: str) -> list[str]:
        """The names of all objects of a kind, in the order in which they were made."""
        with self.changed:
            return [name for kind, _, name in self.objects if kind == plural]

    def get(self, plural: str, name: str) -> dict[str, Any]:
        """An object as it is now."""
        with self.changed:
            found = next(body for (kind, _, own), body in self.objects.items() if (kind, own) == (plural, name))
            return copy.deepcopy(found)

    def listed(self, plural: str, namespace: str, query: dict[str, str]) -> list[dict[str, Any]]:
        """The objects that are asked for."""
        return [
            body
            for (kind, place, _), body in self.objects.items()
            if kind == plural and namespace in ("", place) and _matches(body, query)
        ]


def _matches(body: dict[str, Any], query: dict[str, str]) -> bool:
    labels = body["metadata"].get("labels") or {}
    for part in filter(None, query.get("labelSelector", "").split(",")):
        name, equal, value = part.partition("=")
        if name not in labels or (equal and labels[name] != value):
            return False
    name, _, value = query.get("fieldSelector", "").partition("=")
    return not name or body["metadata"]["name"] == value


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A merge patch, RFC 7386."""
    both = {name: value for name, value in old.items() if new.get(name, value) is not None}
    for name, value in new.items():
        if value is not None:
            both[name] = _merged(old.get(name) or {}, value) if isinstance(value, dict) else value
    return both


class Server(ThreadingHTTPServer):
    """Answers for a cluster."""

    daemon_threads = True

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cluster = cluster


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_GET(self) -> None:
        cluster, asked = self.server.cluster, _asked(self.path)
        if asked.plural not in cluster.plurals:
            self._answer(404, b"404 page not found")
        elif asked.part == "log":
            self._answer(200, cluster.logs.get(f"{asked.name}/{asked.query['container']}", "").encode())
        elif asked.query.get("watch"):
            self._watch(asked)
        elif asked.name:
            with cluster.changed:
                body = cluster.objects.get((asked.plural, asked.namespace, asked.name))
            if body:
                self._tell(200, body)
            else:
                self._refuse(404, "NotFound", f'{asked.plural} "{asked.name}" not found')
        else:
            with cluster.changed:
                items = cluster.listed(asked.plural, asked.namespace, asked.query)
                self._tell(200, {"metadata": {"resourceVersion": str(cluster.version)}, "items": items})

    def do_PATCH(self) -> None:
        cluster, asked = self.server.cluster, _asked(self.path)
        patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with cluster.changed:
            there = cluster.objects.get((asked.plural, asked.namespace, asked.name))
            if there is None:
                self._refuse(404, "NotFound", f'{asked.plural} "{asked.name}" not found')
                return
            made = cluster.put(asked.plural, _merged(there, patch))
        self._tell(200, made)
        if cluster.on_change:
            cluster.on_change(cluster, made)

    def do_POST(self) -> None:
        cluster, asked = self.server.cluster, _asked(self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with cluster.changed:
            body["metadata"].setdefault("name", f"{body['metadata'].get('generateName')}{cluster.version}")
            if (asked.plural, asked.namespace, body["metadata"]["name"]) in cluster.objects:
                self._refuse(409, "AlreadyExists", "there is one already")
                return
            body["metadata"]["namespace"] = asked.namespace
            made = cluster.put(asked.plural, body)
        self._tell(201, made)
        if cluster.on_change:
            cluster.on_change(cluster, made)

    def _watch(self, asked: Asked) -> None:
        cluster = self.server.cluster
        since, seconds = int(asked.query.get("resourceVersion") or 0), float(asked.query.get("timeoutSeconds") or 1)

        def news() -> list[dict[str, Any]]:
            found = cluster.listed(asked.plural, asked.namespace, asked.query)
            return [body for body in found if int(body["metadata"]["resourceVersion"]) > since]

        with cluster.changed:
            cluster.changed.wait_for(lambda: news() or cluster.closing, min(WATCH_SECONDS, seconds))
            told = "".join(json.dumps({"type": "MODIFIED", "object": body}) + "\n" for body in news())
        # Ended at the first news, as a server may end a watch at any time: whoever watches comes again.
        self._answer(200, told.encode())

    def _tell(self, status: int, body: Any) -> None:
        self._answer(status, json.dumps(body).encode())

    def _refuse(self, status: int, reason: str, message: str) -> None:
        self._tell(status, {"kind": "Status", "reason": reason, "message": message})

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@contextmanager
def api_server(folder: Path, namespace: str = "default", **told: Any) -> Iterator[Cluster]:
    """Serve a cluster; its kubeconfig is written into a folder."""
    cluster = Cluster(**told)
    with Server(cluster) as server:
        cluster.kubeconfig = str(folder / "kubeconfig")
        Path(cluster.kubeconfig).write_text(_kubeconfig(f"http://127.0.0.1:{server.server_port}", namespace))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield cluster
        finally:
            with cluster.changed:
                cluster.closing = True
                cluster.changed.notify_all()
            server.shutdown()


@dataclass(frozen=True)
class Asked:
    """What a path means."""

    plural: str
    namespace: str
    name: str
    part: str
    query: dict[str, str]


def _asked(path: str) -> Asked:
    parts = urlsplit(path)
    words = parts.path.strip("/").split("/")
    words = words[2:] if words[0] == "api" else words[3:]
    namespace = ""
    if words[0] == "namespaces" and len(words) > 2:
        namespace, words = words[1], words[2:]
    plural, name, part = (*words, "", "")[:3]
    return Asked(plural, namespace, name, part, {key: values[0] for key, values in parse_qs(parts.query).items()})


def _kubeconfig(server: str, namespace: str) -> str:
    told = {
        "apiVersion": "v1", "kind": "Config", "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "here", "user": "me", "namespace": namespace}}],
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": "x"}}],
    }  # fmt: skip
    return yaml.safe_dump(told)
