"""GitHub's JSON shapes (REST API, 2022-11-28): every field that its OpenAPI description requires is there."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from localhub import git
from localhub.state import State

Body = dict[str, Any]

API = "/api/v3"
EPOCH = "2026-01-01T00:00:00Z"
USER_URLS = {
    "followers_url": "/followers", "following_url": "/following{/other_user}", "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}", "subscriptions_url": "/subscriptions", "organizations_url": "/orgs",
    "repos_url": "/repos", "events_url": "/events{/privacy}", "received_events_url": "/received_events",
}  # fmt: skip
REPOSITORY_URLS = {
    "archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}", "commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}", "contributors_url": "/contributors", "deployments_url": "/deployments",
    "downloads_url": "/downloads", "events_url": "/events", "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks", "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}", "issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}", "languages_url": "/languages", "merges_url": "/merges",
    "milestones_url": "/milestones{/number}", "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}", "releases_url": "/releases{/id}", "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}", "subscribers_url": "/subscribers", "subscription_url": "/subscription",
    "tags_url": "/tags", "teams_url": "/teams", "trees_url": "/git/trees{/sha}",
}  # fmt: skip
COUNTS = ("forks", "forks_count", "open_issues", "open_issues_count", "stargazers_count", "watchers", "watchers_count",
          "size")  # fmt: skip


def node(kind: str, identity: int) -> str:
    """A global id: opaque to whoever gets it."""
    return base64.b64encode(f"{kind}:{identity}".encode()).decode()


def user(state: State, login: str, identity: int = 0) -> Body:
    """A simple user; one whose id is not given has one made of its name."""
    number = identity or sum(map(ord, login)) + 10_000
    address = f"{state.url}{API}/users/{login}"
    return {
        "login": login, "id": number, "node_id": node("User", number), "gravatar_id": "",
        "avatar_url": f"{state.url}/avatars/{number}", "html_url": f"{state.url}/{login}", "url": address,
        "type": "Bot" if login.endswith("[bot]") else "User", "site_admin": False,
        **{name: f"{address}{path}" for name, path in USER_URLS.items()},
    }  # fmt: skip


def public_user(state: State, login: str, identity: int) -> Body:
    """A user by its name."""
    nothing = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    return {**user(state, login, identity), **nothing, **counts, "blog": "", "created_at": EPOCH, "updated_at": EPOCH}


def app(state: State, told: Body) -> Body:
    """A GitHub App."""
    return {
        "id": told["id"], "slug": told["slug"], "node_id": node("App", told["id"]), "name": told["slug"],
        "owner": user(state, "localhub"), "description": None, "external_url": state.url,
        "html_url": f"{state.url}/apps/{told['slug']}", "permissions": {"metadata": "read"}, "events": [],
        "created_at": EPOCH, "updated_at": EPOCH,
    }  # fmt: skip


def installation(state: State, told: Body, of: Body, account: str) -> Body:
    """An installation of an App on an account."""
    owner = user(state, account)
    address = f"{state.url}{API}/app/installations/{told['id']}"
    return {
        "id": told["id"], "app_id": of["id"], "app_slug": of["slug"], "account": owner, "target_id": owner["id"],
        "target_type": "User", "permissions": told["permissions"], "events": [], "single_file_name": None,
        "repository_selection": "all" if told["repositories"] == "all" else "selected",
        "access_tokens_url": f"{address}/access_tokens", "html_url": f"{state.url}/settings/installations/{told['id']}",
        "repositories_url": f"{state.url}{API}/installation/repositories", "suspended_by": None, "suspended_at": None,
        "created_at": EPOCH, "updated_at": EPOCH,
    }  # fmt: skip


def repository(state: State, told: Body) -> Body:
    """A repository as part of something else, or as one of several."""
    owner, _, name = told["full_name"].partition("/")
    web, api = f"{state.url}/{told['full_name']}", f"{state.url}{API}/repos/{told['full_name']}"
    return {
        "id": told["id"], "node_id": node("Repository", told["id"]), "name": name, "full_name": told["full_name"],
        "private": told["private"], "owner": user(state, owner), "html_url": web, "url": api,
        "clone_url": f"{web}.git", "git_url": f"{web}.git", "ssh_url": f"{web}.git", "svn_url": web,
        "default_branch": "main", "description": None, "homepage": None, "language": None, "license": None,
        "mirror_url": None, "fork": False, "archived": False, "is_template": False,
        "web_commit_signoff_required": False, "topics": [], "custom_properties": {},
        "visibility": "private" if told["private"] else "public", "disabled": False, "has_issues": True,
        **dict.fromkeys(("has_projects", "has_wiki", "has_pages", "has_discussions", "has_downloads"), False),
        "pushed_at": EPOCH, "created_at": EPOCH, "updated_at": EPOCH, **dict.fromkeys(COUNTS, 0),
        **{field: f"{api}{path}" for field, path in REPOSITORY_URLS.items()},
    }  # fmt: skip


def full_repository(state: State, told: Body) -> Body:
    """A repository by its name."""
    return {**repository(state, told), "network_count": 0, "subscribers_count": 0}


def branch(state: State, told: Body, name: str, sha: str) -> Body:
    """A branch as one of several."""
    address = f"{state.url}{API}/repos/{told['full_name']}/commits/{sha}"
    return {"name": name, "commit": {"sha": sha, "url": address}, "protected": False}


def pull(state: State, told: Body, number: str) -> Body:
    """A pull request; its head follows its branch until it is merged."""
    one, folder = told["pulls"][number], state.git_folder(told)
    heads = git.branches(folder)
    head, base = heads.get(one["head"], one["head_sha"]), heads.get(one["base"], "")
    closed = one.get("merged_at") or (EPOCH if one["state"] == "closed" else None)
    return {
        **_common(state, told, one, int(number), "pulls"),
        **_links(state, told, int(number), head),
        **git.size(folder, base, head),
        "head": _end(state, told, one["head"], head), "base": _end(state, told, one["base"], base),
        "requested_reviewers": [], "requested_teams": [], "active_lock_reason": None, "rebaseable": None,
        "draft": False, "author_association": "CONTRIBUTOR", "auto_merge": None, "closed_at": closed,
        "merged": one["merged"], "merged_at": closed if one["merged"] else None, "merged_by": None,
        "merge_commit_sha": one.get("merge_commit_sha"), "mergeable": None if one["merged"] else True,
        "mergeable_state": "unknown" if one["merged"] else "clean", "maintainer_can_modify": False,
        "comments": len(told["comments"].get(number, [])), "review_comments": 0,
    }  # fmt: skip


def issue(state: State, told: Body, number: str) -> Body:
    """An issue, or a pull request as one."""
    one = told["issues"].get(number) or told["pulls"][number]
    api = f"{state.url}{API}/repos/{told['full_name']}"
    shown = {
        **_common(state, told, one, int(number), "issues"),
        "author_association": one.get("author_association", "OWNER"), "repository_url": api,
        "labels_url": f"{api}/issues/{number}/labels{{/name}}", "comments_url": f"{api}/issues/{number}/comments",
        "events_url": f"{api}/issues/{number}/events", "comments": len(told["comments"].get(number, [])),
        "closed_at": EPOCH if one["state"] == "closed" else None, "active_lock_reason": None,
        "reactions": reactions(f"{api}/issues/{number}"),
    }  # fmt: skip
    if number in told["pulls"]:
        web = f"{state.url}/{told['full_name']}/pull/{number}"
        links = {
            "url": f"{api}/pulls/{number}",
            "html_url": web,
            "diff_url": f"{web}.diff",
            "patch_url": f"{web}.patch",
        }
        shown["pull_request"] = links
    return shown


def comment(state: State, told: Body, number: str, one: Body) -> Body:
    """A comment on an issue or a pull request."""
    api = f"{state.url}{API}/repos/{told['full_name']}/issues"
    return {
        "id": one["id"], "node_id": node("IssueComment", one["id"]), "url": f"{api}/comments/{one['id']}",
        "html_url": f"{state.url}/{told['full_name']}/issues/{number}#issuecomment-{one['id']}",
        "issue_url": f"{api}/{number}", "body": one["body"], "user": user(state, one["login"]),
        "author_association": one["author_association"], "created_at": one["created_at"],
        "updated_at": one["created_at"], "performed_via_github_app": None,
        "reactions": reactions(f"{api}/comments/{one['id']}"),
    }  # fmt: skip


def reactions(address: str) -> Body:
    """Nobody has reacted."""
    kinds = ("total_count", "+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
    return {"url": f"{address}/reactions", **dict.fromkeys(kinds, 0)}


def _common(state: State, told: Body, one: Body, number: int, kind: str) -> Body:
    """What issues and pull requests share."""
    page = "pull" if kind == "pulls" else "issues"
    return {
        "id": one["id"], "node_id": node(kind, one["id"]), "number": number, "state": one["state"], "locked": False,
        "title": one["title"], "body": one["body"], "user": user(state, one["login"]), "labels": [], "assignee": None,
        "assignees": [], "milestone": None, "created_at": one["created_at"], "updated_at": one["created_at"],
        "url": f"{state.url}{API}/repos/{told['full_name']}/{kind}/{number}",
        "html_url": f"{state.url}/{told['full_name']}/{page}/{number}",
    }  # fmt: skip


def _links(state: State, told: Body, number: int, head: str) -> Body:
    api, web = f"{state.url}{API}/repos/{told['full_name']}", f"{state.url}/{told['full_name']}/pull/{number}"
    links = {
        "self": f"{api}/pulls/{number}", "html": web, "issue": f"{api}/issues/{number}",
        "comments": f"{api}/issues/{number}/comments", "review_comments": f"{api}/pulls/{number}/comments",
        "review_comment": f"{api}/pulls/comments{{/number}}", "commits": f"{api}/pulls/{number}/commits",
        "statuses": f"{api}/statuses/{head}",
    }  # fmt: skip
    urls = {f"{name}_url": address for name, address in links.items() if name not in ("self", "html")}
    shown = {name: {"href": address} for name, address in links.items()}
    return {**urls, "diff_url": f"{web}.diff", "patch_url": f"{web}.patch", "_links": shown}


def _end(state: State, told: Body, ref: str, sha: str) -> Body:
    owner = told["full_name"].partition("/")[0]
    whole = repository(state, told)
    return {"label": f"{owner}:{ref}", "ref": ref, "sha": sha, "user": user(state, owner), "repo": whole}


def pages(shown: Iterable[Body], page: int, size: int) -> list[Body]:
    """One page of several."""
    every = list(shown)
    return every[(page - 1) * size : page * size]
