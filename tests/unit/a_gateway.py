"""A gateway with its surroundings, all real and on listeners: signer, quarantine, the stand-in for GitHub.

Only the API server is a table: which token belongs to the pod of which run.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from localdemo.standins import archive_of
from localhub.keys import new_key
from localhub.server import application as hub_application
from localhub.state import State
from pressplay.gateway.answers import HANDLERS
from pressplay.gateway.assemble import Gateway, assemble
from pressplay.gateway.auth import POD_NAME, POD_UID
from pressplay.gateway.quarantine.server import application as quarantine_application
from pressplay.gateway.settings import from_environment
from pressplay.gateway.signer.apps import IDENTITY, KEY, Apps
from pressplay.gateway.signer.server import application as signer_application
from pressplay.github.app import AppClient
from pressplay.kube.reader import TokenOwner
from pressplay.ledger.store import Ledger
from pressplay.llm.config import SettingsSource
from pressplay.protocol.changeset import ChangedFile, Changeset
from pressplay.protocol.control import Admission, AdmissionRequest
from pressplay.resources.names import ATTEMPT, CONTROL_AUDIENCE, RUN_SERVICE_ACCOUNT
from tests.serving import served

SECONDS = 20
AGENTS = Path(__file__).parents[2] / "agents"
OPERATOR = "token-of-the-operator"
BRINGER = "of-who-brings-events"
ADMIN = {"authorization": "Bearer admin"}
PERMISSIONS = {
    "contents": "write", "pull_requests": "write", "issues": "write", "metadata": "read", "checks": "write",
    "statuses": "read", "actions": "write",
}  # fmt: skip
PEOPLE = {f"GIT_{who}_{what}": "x@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
# To make a key takes as long as many a test.
KEYS = cache(new_key)


def listening(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a program listens on its socket."""
    ends = time.monotonic() + SECONDS
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return
        assert process.poll() is None, "it ended instead"
        assert time.monotonic() < ends, f"waited {SECONDS} s for {path}"
        time.sleep(0.01)


def git(folder: Path, *words: str, stdin: bytes = b"") -> str:
    """What git answers, without any settings of the machine."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **PEOPLE}
    words = ("git", "-c", "safe.directory=*", *words)
    return subprocess.run(words, cwd=folder, env=env, input=stdin, check=True, capture_output=True).stdout.decode()


@dataclass
class Hub:
    """The stand-in for GitHub with one App."""

    address: str
    state: State
    app: dict[str, Any]
    installation: str

    def make(self, path: str, told: dict[str, Any]) -> dict[str, Any]:
        """Have something there, by the stand-in's own routes."""
        answer = httpx.post(f"{self.address}{path}", json=told, headers=ADMIN, timeout=SECONDS)
        assert answer.is_success, answer.text
        made: dict[str, Any] = answer.json() if answer.content else {}
        return made

    def repository(self, name: str, files: Mapping[str, str], *, private: bool = False) -> Path:
        """A repository; answers its bare folder."""
        archive = base64.b64encode(archive_of(files)).decode()
        self.make("/_hub/repositories", {"name": name, "archive_base64": archive, "private": private})
        return self.state.git_folder(self.state.repositories[name])

    def tokens(self) -> dict[str, dict[str, Any]]:
        """Tokens that are good now."""
        return dict(self.state.tokens)


@contextmanager
def hub(folder: Path) -> Iterator[Hub]:
    """The stand-in, served."""
    state = State(folder, "http://127.0.0.1", key_of=KEYS)
    state.load()
    with served(hub_application(state, "admin")) as address:
        state.url = address
        made = Hub(address, state, {}, "")
        made.app = made.make("/_hub/apps", {"slug": "pressplay"})
        told = {"app_id": made.app["id"], "repositories": "all", "permissions": PERMISSIONS}
        made.installation = str(made.make("/_hub/installations", told)["id"])
        yield made


def keys(folder: Path, app: dict[str, Any], llm_key: str = "sk-the-vendors-key") -> tuple[Path, Path]:
    """The mounted Secrets of a signer: of an App, and of a vendor of models."""
    (folder / "apps" / "default").mkdir(parents=True)
    (folder / "apps" / "default" / IDENTITY).write_text(str(app["id"]))
    (folder / "apps" / "default" / KEY).write_text(app["private_key"])
    (folder / "llm").mkdir()
    (folder / "llm" / "LLM_PROVIDER").write_text("anthropic")
    (folder / "llm" / "ANTHROPIC_API_KEY").write_text(llm_key)
    return folder / "apps", folder / "llm"


@contextmanager
def signer(folder: Path, there: Hub) -> Iterator[Path]:
    """The signer on its socket."""
    apps, llm = keys(folder, there.app)
    github, vendors = httpx.AsyncClient(), httpx.AsyncClient()
    app = signer_application(
        Apps(apps), AppClient(github, f"{there.address}/api/v3"), SettingsSource(llm, {}), vendors
    )  # fmt: skip
    path = folder / "signer.sock"
    with served(app, github.aclose, vendors.aclose, uds=str(path)):
        yield path


