"""The stand-in for GitHub as tests use it: served on a port, held against GitHub's own descriptions.

`check` holds an answer against @octokit/openapi, `check_hook` a webhook against @octokit/webhooks-schemas.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import jwt

from localdemo.standins import archive_of
from localhub.hooks import signature

DESCRIPTION = (
    Path(__file__).parents[1] / "node" / "node_modules" / "@octokit" / "openapi" / "generated" / "api.github.com.json"
)
ADMIN = {"authorization": "Bearer admin"}
PERMISSIONS = {
    "contents": "write", "pull_requests": "write", "issues": "write", "metadata": "read", "checks": "write",
    "statuses": "write", "actions": "write",
}  # fmt: skip
REPO = "/repos/{owner}/{repo}"
SECONDS = 20


@cache
def description() -> dict[str, Any]:
    """GitHub's description, as JSON Schema has it: OpenAPI 3.0 says `nullable` for what may be null."""
    told: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    _nullable(told["components"]["schemas"])
    _nullable(told["paths"])
    return told


def _nullable(told: Any) -> None:
    for inner in told.values() if isinstance(told, dict) else told if isinstance(told, list) else ():
        _nullable(inner)
    if isinstance(told, dict) and told.pop("nullable", None) is True:
        if isinstance(told.get("type"), str):
            told["type"] = [told["type"], "null"]
            if "enum" in told:
                told["enum"] = [*told["enum"], None]
        else:
            alternatives = dict(told)
            told.clear()
            told["anyOf"] = [alternatives, {"type": "null"}]


def check(method: str, path: str, answer: httpx.Response) -> None:
    """Hold an answer against the schema that GitHub gives for this operation and status."""
    responses = description()["paths"][path][method]["responses"]
    assert str(answer.status_code) in responses, f"GitHub does not answer {method} {path} with {answer.status_code}"
    told = responses[str(answer.status_code)]
    if "$ref" in told:
        told = description()["components"]["responses"][told["$ref"].rpartition("/")[2]]
    if "content" not in told:
        # Of some answers GitHub tells the status alone.
        return
    schema = {**told["content"]["application/json"]["schema"], "components": description()["components"]}
    validator = jsonschema.Draft7Validator(schema)
    problems = [
        f"{'/'.join(map(str, each.absolute_path))}: {each.message}" for each in validator.iter_errors(answer.json())
    ]
    assert not problems, problems[:5]


class Hub:
    """A running stand-in with an App, an installation, a repository with two branches, an issue."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = httpx.Client(base_url=f"{address}/api/v3", timeout=SECONDS)
        self.app = self.make("/_hub/apps", {"slug": "pressplay"})
        told = {"app_id": self.app["id"], "repositories": "all", "permissions": PERMISSIONS}
        self.installation = self.make("/_hub/installations", told)["id"]
        archive = base64.b64encode(archive_of({"file": "one\n"})).decode()
        self.make("/_hub/repositories", {"name": "acme/sums", "archive_base64": archive})
        self.make("/_hub/issues", {"repository": "acme/sums", "title": "It subtracts", "body": "See?"})
        self.token = self.new_token().json()["token"]

    def make(self, path: str, told: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(f"{self.address}{path}", json=told, headers=ADMIN, timeout=SECONDS)
        assert answer.is_success, answer.text
        made: dict[str, Any] = answer.json() if answer.content else {}
        return made

    def as_app(self) -> dict[str, str]:
        now = int(time.time())
        claims = {"iat": now - 30, "exp": now + 300, "iss": str(self.app["id"])}
        return {"authorization": f"Bearer {jwt.encode(claims, self.app['private_key'], algorithm='RS256')}"}

    def new_token(self, **wanted: Any) -> httpx.Response:
        path = f"/app/installations/{self.installation}/access_tokens"
        return self.http.post(path, json=wanted, headers=self.as_app())

    def call(self, method: str, path: str, token: str | None = None, **told: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token or self.token}", **told.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **told)

    def person(self, login: str, role: str) -> str:
        """A person with a role in the repository; answers their token."""
        self.make("/_hub/users", {"login": login, "token": f"of-{login}", "role": "none"})
        self.make("/_hub/collaborators", {"repository": "acme/sums", "login": login, "role": role})
        return f"of-{login}"

    def branch(self, name: str, work: Path, text: str = "more\n", file: str = "") -> None:
        """Push a branch with one more commit, as git does it; in a clone that is there or made."""
        url = f"{self.address.replace('http://', f'http://x-access-token:{self.token}@')}/acme/sums.git"
        if not work.exists():
            git("clone", "--quiet", url, str(work))
        (work / (file or name)).write_text(text)
        git("add", ".", at=work)
        git("commit", "--quiet", "-m", f"{name}: {text.strip()}", at=work)
        git("push", "--quiet", "--force", "origin", f"HEAD:{name}", at=work)

    def pull(self, work: Path, name: str = "work") -> int:
        """A pull request with one commit."""
        self.branch(name, work)
        told = {"title": "More", "body": "It adds.", "head": name, "base": "main"}
        opened = self.call("POST", "/repos/acme/sums/pulls", json=told)
        assert opened.status_code == 201, opened.text
        return int(opened.json()["number"])


def git(*words: str, at: Path | None = None) -> str:
    """What git says."""
    who = ["git", "-c", "user.name=A", "-c", "user.email=a@example.com"]
    return subprocess.run([*who, *words], cwd=at, check=True, capture_output=True, text=True).stdout


@cache
def hook_schema() -> dict[str, Any]:
    """GitHub's description of webhooks."""
    told: dict[str, Any] = json.loads((DESCRIPTION.parents[2] / "webhooks-schemas" / "schema.json").read_text())
    return told


def check_hook(headers: dict[str, str], body: bytes, secret: str) -> None:
    """Hold a webhook against its signature and the schema that GitHub gives for it."""
    assert headers["x-hub-signature-256"] == signature(secret, body)
    payload, schema = json.loads(body), hook_schema()
    name = f"{headers['x-github-event']}${payload.get('action', 'event')}"
    validator = jsonschema.Draft7Validator({**schema["definitions"][name], "definitions": schema["definitions"]})
    problems = [f"{name} {each.json_path}: {each.message[:200]}" for each in validator.iter_errors(payload)]
    assert not problems, problems[:5]


class Receiver:
    """What a webhook leads to: keeps what came, and answers as it is told."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.status = 204

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.came.append(({key.decode(): value.decode() for key, value in scope["headers"]}, body))
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def events(self) -> list[tuple[str, str]]:
        """Event and action of all that came."""
        return [(headers["x-github-event"], json.loads(body).get("action", "")) for headers, body in self.came]

    def refs(self) -> list[str]:
        """Refs of all pushes that came."""
        return [json.loads(body)["ref"] for headers, body in self.came if headers["x-github-event"] == "push"]

    def payload(self, event: str, action: str = "") -> dict[str, Any]:
        """The latest of its kind."""
        self.until(lambda: (event, action) in self.events(), f"{event} {action}")
        found: dict[str, Any] = next(
            told for headers, body in reversed(self.came)
            if headers["x-github-event"] == event and (told := json.loads(body)).get("action", "") == action
        )  # fmt: skip
        return found

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for something."""
        ends = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < ends, f"waited {SECONDS} s for {what}; there came {self.events()}"
            time.sleep(0.01)
