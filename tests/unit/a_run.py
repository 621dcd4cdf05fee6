"""A run's surroundings: a gateway's wire on a real port, a repository made by git, the workbench's program."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pressplay.protocol.changeset import Changeset
from pressplay.protocol.run import (
    BRIEF,
    END,
    OUTPUT,
    REFERENCE,
    TRANSCRIPT,
    WORK,
    WORKSPACE,
    Accepted,
    Brief,
    Checkout,
    Entries,
    Entry,
    Limits,
    Output,
    Reference,
    Refusal,
    Sealed,
    Transcript,
)
from pressplay.protocol.workbench import ONCE, script
from pressplay.runner.exchange import Exchange
from pressplay.runner.gateway import Gateway
from pressplay.runner.tools import ALL

PULL_REQUEST = Accepted(outcome="pull_request", pull_request=7, url="http://hub/acme/sums/pull/7")
PEOPLE = {f"GIT_{who}_{what}": "x@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *words: str) -> str:
    """What git answers, without any settings of the machine."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **PEOPLE}
    return subprocess.run(["git", *words], cwd=folder, env=env, check=True, capture_output=True, text=True).stdout


@dataclass
class Origin:
    """A repository with one commit, and its objects as one pack."""

    commit: str
    pack: bytes


def origin(folder: Path) -> Origin:
    """Commit what is in a folder."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message=first")
    words = ["git", "pack-objects", "--revs", "--stdout", "--quiet"]
    packed = subprocess.run(words, cwd=folder, input=b"HEAD\n", check=True, capture_output=True)
    return Origin(git(folder, "rev-parse", "HEAD").strip(), packed.stdout)


def brief(commit: str, limits: Limits | None = None, attempt: int = 1) -> Brief:
    """A brief with all tools."""
    return Brief(
        run="add", kind="CodeRun", repository="acme/sums", persona="rex", wire="anthropic", model="m",
        system="You are Rex.", task="Mend add.", attempt=attempt, tools=tuple(ALL), limits=limits or Limits(),
        checkout=Checkout(commit=commit, branch="pressplay/add", base="main"),
    )  # fmt: skip


@dataclass
class Kept:
    """What the gateway holds of one run, and what it is to answer."""

    brief: Brief
    pack: bytes = b""
    entries: list[Entry] = field(default_factory=list)
    work: Changeset | None = None
    reference: Reference | None = None
    asked: list[str] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def get(self, path: str) -> tuple[int, bytes]:
        """Answer a GET."""
        if path == BRIEF:
            return 200, self.brief.model_dump_json().encode()
        if path.partition("?")[0] == WORKSPACE:
            self.asked.append(path)
            return 200, self.pack
        if path == TRANSCRIPT:
            return 200, Transcript(entries=tuple(self.entries)).model_dump_json().encode()
        work = self.work or (self.reference.changes if self.reference else None)
        return (204, b"") if work is None else (200, work.model_dump_json().encode())

    def take(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Answer a POST or a PUT."""
        if path == WORK:
            self.work = Changeset.model_validate_json(body)
        elif path == TRANSCRIPT:
            for entry in Entries.model_validate_json(body).entries:
                assert entry.sequence == len(self.entries), "the transcript has a gap"
                self.entries.append(entry)
        elif path == REFERENCE:
            self.reference = self.reference or Reference.model_validate_json(body)
            self.brief = self.brief.model_copy(update={"fixed": self.reference.reports})
            return 200, Sealed(tree="0" * 40).model_dump_json().encode()
        elif path == OUTPUT:
            self.outputs.append(Output.model_validate_json(body))
            if self.refusals:
                return 422, self.refusals.pop(0).model_dump_json().encode()
            return 200, PULL_REQUEST.model_dump_json().encode()
        else:
            assert path == END
        return 204, b""


@contextmanager
def gateway(kept: Kept, folder: Path) -> Iterator[Gateway]:
    """The runner's own client, before a server that speaks the gateway's protocol."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self._answer(*kept.get(self.path))

        def do_POST(self) -> None:
            self._answer(*kept.take(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

        do_PUT = do_POST  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    (folder / "token").write_text("of the pod")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        client = Gateway(f"http://127.0.0.1:{server.server_port}", folder / "token", sleep=lambda _: None)
        try:
            yield client
        finally:
            client._http.close()
            server.shutdown()


def referee(folder: Path, home: Path) -> None:
    """The referee's real program: it does what stands in its exchange, and ends."""
    env = {
        "PATH": os.environ["PATH"], "PRESSPLAY_EXCHANGE": str(folder / "exchange"),
        "PRESSPLAY_WORK": str(folder / "work"), "PRESSPLAY_HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", ONCE: "1",
    }  # fmt: skip
    subprocess.run(["sh", "-c", script()], env=env, check=True, timeout=60, start_new_session=True)


@contextmanager
def workbench(work: Path, exchange: Path, home: Path) -> Iterator[Exchange]:
    """The workbench's real program, in a process of its own."""
    env = {
        "PATH": os.environ["PATH"], "PRESSPLAY_EXCHANGE": str(exchange), "PRESSPLAY_WORK": str(work),
        "PRESSPLAY_HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1",
    }  # fmt: skip
    process = subprocess.Popen(["sh", "-c", script()], env=env, start_new_session=True)
    try:
        yield Exchange(exchange)
    finally:
        process.terminate()
        assert process.wait(timeout=5) == 0
