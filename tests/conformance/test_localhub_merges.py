"""Checks, statuses, rulesets and merges of the stand-in: what is required and refused, what the history is then."""

from __future__ import annotations

from pathlib import Path

import pytest
from github import Auth, Github

from tests.conformance.hub import REPO, Hub, check, git

HERE = "/repos/acme/sums"
BOT = "pressplay[bot]"


def head_of(hub: Hub, number: int) -> str:
    return str(hub.call("GET", f"{HERE}/pulls/{number}").json()["head"]["sha"])


def report(hub: Hub, head: str, conclusion: str, name: str = "tests") -> int:
    told = {"name": name, "head_sha": head, "status": "completed", "conclusion": conclusion}
    return int(hub.call("POST", f"{HERE}/check-runs", json=told).json()["id"])


def test_check_runs_and_statuses_answer_as_github_does(hub: Hub, tmp_path: Path) -> None:
    head = head_of(hub, hub.pull(tmp_path / "work"))
    made = hub.call("POST", f"{HERE}/check-runs", json={"name": "tests", "head_sha": head, "status": "in_progress"})
    check("post", f"{REPO}/check-runs", made)
    one, path = f"{HERE}/check-runs/{made.json()['id']}", f"{REPO}/check-runs/{{check_run_id}}"
    output = {"title": "All green", "summary": "12 passed"}
    changed = hub.call("PATCH", one, json={"conclusion": "success", "output": output})
    check("patch", path, changed)
    assert changed.json()["status"] == "completed"
    check("get", path, hub.call("GET", one))
    runs = hub.call("GET", f"{HERE}/commits/{head}/check-runs")
    check("get", f"{REPO}/commits/{{ref}}/check-runs", runs)
    assert runs.json()["total_count"] == 1
    status = hub.call("POST", f"{HERE}/statuses/{head}", json={"state": "pending", "context": "lint"})
    check("post", f"{REPO}/statuses/{{sha}}", status)
    combined = hub.call("GET", f"{HERE}/commits/{head}/status")
    check("get", f"{REPO}/commits/{{ref}}/status", combined)
    assert combined.json()["state"] == "pending"
    check("get", f"{REPO}/commits/{{ref}}/statuses", hub.call("GET", f"{HERE}/commits/{head}/statuses"))
    assert hub.call("POST", f"{HERE}/check-runs", json={"name": "x", "head_sha": "0" * 40}).status_code == 422
    wrong = hub.call("PATCH", one, json={"status": "completed", "conclusion": "great"})
    assert wrong.status_code == 422


def test_only_the_app_that_made_a_check_run_changes_it_and_people_make_none(hub: Hub, tmp_path: Path) -> None:
    run = report(hub, head_of(hub, hub.pull(tmp_path / "work")), "failure")
    other = hub.make("/_hub/apps", {"slug": "other"})
    installed = hub.make(
        "/_hub/installations", {"app_id": other["id"], "repositories": "all", "permissions": {"checks": "write"}}
    )
    hub.app, hub.installation = other, installed["id"]
    token = hub.new_token().json()["token"]
    forged = hub.call("PATCH", f"{HERE}/check-runs/{run}", token, json={"conclusion": "success"})
    assert forged.status_code == 403
    ann = hub.person("ann", "write")
    assert hub.call("POST", f"{HERE}/check-runs", ann, json={"name": "x", "head_sha": "x"}).status_code == 403