@dataclass
class Cluster:
    """What the API server would tell: each run has a pod, named as the run's uid."""

    tokens: dict[str, str] = field(default_factory=dict)

    async def review(self, token: str, audience: str) -> TokenOwner | None:
        """Whose a token is."""
        if audience == CONTROL_AUDIENCE:
            return (
                TokenOwner("system:serviceaccount:pressplay-system:pressplay-operator", {})
                if token == OPERATOR
                else None
            )
        uid = self.tokens.get(token)
        extra = {POD_NAME: [uid or ""], POD_UID: [f"pod-{uid}"]}
        return TokenOwner(f"system:serviceaccount:team:{RUN_SERVICE_ACCOUNT}", extra) if uid else None

    async def pod(self, _namespace: str, name: str) -> dict[str, Any] | None:
        """A pod."""
        meta = {"uid": f"pod-{name}", "ownerReferences": [_owner("Job", name, f"job-{name}")]}
        return {"metadata": meta, "status": {"phase": "Running", "podIPs": [{"ip": "127.0.0.1"}]}}

    async def job(self, _namespace: str, name: str) -> dict[str, Any] | None:
        """A Job."""
        references = [_owner("CodeRun", name, name)]
        return {"metadata": {"uid": f"job-{name}", "labels": {ATTEMPT: "1"}, "ownerReferences": references}}

    async def run(self, _kind: str, _namespace: str, name: str) -> dict[str, Any] | None:
        """A run."""
        return {"metadata": {"uid": name, "name": name}, "spec": {}}


def _owner(kind: str, name: str, uid: str) -> dict[str, Any]:
    return {"kind": kind, "name": name, "uid": uid, "controller": True}


@dataclass
class Platform:
    """A gateway that is served, and what is around it."""

    address: str
    hub: Hub
    gateway: Gateway
    cluster: Cluster
    folder: Path
    mirrors: Path
    http: httpx.Client

    def admit(self, uid: str, repository: str = "acme/sums", **spec: Any) -> Admission:
        """Admit a run as the operator does; its pod's token is `token-UID`."""
        self.cluster.tokens[f"token-{uid}"] = uid
        told = {"repository": repository, "task": "Mend it.", "persona": "rex", **spec}
        request = AdmissionRequest(uid=uid, namespace="team", name=uid, kind="CodeRun", spec=told)
        answer = self.call("POST", "/control/admissions", OPERATOR, request.model_dump())
        assert answer.status_code == 200, answer.text
        return Admission.model_validate_json(answer.content)

    def call(self, method: str, path: str, token: str, body: Any = None) -> httpx.Response:
        """A call with a token."""
        content = json.dumps(body) if body is not None else None
        headers = {"authorization": f"Bearer {token}"}
        return self.http.request(method, path, content=content, headers=headers)

    def hand_over(self, uid: str, changes: Changeset, **more: Any) -> httpx.Response:
        """What a runner does at its end."""
        output = {"changes": changes.model_dump(), "title": "A change", **more}
        return self.call("POST", "/run/output", f"token-{uid}", output)


@cache
def a_ledger() -> Path:
    """The file of a ledger in which nothing has happened."""
    file = Path(tempfile.mkdtemp()) / "ledger.db"
    Ledger(f"sqlite:///{file}").close()
    return file


@contextmanager
def quarantine(mirrors: Path, path: Path) -> Iterator[Path]:
    """The quarantine on its socket."""
    with served(quarantine_application(mirrors), uds=str(path)):
        yield path


Behind = Callable[[Path, Hub], AbstractContextManager[Path]]


@contextmanager
def platform(folder: Path, sign: Behind = signer, shut_in: Behind | None = None) -> Iterator[Platform]:
    """All of it, with a repository `acme/sums` of two files.

    Args:
        sign, shut_in: serve signer and quarantine; in threads of ours where nothing is said.
    """
    with ExitStack() as stack:
        there = stack.enter_context(hub(folder / "hub"))
        there.repository("acme/sums", {"README": "one\n", "src/sums.py": "x = 1\n"})
        mirrors = folder / "mirrors"
        # As a gateway before this one has left it: to make the tables takes longer than most tests.
        shutil.copy(a_ledger(), folder / "ledger.db")
        quarantined = shut_in(folder, there) if shut_in else quarantine(mirrors, folder / "quarantine.sock")
        settings = from_environment({
            "PRESSPLAY_LEDGER_URL": f"sqlite:///{folder / 'ledger.db'}", "PRESSPLAY_GITHUB_URL": there.address,
            "PRESSPLAY_GITHUB_API_URL": f"{there.address}/api/v3", "PRESSPLAY_AGENTS": str(AGENTS),
            "PRESSPLAY_POLICY": str(folder / "no-policy.yaml"),
            "PRESSPLAY_EVENTS_SECRET": str(folder / "events-secret"),
            "PRESSPLAY_QUARANTINE_SOCKET": str(stack.enter_context(quarantined)),
            "PRESSPLAY_SIGNER_SOCKET": str(stack.enter_context(sign(folder, there))),
        })  # fmt: skip
        cluster = Cluster()
        gateway = assemble(settings, cluster)
        stack.callback(gateway.ledger.close)
        out = gateway.outputs
        closing = (out.http.aclose, out.mirrors.http.aclose, out.signer.close, out.quarantine.close)
        (folder / "events-secret").write_text(BRINGER)
        routes = [*gateway.runs.routes, *gateway.control.routes, *gateway.events.routes]
        front = Starlette(routes=routes, exception_handlers=HANDLERS)
        address = stack.enter_context(served(front, *closing))
        http = stack.enter_context(httpx.Client(base_url=address, timeout=60))
        yield Platform(address, there, gateway, cluster, folder, mirrors, http)


def changed(path: str, content: bytes = b"x\n", mode: str = "100644") -> ChangedFile:
    """A file as a run hands it over."""
    return ChangedFile.model_validate({"path": path, "mode": mode, "content": base64.b64encode(content).decode()})
