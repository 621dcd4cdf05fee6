"""kubectl bound to one cluster: every word to the API server goes through here, as objects and never as text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from localkube.errors import CommandFailed
from localkube.shell import run

Manifest: TypeAlias = dict[str, Any]

FIELD_MANAGER = "localkube"
ANSWER_SECONDS = 120.0
POLL_SECONDS = 0.5

# How kubectl says that the API server, or its etcd, is not there: nothing of what was asked for has been done then, or
# doing it again changes nothing.
UNREACHABLE = (
    "was refused",
    "connection reset by peer",
    "TLS handshake timeout",
    "unexpected EOF",
    ": EOF",
    "http2: client connection lost",
    "etcdserver: leader changed",
    "etcdserver: request timed out",
    "the server is currently unable to handle the request",
    "ServiceUnavailable",
)


@dataclass(frozen=True)
class Kubectl:
    """kubectl for one cluster.

    Attributes:
        binary: the program.
        kubeconfig: the file with the cluster's address and credentials.
        context: the context in it; None for its current one.
        patience: for how many seconds, from the first time that it cannot be reached, an API server is asked again. One
            whose node has just started goes away once more, when the kubelet takes its pod over.
    """

    binary: Path
    kubeconfig: Path
    context: str | None = None
    patience: float = 0

    def command(self, *args: str) -> list[str]:
        """The command line for `args`, for a caller who starts it himself."""
        context = (f"--context={self.context}",) if self.context else ()
        return [str(self.binary), f"--kubeconfig={self.kubeconfig}", *context, *args]

    def run(self, *args: str, stdin: str = "", timeout: float | None = ANSWER_SECONDS) -> str:
        """Run kubectl and return what it printed.

        Raises:
            CommandFailed: it ended with an error, or not within `timeout` seconds.
        """
        deadline = None
        while True:
            try:
                return run(self.command(*args), stdin=stdin, timeout=timeout)
            except CommandFailed as failed:
                # Counted from the first refusal: a command that waits for something may be long at it before that.
                deadline = deadline or time.monotonic() + self.patience
                if time.monotonic() >= deadline or not any(said in failed.output for said in UNREACHABLE):
                    raise
            time.sleep(POLL_SECONDS)

    def get_json(self, *args: str) -> dict[str, Any]:
        """What `kubectl get ARGS` finds."""
        answer: dict[str, Any] = json.loads(self.run("get", "--output=json", *args))
        return answer

    def find(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """The object, or None where there is none."""
        place = (f"--namespace={namespace}",) if namespace else ()
        answer = self.run("get", "--output=json", "--ignore-not-found", kind, name, *place)
        found: dict[str, Any] | None = json.loads(answer) if answer.strip() else None
        return found

    def apply(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Have the objects be as given; fields that others set besides stay, and a second time nothing changes."""
        items = [dict(item) for item in objects]
        if items:
            self.run(
                "apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}", "--filename=-",
                stdin=as_list(items),
            )  # fmt: skip


def as_list(items: Iterable[Mapping[str, Any]]) -> str:
    """The objects as one `List`, which kubectl reads in one go."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [dict(item) for item in items]})