def test_a_merge_waits_for_required_checks_of_the_right_app_and_for_approvals(hub: Hub, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    checks = [{"context": "tests", "app_id": hub.app["id"]}, {"context": "lint"}]
    hub.make("/_hub/rulesets", {"repository": "acme/sums", "required_checks": checks, "approvals": 1})
    rules = hub.call("GET", f"{HERE}/rules/branches/main")
    check("get", f"{REPO}/rules/branches/{{branch}}", rules)
    assert [each["type"] for each in rules.json()] == ["required_status_checks", "pull_request"]
    head = head_of(hub, number)

    def refusal() -> str:
        answer = hub.call("PUT", f"{HERE}/pulls/{number}/merge")
        return str(answer.json()["message"]) if answer.status_code == 405 else ""

    assert 'Required status check "tests" is expected.' in refusal()
    # A status by the name of a check that an App must make is not that check.
    hub.call("POST", f"{HERE}/statuses/{head}", json={"state": "success", "context": "tests"})
    hub.call("POST", f"{HERE}/statuses/{head}", json={"state": "success", "context": "lint"})
    assert refusal().count("Required status check") == 1
    report(hub, head, "failure")
    assert 'Required status check "tests" is failing.' in refusal()
    report(hub, head, "success")
    assert "approving review" in refusal()
    assert "Required status check" not in refusal()
    hub.call("POST", f"{HERE}/pulls/{number}/reviews", hub.person("eve", "read"), json={"event": "APPROVE"})
    assert "approving review" in refusal()
    ann = hub.person("ann", "write")
    hub.call("POST", f"{HERE}/pulls/{number}/reviews", ann, json={"event": "APPROVE"})
    hub.branch("work", tmp_path / "work", "moved on\n")
    # Neither checks nor approvals are of this commit.
    assert {"approving review" in refusal(), "Required status check" in refusal()} == {True}
    report(hub, head_of(hub, number), "success")
    report(hub, head_of(hub, number), "success", "lint")
    hub.call("POST", f"{HERE}/pulls/{number}/reviews", ann, json={"event": "APPROVE"})
    # Somebody else's objection stands until they themselves approve.
    zoe = hub.person("zoe", "write")
    told = {"event": "REQUEST_CHANGES", "body": "No"}
    hub.call("POST", f"{HERE}/pulls/{number}/reviews", zoe, json=told)
    assert "Changes were requested" in refusal()
    hub.call("POST", f"{HERE}/pulls/{number}/reviews", zoe, json={"event": "COMMENT", "body": "Hm"})
    assert "Changes were requested" in refusal()
    hub.call("POST", f"{HERE}/pulls/{number}/reviews", zoe, json={"event": "APPROVE"})
    assert hub.call("PUT", f"{HERE}/pulls/{number}/merge").status_code == 200


@pytest.mark.parametrize(("method", "commits", "parents"), [("merge", 3, 2), ("squash", 1, 1), ("rebase", 2, 1)])
def test_pull_requests_are_merged_all_three_ways(
    hub: Hub, tmp_path: Path, method: str, commits: int, parents: int
) -> None:
    number = hub.pull(tmp_path / "work")
    hub.branch("work", tmp_path / "work", "second\n", "other")
    before = hub.call("GET", f"{HERE}/commits/main").json()["sha"]
    told = {"merge_method": method, "sha": head_of(hub, number)}
    merged = hub.call("PUT", f"{HERE}/pulls/{number}/merge", json=told)
    check("put", f"{REPO}/pulls/{{pull_number}}/merge", merged)
    head = hub.call("GET", f"{HERE}/commits/main").json()
    assert head["sha"] == merged.json()["sha"]
    assert len(head["parents"]) == parents
    # The work of others keeps their names; what is made here is the merging App's, or whose the pull request is.
    authors = {"merge": "pressplay[bot]", "squash": "pressplay[bot]", "rebase": "A"}
    assert head["commit"]["author"]["name"] == authors[method]
    work = tmp_path / "work"
    git("fetch", "--quiet", "origin", at=work)
    assert len(git("rev-list", f"{before}..origin/main", at=work).split()) == commits
    assert git("show", "origin/main:other", at=work) == "second\n"
    whole = hub.call("GET", f"{HERE}/pulls/{number}").json()
    assert (whole["merged"], whole["merge_commit_sha"], whole["merged_by"]["login"]) == (
        True, head["sha"], "pressplay[bot]"
    )  # fmt: skip


def test_a_merge_of_another_head_or_with_conflicts_is_refused(hub: Hub, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    wrong = hub.call("PUT", f"{HERE}/pulls/{number}/merge", json={"sha": "0" * 40})
    check("put", f"{REPO}/pulls/{{pull_number}}/merge", wrong)
    assert wrong.status_code == 409
    hub.branch("work", tmp_path / "work", "here\n", "file")
    hub.branch("main", tmp_path / "other", "there\n", "file")
    whole = hub.call("GET", f"{HERE}/pulls/{number}").json()
    assert (whole["mergeable"], whole["mergeable_state"]) == (False, "dirty")
    for method in ("merge", "squash", "rebase"):
        told = {"merge_method": method}
        assert hub.call("PUT", f"{HERE}/pulls/{number}/merge", json=told).status_code == 405
    assert hub.call("PUT", f"{HERE}/pulls/{number}/update-branch").status_code == 422


def test_a_branch_that_is_behind_is_brought_up_to_date(hub: Hub, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    hub.make("/_hub/rulesets", {"repository": "acme/sums", "up_to_date": True, "methods": ["squash"], "pushers": [BOT]})
    hub.branch("main", tmp_path / "other", "there\n", "unrelated")
    refused = hub.call("PUT", f"{HERE}/pulls/{number}/merge").json()["message"]
    assert "not up to date" in refused
    assert "Merge merges are not allowed" in refused
    updated = hub.call("PUT", f"{HERE}/pulls/{number}/update-branch")
    check("put", f"{REPO}/pulls/{{pull_number}}/update-branch", updated)
    told = {"merge_method": "squash"}
    assert hub.call("PUT", f"{HERE}/pulls/{number}/merge", json=told).status_code == 200


def test_pygithub_makes_checks_and_merges_with_it_unchanged(hub: Hub, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    with Github(auth=Auth.Token(hub.token), base_url=f"{hub.address}/api/v3") as github:
        repository = github.get_repo("acme/sums")
        pull = repository.get_pull(number)
        repository.create_check_run("tests", pull.head.sha, status="completed", conclusion="success")
        commit = repository.get_commit(pull.head.sha)
        assert [each.conclusion for each in commit.get_check_runs()] == ["success"]
        commit.create_status("success", context="lint")
        assert commit.get_combined_status().state == "success"
        assert pull.merge(merge_method="squash", sha=pull.head.sha).merged
