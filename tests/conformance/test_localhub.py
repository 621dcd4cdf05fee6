"""The stand-in for GitHub against GitHub's own OpenAPI description, and with a client that knows nothing of it."""

from __future__ import annotations

from pathlib import Path

from github import Auth, Github, GithubIntegration

from tests.conformance.hub import REPO, Hub, check

HERE = "/repos/acme/sums"


def test_apps_and_tokens_answer_as_github_does(hub: Hub) -> None:
    check("get", "/app", hub.http.get("/app", headers=hub.as_app()))
    installation = hub.http.get("/repos/acme/sums/installation", headers=hub.as_app())
    check("get", f"{REPO}/installation", installation)
    # The description of the list itself asks for accounts that are a user and an enterprise at once.
    assert hub.http.get("/app/installations", headers=hub.as_app()).json() == [installation.json()]
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
