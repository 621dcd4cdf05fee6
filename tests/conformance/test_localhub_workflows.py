"""Workflows at the stand-in: runs, jobs, logs that lie elsewhere, and what is run once more."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.conformance.hub import REPO, Hub, Receiver, check, check_hook

HERE = "/repos/acme/sums"
ACTIONS = f"{REPO}/actions"


def workflow(hub: Hub, **job: object) -> int:
    told = {"name": "test", "conclusion": "failure", "log": "one\nit failed\n", **job}
    made = hub.make("/_hub/workflow-runs", {"repository": "acme/sums", "branch": "main", "name": "ci", "jobs": [told]})
    return int(made["id"])


def test_a_workflow_s_run_and_its_jobs_are_told_as_github_tells_them(hub: Hub) -> None:
    run = workflow(hub)
    for path, schema in (
        ("", "/runs"), (f"/{run}", "/runs/{run_id}"), (f"/{run}/jobs", "/runs/{run_id}/jobs")
    ):  # fmt: skip
        check("get", f"{ACTIONS}{schema}", hub.call("GET", f"{HERE}/actions/runs{path}"))
    (job,) = hub.call("GET", f"{HERE}/actions/runs/{run}/jobs").json()["jobs"]
    check("get", f"{ACTIONS}/jobs/{{job_id}}", hub.call("GET", f"{HERE}/actions/jobs/{job['id']}"))
    same = hub.call("GET", f"{HERE}/check-runs/{job['id']}").json()
    assert (same["name"], same["conclusion"], same["app"]["slug"]) == ("test", "failure", "github-actions")


def test_a_log_lies_at_an_address_that_takes_no_token(hub: Hub) -> None:
    run = workflow(hub)
    (job,) = hub.call("GET", f"{HERE}/actions/runs/{run}/jobs").json()["jobs"]
    told = hub.call("GET", f"{HERE}/actions/jobs/{job['id']}/logs")
    assert told.status_code == 302
    assert httpx.get(told.headers["location"]).text == "one\nit failed\n"
    with_token = httpx.get(told.headers["location"], headers={"authorization": f"Bearer {hub.token}"})
    assert with_token.status_code == 400


def test_a_job_that_is_run_again_is_a_new_one_and_the_old_one_is_run_no_more(hub: Hub) -> None:
    run = workflow(hub, again=["success"])
    (job,) = hub.call("GET", f"{HERE}/actions/runs/{run}/jobs").json()["jobs"]
    again = hub.call("POST", f"{HERE}/actions/jobs/{job['id']}/rerun")
    check("post", f"{ACTIONS}/jobs/{{job_id}}/rerun", again)
    (latest,) = hub.call("GET", f"{HERE}/actions/runs/{run}/jobs").json()["jobs"]
    assert (latest["conclusion"], latest["run_attempt"]) == ("success", 2)
    assert latest["id"] != job["id"]
    assert len(hub.call("GET", f"{HERE}/actions/runs/{run}/jobs", params={"filter": "all"}).json()["jobs"]) == 2
    refused = hub.call("POST", f"{HERE}/actions/jobs/{job['id']}/rerun")
    check("post", f"{ACTIONS}/jobs/{{job_id}}/rerun", refused)
    assert refused.status_code == 403
    runs = hub.call("GET", f"{HERE}/commits/main/check-runs").json()["check_runs"]
    assert [each["conclusion"] for each in runs] == ["success"]


def test_all_failed_jobs_of_a_run_are_run_again_at_once(hub: Hub, receiver: Receiver) -> None:
    run = workflow(hub)
    again = hub.call("POST", f"{HERE}/actions/runs/{run}/rerun-failed-jobs")
    check("post", f"{ACTIONS}/runs/{{run_id}}/rerun-failed-jobs", again)
    assert hub.call("GET", f"{HERE}/actions/runs/{run}").json()["run_attempt"] == 2
    receiver.until(lambda: receiver.events().count(("workflow_run", "completed")) == 2, "both attempts")
    for headers, body in receiver.came:
        check_hook(headers, body, "the secret")


def test_who_moved_a_branch_is_told_and_who_put_a_label_on(hub: Hub, tmp_path: Path) -> None:
    hub.branch("work", tmp_path / "work")
    moves = hub.call("GET", f"{HERE}/activity", params={"ref": "refs/heads/work"})
    check("get", f"{REPO}/activity", moves)
    assert [each["actor"]["login"] for each in moves.json()] == ["pressplay[bot]"]
    hub.call("POST", f"{HERE}/issues/1/labels", hub.person("ann", "write"), json={"labels": ["agent"]})
    events = hub.call("GET", f"{HERE}/issues/1/events")
    check("get", f"{REPO}/issues/{{issue_number}}/events", events)
    assert [(each["event"], each["actor"]["login"], each["label"]["name"]) for each in events.json()] == [
        ("labeled", "ann", "agent")
    ]


def test_an_app_is_known_by_its_slug(hub: Hub) -> None:
    told = hub.call("GET", "/apps/pressplay")
    check("get", "/apps/{app_slug}", told)
    assert told.json()["id"] == hub.app["id"]
    check("get", "/apps/{app_slug}", hub.call("GET", "/apps/nobody"))


def test_a_workflow_runs_on_each_push_to_a_pull_request(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    jobs = [{"name": "unit", "conclusion": "failure"}]
    hub.make("/_hub/workflows", {"repository": "acme/sums", "name": "ci", "jobs": jobs})
    hub.branch("work", tmp_path / "work", "and more\n")
    run = receiver.payload("check_run", "completed")["check_run"]
    assert run["head_sha"] == hub.call("GET", f"{HERE}/pulls/{number}").json()["head"]["sha"]
    assert [each["number"] for each in run["pull_requests"]] == [number]
    # What is pushed elsewhere runs nothing.
    hub.branch("other", tmp_path / "work", "elsewhere\n")
    assert hub.call("GET", f"{HERE}/actions/runs").json()["total_count"] == 1
