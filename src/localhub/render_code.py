"""Commits, files, refs and comparisons in GitHub's shapes."""

from __future__ import annotations

import base64
from typing import Any

from localhub import differences, git
from localhub.render import API, node, user
from localhub.state import State

Body = dict[str, Any]
# A larger file is had raw only.
MOST_CONTENT = 1 << 20
STATUSES = {"A": "added", "M": "modified", "D": "removed", "R": "renamed", "T": "changed"}


def _api(state: State, told: Body) -> str:
    return f"{state.url}{API}/repos/{told['full_name']}"


def _web(state: State, told: Body) -> str:
    return f"{state.url}/{told['full_name']}"


def _person(name: str, email: str, date: str) -> Body:
    return {"name": name, "email": email, "date": date}


def commit(state: State, told: Body, one: git.Commit) -> Body:
    """A commit."""
    api, web = _api(state, told), _web(state, told)
    address = f"{api}/commits/{one.sha}"
    return {
        "sha": one.sha, "node_id": node("Commit", int(one.sha[:8], 16)), "url": address,
        "html_url": f"{web}/commit/{one.sha}", "comments_url": f"{address}/comments",
        "commit": {
            "author": _person(one.author, one.email, one.date), "message": one.message, "comment_count": 0,
            "committer": _person(one.committer, one.committer_email, one.date),
            "tree": {"sha": one.tree, "url": f"{api}/git/trees/{one.tree}"}, "url": f"{api}/git/commits/{one.sha}",
            "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None,
                             "verified_at": None},
        },
        "author": _author(state, one), "committer": None,
        "parents": [{"sha": each, "url": f"{api}/commits/{each}", "html_url": f"{web}/commit/{each}"}
                    for each in one.parents],
    }  # fmt: skip


def _author(state: State, one: git.Commit) -> Body | None:
    """The account behind a commit, found by the address that GitHub gives to those who hide theirs."""
    login = one.email.partition("@")[0].rpartition("+")[2]
    known = login in state.users or login.endswith("[bot]")
    return user(state, login, state.users.get(login, {}).get("id", 0)) if known else None


def pushed(state: State, told: Body, one: git.Commit) -> Body:
    """A commit as push events have it."""
    changed = {kind: [path for status, path in one.files if status == letter]
               for kind, letter in (("added", "A"), ("removed", "D"), ("modified", "M"))}  # fmt: skip
    return {
        "id": one.sha, "tree_id": one.tree, "distinct": True, "message": one.message, "timestamp": one.date,
        "url": f"{_web(state, told)}/commit/{one.sha}", **changed,
        "author": {"name": one.author, "email": one.email},
        "committer": {"name": one.committer, "email": one.committer_email},
    }  # fmt: skip


def ref(state: State, told: Body, name: str, sha: str, kind: str) -> Body:
    """A ref.

    Args:
        kind: of what it names: a commit, or the tag of a text.
    """
    api = _api(state, told)
    return {
        "ref": name, "node_id": node("Ref", int(sha[:8], 16)), "url": f"{api}/git/{name}",
        "object": {"type": kind, "sha": sha, "url": f"{api}/git/{kind}s/{sha}"},
    }  # fmt: skip


def entry(state: State, told: Body, at: str, one: Body) -> Body:
    """A file or a folder as one of several."""
    api, web = _api(state, told), _web(state, told)
    address = f"{api}/contents/{one['path']}?ref={at}"
    kind = "tree" if one["type"] == "dir" else "blob"
    pages = {"html_url": f"{web}/{kind}/{at}/{one['path']}", "git_url": f"{api}/git/{kind}s/{one['sha']}"}
    download = f"{web}/raw/{at}/{one['path']}" if one["type"] == "file" else None
    # In a list GitHub calls a submodule a file, for it always has.
    shown = "file" if one["type"] == "submodule" else one["type"]
    return {
        **{name: one[name] for name in ("size", "name", "path", "sha")}, "type": shown, "url": address, **pages,
        "download_url": download,
        "_links": {"self": address, "git": pages["git_url"], "html": pages["html_url"]},
    }  # fmt: skip


def file(state: State, told: Body, at: str, one: Body, data: bytes) -> Body:
    """A file with its content, if it is not too large."""
    if len(data) > MOST_CONTENT:
        return {**entry(state, told, at, one), "encoding": "none", "content": ""}
    return {**entry(state, told, at, one), "encoding": "base64", "content": base64.encodebytes(data).decode()}


def link(state: State, told: Body, at: str, one: Body, target: str) -> Body:
    """A symbolic link that leads to no file."""
    return {**entry(state, told, at, one), "target": target}


def submodule(state: State, told: Body, at: str, one: Body) -> Body:
    """A submodule by its path; where it comes from nobody here knows."""
    return {**entry(state, told, at, one), "type": "submodule", "submodule_git_url": "", "download_url": None}


def folder(state: State, told: Body, at: str, path: str, entries: list[Body]) -> Body:
    """A folder as an object."""
    one = {"type": "dir", "size": 0, "name": path.rpartition("/")[2], "path": path, "sha": at}
    return {**entry(state, told, at, one), "entries": entries}


def changed_files(state: State, told: Body, base: str, head: str) -> list[Body]:
    """The files that differ, with their patches."""
    web, api = _web(state, told), _api(state, told)
    shown = []
    for one in differences.changes(state.git_folder(told), base, head):
        path, sha = one["path"], one["sha"]
        more = {"previous_filename": one["before"]} if one["before"] else {}
        shown.append({
            "sha": sha, "filename": path, "status": STATUSES.get(one["status"], "changed"), **more,
            "additions": one["added"], "deletions": one["deleted"], "changes": one["added"] + one["deleted"],
            "blob_url": f"{web}/blob/{head}/{path}", "raw_url": f"{web}/raw/{head}/{path}",
            "contents_url": f"{api}/contents/{path}?ref={head}", "patch": one["patch"],
        })  # fmt: skip
    return shown


def comparison(state: State, told: Body, base: str, head: str) -> Body:
    """What a commit has that another has not."""
    folder, api, web = state.git_folder(told), _api(state, told), _web(state, told)
    ahead, behind = git.ahead(folder, base, head), git.ahead(folder, head, base)
    status = "diverged" if ahead and behind else "ahead" if ahead else "behind" if behind else "identical"
    page = f"{web}/compare/{base}...{head}"
    names = git.between(folder, base, head)
    return {
        "url": f"{api}/compare/{base}...{head}", "html_url": page, "permalink_url": page, "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch", "base_commit": commit(state, told, git.commit(folder, base)),
        "merge_base_commit": commit(state, told, git.commit(folder, git.merge_base(folder, base, head) or base)),
        "status": status, "ahead_by": ahead, "behind_by": behind, "total_commits": ahead,
        "commits": [commit(state, told, git.commit(folder, each)) for each in reversed(names)],
        "files": changed_files(state, told, base, head),
    }  # fmt: skip
