"""The stand-in for GitHub against GitHub's own OpenAPI description, and with a client that knows nothing of it."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import jwt
import pytest
import uvicorn
from github import Auth, Github, GithubIntegration

from localdemo.standins import archive_of
from localhub.hooks import signature
from localhub.server import application
from localhub.state import State

DESCRIPTION = (
    Path(__file__).parents[1] / "node" / "node_modules" / "@octokit" / "openapi" / "generated" / "api.github.com.json"
)
ADMIN = {"authorization": "Bearer admin"}
PERMISSIONS = {"contents": "write", "pull_requests": "write", "issues": "write", "metadata": "read"}
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
        headers = {"authorization": f"Bearer {token or self.token}"}
        return self.http.request(method, path, headers=headers, **told)

    def branch(self, name: str, work: Path) -> None:
        """Push a branch with one more commit, as git does it."""
        url = f"{self.address.replace('http://', f'http://x-access-token:{self.token}@')}/acme/sums.git"
        who = ["git", "-c", "user.name=A", "-c", "user.email=a@example.com"]
        subprocess.run([*who, "clone", "--quiet", url, work], check=True)
        (work / name).write_text("more\n")
        for words in (["add", "."], ["commit", "--quiet", "-m", name], ["push", "--quiet", "origin", f"HEAD:{name}"]):
            subprocess.run([*who, *words], cwd=work, check=True, capture_output=True)


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of an application on loopback."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    ends = time.monotonic() + SECONDS
    while not server.started:
        assert time.monotonic() < ends, f"waited {SECONDS} s for the listener"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(SECONDS)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    state = State(tmp_path / "data", "http://127.0.0.1")
    state.load()
    with served(application(state, "admin")) as address:
        # What it says of itself are its own addresses: a client follows them.
        state.url = address
        made = Hub(address)
        yield made
        made.http.close()


def test_apps_and_tokens_answer_as_github_does(hub: Hub) -> None:
    check("get", "/app", hub.http.get("/app", headers=hub.as_app()))
    path = "/repos/acme/sums/installation"
    check("get", f"{REPO}/installation", hub.http.get(path, headers=hub.as_app()))
    check("post", "/app/installations/{installation_id}/access_tokens", hub.new_token())
    check("get", "/users/{username}", hub.call("GET", "/users/pressplay[bot]"))


def test_repositories_pulls_issues_and_merges_answer_as_github_does(hub: Hub, tmp_path: Path) -> None:
    here = "/repos/acme/sums"
    hub.branch("work", tmp_path / "work")
    check("get", REPO, hub.call("GET", here))
    check("get", f"{REPO}/branches", hub.call("GET", f"{here}/branches"))
    told = {"title": "More", "body": "It adds.", "head": "work", "base": "main"}
    opened = hub.call("POST", f"{here}/pulls", json=told)
    check("post", f"{REPO}/pulls", opened)
    number = opened.json()["number"]
    assert (opened.json()["additions"], opened.json()["changed_files"], opened.json()["commits"]) == (1, 1, 1)
    check("get", f"{REPO}/pulls", hub.call("GET", f"{here}/pulls"))
    check("get", f"{REPO}/pulls/{{pull_number}}", hub.call("GET", f"{here}/pulls/{number}"))
    check("get", f"{REPO}/issues/{{issue_number}}", hub.call("GET", f"{here}/issues/1"))
    check("get", f"{REPO}/issues/{{issue_number}}", hub.call("GET", f"{here}/issues/{number}"))
    comments = f"{here}/issues/{number}/comments"
    check("post", f"{REPO}/issues/{{issue_number}}/comments", hub.call("POST", comments, json={"body": "Well"}))
    check("get", f"{REPO}/issues/{{issue_number}}/comments", hub.call("GET", comments))
    check("put", f"{REPO}/pulls/{{pull_number}}/merge", hub.call("PUT", f"{here}/pulls/{number}/merge"))
    merged = hub.call("GET", f"{here}/pulls/{number}")
    check("get", f"{REPO}/pulls/{{pull_number}}", merged)
    assert merged.json()["merged"] is True


def test_errors_have_github_s_shape(hub: Hub) -> None:
    check("get", f"{REPO}/pulls/{{pull_number}}", hub.call("GET", "/repos/acme/sums/pulls/99"))
    told = {"title": "x", "head": "none", "base": "main"}
    check("post", f"{REPO}/pulls", hub.call("POST", "/repos/acme/sums/pulls", json=told))


def test_a_token_can_do_no_more_than_was_asked_for(hub: Hub) -> None:
    weak = hub.new_token(permissions={"pull_requests": "read"}).json()["token"]
    told = {"title": "x", "head": "main", "base": "main"}
    assert hub.call("POST", "/repos/acme/sums/pulls", weak, json=told).status_code == 403
    assert hub.new_token(permissions={"administration": "write"}).status_code == 422
    assert hub.new_token(repositories=["nothing"]).status_code == 422
    assert hub.call("GET", "/repos/acme/sums", "guessed").status_code == 401


def test_pygithub_works_with_it_unchanged(hub: Hub, tmp_path: Path) -> None:
    hub.branch("work", tmp_path / "work")
    auth = Auth.AppAuth(hub.app["id"], hub.app["private_key"])
    with GithubIntegration(auth=auth, base_url=f"{hub.address}/api/v3") as integration:
        assert integration.get_app().slug == "pressplay"
        installation = integration.get_repo_installation("acme", "sums")
        token = integration.get_access_token(installation.id).token
    with Github(auth=Auth.Token(token), base_url=f"{hub.address}/api/v3") as github:
        repository = github.get_repo("acme/sums")
        assert [each.name for each in repository.get_branches()] == ["main", "work"]
        pull = repository.create_pull(base="main", head="work", title="More", body="It adds.")
        assert pull.user.login == "pressplay[bot]"
        pull.create_issue_comment("Well done")
        assert [each.body for each in repository.get_issue(pull.number).get_comments()] == ["Well done"]
        assert pull.merge().merged
        assert repository.get_pull(pull.number).merged


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

    def wait_for(self, number: int) -> None:
        ends = time.monotonic() + SECONDS
        while len(self.came) < number:
            assert time.monotonic() < ends, f"waited {SECONDS} s for {number} deliveries; {len(self.came)} came"
            time.sleep(0.01)


def test_webhooks_are_signed_have_github_s_shape_and_come_again_when_asked(hub: Hub, tmp_path: Path) -> None:
    schema = json.loads((DESCRIPTION.parents[2] / "webhooks-schemas" / "schema.json").read_text())
    receiver = Receiver()
    with served(receiver) as address:
        hub.make("/_hub/hooks", {"app_id": hub.app["id"], "url": f"{address}/hook", "secret": "the secret"})
        hub.branch("work", tmp_path / "work")
        told = {"title": "More", "body": "It adds.", "head": "work", "base": "main"}
        number = hub.call("POST", "/repos/acme/sums/pulls", json=told).json()["number"]
        hub.call("POST", f"/repos/acme/sums/issues/{number}/comments", json={"body": "/retry"})
        hub.call("PUT", f"/repos/acme/sums/pulls/{number}/merge")
        hub.make("/_hub/issues", {"repository": "acme/sums", "title": "Another"})
        receiver.wait_for(4)
        by_event = sorted((headers["x-github-event"], json.loads(body)["action"]) for headers, body in receiver.came)
        assert by_event == [("issue_comment", "created"), ("issues", "opened"), ("pull_request", "closed"),
                            ("pull_request", "opened")]  # fmt: skip
        for headers, body in receiver.came:
            assert headers["x-hub-signature-256"] == signature("the secret", body)
            payload = json.loads(body)
            name = f"{headers['x-github-event']}${payload['action']}"
            validator = jsonschema.Draft7Validator(
                {**schema["definitions"][name], "definitions": schema["definitions"]}
            )
            problems = [f"{name} {each.json_path}: {each.message[:200]}" for each in validator.iter_errors(payload)]
            assert not problems, problems[:5]
        listed = hub.http.get("/app/hook/deliveries", headers=hub.as_app())
        check("get", "/app/hook/deliveries", listed)
        first = listed.json()[-1]
        again = hub.http.post(f"/app/hook/deliveries/{first['id']}/attempts", headers=hub.as_app())
        assert again.status_code == 202
        receiver.wait_for(5)
        assert receiver.came[-1][0]["x-github-delivery"] == first["guid"]
