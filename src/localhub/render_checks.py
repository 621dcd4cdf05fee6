"""Check runs and statuses in GitHub's shapes."""

from __future__ import annotations

from typing import Any

from localhub import git, render, render_code
from localhub.render import API, node, user
from localhub.state import State

Body = dict[str, Any]


def _suite_id(one: Body) -> int:
    """One suite an App and commit."""
    return int(one["head_sha"][:7], 16) * 1000 + int(one["app"]) % 1000


def _pulls(state: State, told: Body, sha: str) -> list[Body]:
    """The open pull requests whose head a commit is, as checks name them."""
    api = f"{state.url}{API}/repos/{told['full_name']}"
    repo = {"id": told["id"], "url": api, "name": told["full_name"].partition("/")[2]}
    heads = git.branches(state.git_folder(told))
    return [
        {
            "id": one["id"], "number": int(number), "url": f"{api}/pulls/{number}",
            "head": {"ref": one["head"], "sha": sha, "repo": repo},
            "base": {"ref": one["base"], "sha": heads.get(one["base"], sha), "repo": repo},
        }
        for number, one in told["pulls"].items()
        if one["state"] == "open" and heads.get(one["head"]) == sha and "from" not in one
    ]  # fmt: skip


def run(state: State, told: Body, one: Body) -> Body:
    """A check run."""
    address = f"{state.url}{API}/repos/{told['full_name']}/check-runs/{one['id']}"
    page, output = f"{state.url}/{told['full_name']}/runs/{one['id']}", one.get("output") or {}
    return {
        "id": one["id"], "name": one["name"], "node_id": node("CheckRun", one["id"]), "head_sha": one["head_sha"],
        "external_id": one["external_id"], "url": address, "html_url": page, "details_url": one["details_url"] or page,
        "status": one["status"], "conclusion": one["conclusion"], "started_at": one["started_at"],
        "completed_at": one["completed_at"],
        "output": {
            "title": output.get("title"), "summary": output.get("summary"), "text": output.get("text"),
            "annotations_count": len(one.get("annotations") or []), "annotations_url": f"{address}/annotations",
        },
        "check_suite": {"id": _suite_id(one)}, "app": render.app(state, state.apps[str(one["app"])]),
        "pull_requests": _pulls(state, told, one["head_sha"]),
    }  # fmt: skip


def annotation(state: State, told: Body, run: Body, one: Body) -> Body:
    """What a check run says of lines of a file."""
    optional = {name: one.get(name) for name in ("start_column", "end_column", "title", "raw_details")}
    return {
        **{name: one[name] for name in ("path", "start_line", "end_line", "annotation_level", "message")}, **optional,
        "blob_href": f"{state.url}/{told['full_name']}/blob/{run['head_sha']}/{one['path']}",
    }  # fmt: skip


def hooked(state: State, told: Body, one: Body) -> Body:
    """A check run as webhooks have it, with its suite."""
    shown = run(state, told, one)
    identity = _suite_id(one)
    branch = next((each["head"]["ref"] for each in shown["pull_requests"]), None)
    suite = {
        "id": identity, "node_id": node("CheckSuite", identity), "head_branch": branch, "head_sha": one["head_sha"],
        "status": one["status"], "conclusion": one["conclusion"], "before": None, "after": one["head_sha"],
        "url": f"{state.url}{API}/repos/{told['full_name']}/check-suites/{identity}", "app": shown["app"],
        "pull_requests": shown["pull_requests"], "created_at": one["started_at"], "updated_at": one["started_at"],
    }  # fmt: skip
    return {**shown, "check_suite": suite}


def status(state: State, told: Body, one: Body) -> Body:
    """A status of a commit."""
    creator = user(state, one["login"])
    return {
        "url": f"{state.url}{API}/repos/{told['full_name']}/statuses/{one['sha']}",
        "avatar_url": creator["avatar_url"], "id": one["id"], "node_id": node("Status", one["id"]),
        "state": one["state"], "description": one["description"], "target_url": one["target_url"],
        "context": one["context"], "created_at": one["created_at"], "updated_at": one["created_at"],
        "creator": creator,
    }  # fmt: skip


def hooked_status(state: State, told: Body, one: Body, commit: git.Commit) -> Body:
    """A status as its event has it."""
    address = f"{state.url}{API}/repos/{told['full_name']}/commits/{one['sha']}"
    heads = git.branches(state.git_folder(told))
    on = [name for name, sha in heads.items() if sha == one["sha"]]
    shown, made = status(state, told, one), render_code.commit(state, told, commit)
    # Of signatures the event tells less than the API does.
    del made["commit"]["verification"]["verified_at"]
    return {
        **{name: one[name] for name in ("id", "sha", "state", "context", "description", "target_url", "created_at")},
        "avatar_url": shown["avatar_url"], "name": told["full_name"], "updated_at": one["created_at"],
        "commit": made,
        "branches": [{"name": name, "commit": {"sha": one["sha"], "url": address}, "protected": False} for name in on],
    }  # fmt: skip


def combined(state: State, told: Body, sha: str) -> Body:
    """All statuses of a commit as one."""
    latest = {each["context"]: each for each in told["statuses"] if each["sha"] == sha}
    states = {each["state"] for each in latest.values()}
    whole = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    address = f"{state.url}{API}/repos/{told['full_name']}/commits/{sha}"
    shown = [{name: value for name, value in status(state, told, each).items() if name != "creator"}
             for each in latest.values()]  # fmt: skip
    return {
        "state": whole, "sha": sha, "total_count": len(shown), "statuses": shown, "commit_url": address,
        "url": f"{address}/status", "repository": render.repository(state, told),
    }  # fmt: skip
