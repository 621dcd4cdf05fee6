"""What the stand-in's tokens may do, by GitHub's names of permissions, where nobody may read who was not let in."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from localdemo.standins import archive_of
from tests.conformance.hub import Hub, check, git

HERE = "/repos/acme/secret"
ALL = {
    **dict.fromkeys(("contents", "pull_requests", "issues", "checks", "statuses"), "write"),
    "metadata": "read",
}
# As github/docs has it (src/github-apps/data, server-to-server-permissions).
# Method and path, the permissions of which one is enough, and the level.
NEEDED = (
    ("GET", "/contents/file", ("contents",), "read"),
    ("GET", "/branches", ("contents",), "read"),
    ("GET", "/commits", ("contents",), "read"),
    ("GET", "/commits/main", ("contents",), "read"),
    ("GET", "/compare/main...main", ("contents",), "read"),
    ("GET", "/git/ref/heads/main", ("contents",), "read"),
    ("DELETE", "/git/refs/heads/work", ("contents",), "write"),
    ("GET", "/pulls", ("pull_requests",), "read"),
    ("POST", "/pulls", ("pull_requests",), "write"),
    ("GET", "/pulls/1", ("pull_requests",), "read"),
    ("PATCH", "/pulls/1", ("pull_requests",), "write"),
    ("GET", "/pulls/1/files", ("pull_requests",), "read"),
    ("GET", "/pulls/1/reviews", ("pull_requests",), "read"),
    ("POST", "/pulls/1/reviews", ("pull_requests",), "write"),
    ("GET", "/pulls/1/comments", ("pull_requests",), "read"),
    ("POST", "/pulls/1/comments", ("pull_requests",), "write"),
    ("PUT", "/pulls/1/merge", ("contents",), "write"),
    ("PUT", "/pulls/1/update-branch", ("pull_requests",), "write"),
    ("GET", "/issues", ("issues",), "read"),
    ("POST", "/issues", ("issues",), "write"),
    ("GET", "/issues/1", ("issues",), "read"),
    ("PATCH", "/issues/1", ("issues", "pull_requests"), "write"),
    ("GET", "/issues/1/comments", ("issues", "pull_requests"), "read"),
    ("POST", "/issues/1/comments", ("issues", "pull_requests"), "write"),
    ("PATCH", "/issues/comments/1", ("issues", "pull_requests"), "write"),
    ("GET", "/issues/1/labels", ("issues", "pull_requests"), "read"),
    ("POST", "/issues/1/labels", ("issues", "pull_requests"), "write"),
    ("GET", "/labels", ("issues", "pull_requests"), "read"),
    ("POST", "/check-runs", ("checks",), "write"),
    ("PATCH", "/check-runs/1", ("checks",), "write"),
    ("GET", "/check-runs/1", ("checks",), "read"),
    ("GET", "/commits/main/check-runs", ("checks",), "read"),
    ("POST", "/statuses/main", ("statuses",), "write"),
    ("GET", "/commits/main/status", ("statuses",), "read"),
)


@pytest.fixture
def secret(hub: Hub) -> Hub:
    """The stand-in with a repository that is private, and an App that may do all there is."""
    archive = base64.b64encode(archive_of({"file": "one\n"})).decode()
    hub.make("/_hub/repositories", {"name": "acme/secret", "archive_base64": archive, "private": True})
    return hub


def test_every_route_needs_its_permission_and_is_reached_with_it(secret: Hub) -> None:
    lowest = {"read": "", "write": "read"}
    for method, path, names, level in NEEDED:
        without = {each: value for each, value in ALL.items() if each not in names}
        less = {**without, **(dict.fromkeys(names, lowest[level]) if lowest[level] else {})}
        refused = secret.call(method, f"{HERE}{path}", secret.new_token(permissions=less).json()["token"], json={})
        assert (refused.status_code, refused.json()["message"]) == (
            403, "Resource not accessible by integration"
        ), (method, path)  # fmt: skip
        for name in names:
            enough = secret.new_token(permissions={name: level}).json()["token"]
            assert secret.call(method, f"{HERE}{path}", enough, json={}).status_code != 403, (method, path, name)


def test_what_may_not_be_seen_is_not_there(secret: Hub) -> None:
    elsewhere = secret.new_token(repositories=["sums"]).json()["token"]
    eve = secret.person("eve", "none")
    for method, path, _, _ in (("GET", "", (), ""), *NEEDED):
        for token in (elsewhere, eve):
            assert secret.call(method, f"{HERE}{path}", token, json={}).status_code == 404, (method, path)
        assert secret.http.request(method, f"{HERE}{path}").status_code == 404, (method, path)
    check("get", "/repos/{owner}/{repo}", secret.call("GET", HERE, eve))
    secret.make("/_hub/collaborators", {"repository": "acme/secret", "login": "eve", "role": "read"})
    assert secret.call("GET", HERE, eve).status_code == 200
    told = secret.call("POST", f"{HERE}/issues/9/labels", eve, json={"labels": ["x"]})
    assert (told.status_code, told.json()["message"]) == (403, "Resource not accessible by personal access token")


@pytest.mark.parametrize(("method", "path"), [("PUT", "/repos/acme/sums"), ("GET", "/repos/acme/sums/nothing")])
def test_what_no_route_answers_is_not_there_in_github_s_words(hub: Hub, method: str, path: str) -> None:
    told = hub.call(method, path)
    assert (told.status_code, told.json()["message"]) == (404, "Not Found")


def pushed(hub: Hub, work: Path, token: str, name: str) -> str:
    """What git says of a push; nothing where it went well."""
    url = f"{hub.address.replace('http://', f'http://x-access-token:{token}@')}/acme/sums.git"
    told = subprocess.run(["git", "push", url, f"HEAD:{name}"], cwd=work, capture_output=True, text=True, check=False)
    return told.stderr if told.returncode else ""


def test_an_app_pushes_workflows_only_with_the_permission_for_them(hub: Hub, tmp_path: Path) -> None:
    work = tmp_path / "work"
    hub.branch("work", work)
    (work / ".github" / "workflows").mkdir(parents=True)
    (work / ".github" / "workflows" / "ci.yml").write_text("on: push\n")
    git("add", ".", at=work)
    git("commit", "--quiet", "-m", "A workflow", at=work)
    assert "update workflow `.github/workflows/ci.yml` without `workflows` permission" in pushed(
        hub, work, hub.token, "work"
    )
    told = {"app_id": hub.app["id"], "repositories": "all", "permissions": {"contents": "write", "workflows": "write"}}
    hub.installation = hub.make("/_hub/installations", told)["id"]
    weak = hub.new_token(permissions={"contents": "read", "workflows": "write"}).json()["token"]
    assert "403" in pushed(hub, work, weak, "work")
    assert not pushed(hub, work, hub.new_token().json()["token"], "work")
    # What is there already is no news on another branch, nor what a person brings.
    assert not pushed(hub, work, hub.token, "again")
    (work / ".github" / "workflows" / "ci.yml").write_text("on: pull_request\n")
    git("commit", "--quiet", "--all", "-m", "Another", at=work)
    assert pushed(hub, work, hub.token, "more")
    assert not pushed(hub, work, hub.person("ann", "write"), "more")
