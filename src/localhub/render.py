"""GitHub's JSON shapes, as far as they are served."""

from __future__ import annotations

from typing import Any

from localhub import git
from localhub.state import State

Body = dict[str, Any]


def user(login: str, identity: int = 0) -> Body:
    """A simple user."""
    return {"login": login, "id": identity, "type": "Bot" if login.endswith("[bot]") else "User"}


def repository(state: State, told: Body) -> Body:
    """A repository."""
    owner, _, name = told["full_name"].partition("/")
    address = f"{state.url}/{told['full_name']}"
    return {
        "id": told["id"], "name": name, "full_name": told["full_name"], "private": told["private"],
        "owner": user(owner), "html_url": address, "clone_url": f"{address}.git", "default_branch": "main",
        "fork": False, "archived": False,
    }  # fmt: skip


def pull(state: State, told: Body, number: str) -> Body:
    """A pull request; its head follows its branch."""
    one = told["pulls"][number]
    heads = git.branches(state.git_folder(told))
    whole = repository(state, told)
    return {
        "id": one["id"], "number": int(number), "state": one["state"], "title": one["title"], "body": one["body"],
        "draft": False, "html_url": f"{state.url}/{told['full_name']}/pull/{number}", "user": one["user"],
        "merged": one["merged"], "merge_commit_sha": one.get("merge_commit_sha"),
        "head": {"ref": one["head"], "sha": heads.get(one["head"], one["head_sha"]), "repo": whole,
                 "label": f"{whole['owner']['login']}:{one['head']}"},
        "base": {"ref": one["base"], "sha": heads.get(one["base"], ""), "repo": whole},
        "created_at": one["created_at"], "author_association": "CONTRIBUTOR", "labels": [],
    }  # fmt: skip


def issue(state: State, told: Body, number: str) -> Body:
    """An issue, or a pull request as one."""
    one = told["issues"].get(number) or told["pulls"][number]
    return {
        "id": one["id"], "number": int(number), "state": one["state"], "title": one["title"], "body": one["body"],
        "user": one["user"], "labels": [], "created_at": one["created_at"],
        "author_association": one.get("author_association", "OWNER"),
        "html_url": f"{state.url}/{told['full_name']}/issues/{number}",
    }  # fmt: skip
