"""Workflows' runs and jobs in GitHub's shapes."""

from __future__ import annotations

from typing import Any

from localhub import git, render, render_checks
from localhub.render import API, node
from localhub.state import State

Body = dict[str, Any]
PATH = ".github/workflows"
# What a run of a workflow does not tell of its repository, in answers nor in events.
LEFT_OUT = (
    "archived", "clone_url", "created_at", "custom_properties", "default_branch", "disabled", "forks",
    "forks_count", "git_url", "has_discussions", "has_downloads", "has_issues", "has_pages", "has_projects",
    "has_wiki", "homepage", "is_template", "language", "license", "mirror_url", "open_issues", "open_issues_count",
    "pushed_at", "size", "ssh_url", "stargazers_count", "svn_url", "topics", "updated_at", "visibility", "watchers",
    "watchers_count", "web_commit_signoff_required",
)  # fmt: skip


def run(state: State, told: Body, one: Body) -> Body:
    """A workflow's run."""
    api, who = f"{state.url}{API}/repos/{told['full_name']}", render.user(state, one["login"])
    address = f"{api}/actions/runs/{one['id']}"
    check = next(each for each in told["check_runs"] if each["id"] == one["jobs"][-1]["id"])
    hooked, whole = render_checks.hooked(state, told, check), render.repository(state, told)
    repository = {name: value for name, value in whole.items() if name not in LEFT_OUT}
    suite = hooked["check_suite"]["id"]
    commit = git.commit(state.git_folder(told), one["head_sha"])
    person = {"name": commit.author, "email": commit.email}
    return {
        "id": one["id"], "name": one["name"], "node_id": node("WorkflowRun", one["id"]), "head_branch": one["branch"],
        "head_sha": one["head_sha"], "path": f"{PATH}/{one['name']}.yaml", "run_number": one["number"],
        "run_attempt": one["attempt"], "display_title": commit.message.partition("\n")[0], "event": "push",
        "status": "completed", "conclusion": _conclusion(told, one), "workflow_id": 1,
        "check_suite_id": suite, "check_suite_node_id": node("CheckSuite", suite), "url": address,
        "html_url": f"{state.url}/{told['full_name']}/actions/runs/{one['id']}", "created_at": one["created_at"],
        "updated_at": one["created_at"], "run_started_at": one["created_at"], "actor": who, "triggering_actor": who,
        "head_commit": {"id": one["head_sha"], "tree_id": commit.tree, "message": commit.message,
                        "timestamp": commit.date, "author": person, "committer": person},
        "repository": repository, "head_repository": repository, "pull_requests": hooked["pull_requests"],
        "referenced_workflows": [], "previous_attempt_url": None, "check_suite_url": f"{api}/check-suites/{suite}",
        "workflow_url": f"{api}/actions/workflows/1",
        **{f"{name}_url": f"{address}/{name}" for name in ("jobs", "logs", "artifacts", "cancel", "rerun")},
    }  # fmt: skip


def _conclusion(told: Body, one: Body) -> str:
    ended = {each["id"]: each["conclusion"] for each in told["check_runs"]}
    bad = [ended[job["id"]] for job in one["jobs"] if job["latest"] and ended[job["id"]] != "success"]
    return str(bad[0]) if bad else "success"


def workflow(state: State, told: Body, one: Body) -> Body:
    """The workflow itself, as events have it."""
    api, web = f"{state.url}{API}/repos/{told['full_name']}", f"{state.url}/{told['full_name']}"
    path = f"{PATH}/{one['name']}.yaml"
    return {
        "id": 1, "node_id": node("Workflow", 1), "name": one["name"], "path": path, "state": "active",
        "created_at": one["created_at"], "updated_at": one["created_at"], "url": f"{api}/actions/workflows/1",
        "html_url": f"{web}/blob/main/{path}", "badge_url": f"{web}/workflows/{one['name']}/badge.svg",
    }  # fmt: skip


def job(state: State, told: Body, run_: Body, one: Body) -> Body:
    """A job of one."""
    api = f"{state.url}{API}/repos/{told['full_name']}"
    check = next(each for each in told["check_runs"] if each["id"] == one["id"])
    return {
        "id": one["id"], "run_id": run_["id"], "run_url": f"{api}/actions/runs/{run_['id']}", "name": one["name"],
        "run_attempt": one["attempt"], "node_id": node("CheckRun", one["id"]), "head_sha": run_["head_sha"],
        "url": f"{api}/actions/jobs/{one['id']}", "status": check["status"], "conclusion": check["conclusion"],
        "html_url": f"{state.url}/{told['full_name']}/actions/runs/{run_['id']}/job/{one['id']}",
        "created_at": check["started_at"], "started_at": check["started_at"], "completed_at": check["completed_at"],
        "steps": [], "check_run_url": f"{api}/check-runs/{one['id']}", "labels": ["ubuntu-latest"],
        "runner_id": 1, "runner_name": "runner", "runner_group_id": 1, "runner_group_name": "default",
        "workflow_name": run_["name"], "head_branch": run_["branch"],
    }  # fmt: skip
