"""What the stand-in's branches demand, how that shows in a pull request, and check runs in all their states."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.hub import REPO, Hub, Receiver, check, check_hook

HERE = "/repos/acme/sums"
RUN = f"{REPO}/check-runs/{{check_run_id}}"
LINE = {"path": "work", "start_line": 1, "end_line": 1, "annotation_level": "warning", "message": "Odd"}


@pytest.fixture
def number(hub: Hub, tmp_path: Path) -> int:
    return hub.pull(tmp_path / "work")


@pytest.fixture
def head(hub: Hub, number: int) -> str:
    return str(hub.call("GET", f"{HERE}/pulls/{number}").json()["head"]["sha"])


def state(hub: Hub, number: int) -> str:
    answer = hub.call("GET", f"{HERE}/pulls/{number}")
    check("get", f"{REPO}/pulls/{{pull_number}}", answer)
    return str(answer.json()["mergeable_state"])


def report(hub: Hub, head: str, **told: Any) -> dict[str, Any]:
    answer = hub.call("POST", f"{HERE}/check-runs", json={"name": "tests", "head_sha": head, **told})
    check("post", f"{REPO}/check-runs", answer)
    made: dict[str, Any] = answer.json()
    return made


def test_a_pull_request_says_what_its_merge_waits_for(hub: Hub, number: int, head: str, tmp_path: Path) -> None:
    assert state(hub, number) == "clean"
    report(hub, head, name="lint", conclusion="failure")
    assert state(hub, number) == "unstable"
    checks = [{"context": "tests", "app_id": hub.app["id"]}]
    told = {"repository": "acme/sums", "required_checks": checks, "up_to_date": True, "pushers": ["pressplay[bot]"]}
    hub.make("/_hub/rulesets", told)
    assert state(hub, number) == "blocked"
    report(hub, head, conclusion="success")
    assert state(hub, number) == "unstable"
    report(hub, head, name="lint", conclusion="success")
    assert state(hub, number) == "clean"
    hub.branch("main", tmp_path / "other", "there\n", "unrelated")
    assert state(hub, number) == "behind"
    hub.branch("main", tmp_path / "other", "mine\n", "work")
    assert state(hub, number) == "dirty"


def test_a_draft_is_not_merged(hub: Hub, tmp_path: Path) -> None:
    hub.branch("draft", tmp_path / "draft")
    told = {"title": "More", "head": "draft", "base": "main", "draft": True}
    number = hub.call("POST", f"{HERE}/pulls", json=told).json()["number"]
    assert state(hub, number) == "draft"
    assert hub.call("PUT", f"{HERE}/pulls/{number}/merge").status_code == 405


@pytest.mark.parametrize(("enforcement", "status"), [("active", 405), ("evaluate", 200), ("disabled", 200)])
def test_only_what_is_enforced_holds_a_merge_up(hub: Hub, number: int, enforcement: str, status: int) -> None:
    told = {"repository": "acme/sums", "approvals": 1, "enforcement": enforcement}
    made = hub.make("/_hub/rulesets", told)
    listed = hub.call("GET", f"{HERE}/rulesets")
    check("get", f"{REPO}/rulesets", listed)
    assert [each["enforcement"] for each in listed.json()] == [enforcement]
    one = hub.call("GET", f"{HERE}/rulesets/{made['id']}")
    check("get", f"{REPO}/rulesets/{{ruleset_id}}", one)
    assert one.json()["rules"][0]["parameters"]["required_approving_review_count"] == 1
    assert bool(hub.call("GET", f"{HERE}/rules/branches/main").json()) is (enforcement == "active")
    answer = hub.call("PUT", f"{HERE}/pulls/{number}/merge")
    check("put", f"{REPO}/pulls/{{pull_number}}/merge", answer)
    assert answer.status_code == status


def test_a_branch_with_rules_is_reached_by_pull_requests_alone(hub: Hub, number: int, tmp_path: Path) -> None:
    def push() -> str:
        words = ["git", "push", "origin", "HEAD:main"]
        done = subprocess.run(words, cwd=tmp_path / "work", capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else ""

    hub.make("/_hub/rulesets", {"repository": "acme/sums"})
    assert "GH013: Repository rule violations found for refs/heads/main." in push()
    assert state(hub, number) == "clean"
    hub.branch("work", tmp_path / "work", "other branches have none\n")
    hub.make("/_hub/rulesets", {"repository": "acme/sums", "enforcement": "evaluate"})
    assert not push()


def test_a_check_run_that_begins_anew_has_no_conclusion(hub: Hub, receiver: Receiver, head: str) -> None:
    run = report(hub, head, conclusion="failure", completed_at="2026-01-01T00:00:00Z")
    assert run["completed_at"] == "2026-01-01T00:00:00Z"
    again = hub.call("PATCH", f"{HERE}/check-runs/{run['id']}", json={"status": "in_progress"})
    check("patch", RUN, again)
    assert (again.json()["status"], again.json()["conclusion"], again.json()["completed_at"]) == (
        "in_progress", None, None
    )  # fmt: skip
    done = hub.call("PATCH", f"{HERE}/check-runs/{run['id']}", json={"conclusion": "success"}).json()
    assert (done["status"], bool(done["completed_at"])) == ("completed", True)
    receiver.until(lambda: len(receiver.events()) >= 3, "three events")
    wanted = {("check_run", "completed"), ("check_run", "created")}
    assert wanted <= set(receiver.events())
    for headers, body in receiver.came:
        check_hook(headers, body, "the secret")


def test_annotations_add_up(hub: Hub, head: str) -> None:
    run = report(hub, head, output={"title": "Odd", "summary": "One", "annotations": [LINE]})
    one = f"{HERE}/check-runs/{run['id']}"
    more = {"summary": "Two", "annotations": [{**LINE, "title": "Still odd", "start_column": 1, "end_column": 2}]}
    changed = hub.call("PATCH", one, json={"output": more})
    check("patch", RUN, changed)
    output = changed.json()["output"]
    assert (output["title"], output["summary"], output["annotations_count"]) == ("Odd", "Two", 2)
    listed = hub.call("GET", f"{one}/annotations")
    check("get", f"{RUN}/annotations", listed)
    assert [each["title"] for each in listed.json()] == [None, "Still odd"]


@pytest.mark.parametrize(
    "told",
    [
        {"head_sha": "work"},
        {"conclusion": "stale"},
        {"status": "completed"},
        {"output": {"title": "t"}},
        {"output": {"summary": "s"}},
        {"output": {"title": "t", "summary": "s", "annotations": [LINE] * 51}},
        {"output": {"title": "t", "summary": "s", "annotations": [{**LINE, "annotation_level": "fatal"}]}},
        {"output": {"title": "t", "summary": "s", "annotations": [{"path": "work"}]}},
    ],
)
def test_a_check_run_that_github_would_refuse_is_refused(hub: Hub, head: str, told: dict[str, Any]) -> None:
    whole = {"name": "tests", "head_sha": head, **told}
    assert hub.call("POST", f"{HERE}/check-runs", json=whole).status_code == 422
    assert hub.call("GET", f"{HERE}/commits/{head}/check-runs").json()["total_count"] == 0


def test_a_status_is_of_a_whole_commit_id(hub: Hub, head: str) -> None:
    for sha in ("work", head[:10]):
        assert hub.call("POST", f"{HERE}/statuses/{sha}", json={"state": "success"}).status_code == 422


def test_check_runs_of_a_commit_are_found_by_name_state_and_app(hub: Hub, head: str) -> None:
    report(hub, head, conclusion="failure")
    report(hub, head, conclusion="success")
    report(hub, head, name="lint", status="in_progress")

    def found(query: str) -> list[tuple[str, str | None]]:
        answer = hub.call("GET", f"{HERE}/commits/work/check-runs?{query}")
        check("get", f"{REPO}/commits/{{ref}}/check-runs", answer)
        return [(each["name"], each["conclusion"]) for each in answer.json()["check_runs"]]

    assert found("") == [("tests", "success"), ("lint", None)]
    assert found("filter=all&check_name=tests") == [("tests", "failure"), ("tests", "success")]
    assert found("status=in_progress") == [("lint", None)]
    assert found("app_id=1") == []
    assert len(found(f"app_id={hub.app['id']}")) == 2
