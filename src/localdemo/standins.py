"""The way to the stand-ins of a cluster: their administration, which is not GitHub's, and what GitHub would answer."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import tarfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from localdemo.objects import ADMIN, HUB_PORT, MODEL_PORT, STAND_INS
from localkube.errors import LocalKubeError
from localkube.kubectl import Kubectl

ANSWER_SECONDS = 60


@dataclass(frozen=True)
class StandIns:
    """Both stand-ins of one cluster, reached through `kubectl port-forward`."""

    kubectl: Kubectl

    def hub(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, accept: str = "*/*", token: str = ""
    ) -> Any:
        """Call the stand-in for GitHub: as its administrator where the path is `/_hub/…`, else as whose token it is."""
        sent = json.dumps(body).encode() if body is not None else None
        return self._call(HUB_PORT, method, path, sent, accept, token)

    def line_of(self, repository: str, number: int, text: str) -> int:
        """The number of the first added line of a pull request's files that has a text in it.

        Raises:
            LocalKubeError: there is none.
        """
        for file in self.hub("GET", f"/api/v3/repos/{repository}/pulls/{number}/files"):
            at = 0
            for line in str(file.get("patch") or "").splitlines():
                begins = re.match(r"@@ -\d+(?:,\d+)? \+(\d+)", line)
                at = int(begins[1]) - 1 if begins else at + (not line.startswith("-"))
                if line.startswith("+") and text in line:
                    return at
        raise LocalKubeError(f"pull request {number} of {repository} adds no line with {text}")

    def repository(self, name: str, archive: bytes, message: str = "Import") -> None:
        """Have a repository whose one commit holds the files of a tar.gz with one folder; one that is there stays."""
        told = {"name": name, "archive_base64": base64.b64encode(archive).decode(), "message": message}
        self.hub("POST", "/_hub/repositories", told)

    def script(self, name: str, text: str) -> None:
        """Give the stand-in for the model a script."""
        self._call(MODEL_PORT, "PUT", f"/_model/scripts/{name}", text.encode())

    def model_fault(self, fault: Mapping[str, Any]) -> None:
        """Have the stand-in for the model do something wrong, so many times: `status`, `cut`, `delay`, `count`."""
        self._call(MODEL_PORT, "POST", "/_model/faults", json.dumps(fault).encode())

    def conversations(self) -> list[dict[str, Any]]:
        """The latest requests that the stand-in for the model got."""
        found: list[dict[str, Any]] = self._call(MODEL_PORT, "GET", "/_model/requests", None)
        return found

    def pull(self, repository: str, number: int) -> dict[str, Any]:
        """A pull request as GitHub would tell it."""
        found: dict[str, Any] = self.hub("GET", f"/api/v3/repos/{repository}/pulls/{number}")
        return found

    def page(self, repository: str, number: int) -> str:
        """The page of a pull request, with its difference."""
        return str(self._call(HUB_PORT, "GET", f"/{repository}/pull/{number}", None))

    def _call(self, port: int, method: str, path: str, body: bytes | None, accept: str = "*/*", token: str = "") -> Any:
        headers = {"Content-Type": "application/json", "Accept": accept}
        token = ADMIN if path.startswith("/_hub") else token
        if token:
            headers["Authorization"] = f"Bearer {token}"
        with forward(self.kubectl, STAND_INS, f"deployment/{STAND_INS}", port) as local:
            address = f"http://127.0.0.1:{local}{path}"
            request = urllib.request.Request(address, data=body, method=method, headers=headers)
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - a port of our own
                text = answer.read().decode()
                kind = answer.headers.get("content-type", "")
        return json.loads(text) if text and kind.startswith("application/json") else text


@contextmanager
def forward(kubectl: Kubectl, namespace: str, target: str, port: int) -> Iterator[int]:
    """`kubectl port-forward TARGET :PORT`; answers the port on 127.0.0.1 that leads there.

    Raises:
        LocalKubeError: there is nothing to lead to.
    """
    command = kubectl.command("port-forward", "--namespace", namespace, target, f":{port}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            if not found:
                raise LocalKubeError(f"there is no way to {target} in namespace {namespace}", "`pressplay dev install`")
            yield int(found.group(1))
        finally:
            process.terminate()


def archive_of(files: Mapping[str, str]) -> bytes:
    """A tar.gz with one folder that holds these texts, by path."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, text in files.items():
            info = tarfile.TarInfo(f"source/{path}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()
