"""GitHub's JSON shapes (REST API, 2022-11-28): every field that its OpenAPI description requires is there."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote

from localhub import differences, git, rules
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
        "html_url": f"{state.url}/apps/{told['slug']}",
        "permissions": told.get("permissions") or {"metadata": "read"}, "events": told.get("events", []),
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


def move(state: State, one: Body) -> Body:
    """A ref that somebody moved."""
    told = {name: one[name] for name in ("id", "before", "after", "ref", "timestamp", "activity_type")}
    return {**told, "node_id": node("Push", one["id"]), "actor": user(state, one["login"])}


def ruleset(state: State, told: Body, one: Body) -> Body:
    """A ruleset as one of several."""
    made = one.get("created_at", EPOCH)
    address = f"{state.url}{API}/repos/{told['full_name']}/rulesets/{one['id']}"
    page = f"{state.url}/{told['full_name']}/rules/{one['id']}"
    return {
        "id": one["id"], "node_id": node("RepositoryRuleset", one["id"]), "name": one["branch"], "target": "branch",
        "source_type": "Repository", "source": told["full_name"], "enforcement": one.get("enforcement", "active"),
        "_links": {"self": {"href": address}, "html": {"href": page}}, "created_at": made, "updated_at": made,
    }  # fmt: skip


def branch(state: State, told: Body, name: str, sha: str) -> Body:
    """A branch as one of several."""
    address = f"{state.url}{API}/repos/{told['full_name']}/commits/{sha}"
    return {"name": name, "commit": {"sha": sha, "url": address}, "protected": False}


def whole_branch(state: State, told: Body, name: str, commit: Body) -> Body:
    """A branch by its name.

    Args:
        commit: as `render_code` shows it.
    """
    api = f"{state.url}{API}/repos/{told['full_name']}/branches/{name}"
    return {
        "name": name, "commit": commit, "protected": False,
        "_links": {"self": api, "html": f"{state.url}/{told['full_name']}/tree/{name}"},
        "protection": {"enabled": False}, "protection_url": f"{api}/protection",
    }  # fmt: skip


def _ends(state: State, told: Body, one: Body) -> tuple[str, str]:
    """Base and head: they follow their branches until it is merged or closed."""
    if one["state"] == "closed" and one.get("base_sha"):
        return str(one["base_sha"]), str(one["head_sha"])
    heads = git.branches(state.git_folder(told))
    return heads.get(one["base"], ""), heads.get(one["head"], str(one["head_sha"]))


def simple_pull(state: State, told: Body, number: str) -> Body:
    """A pull request as events about its reviews have it."""
    whole = pull(state, told, number)
    left_out = (
        "additions", "changed_files", "comments", "commits", "deletions", "maintainer_can_modify", "mergeable",
        "mergeable_state", "merged", "merged_by", "rebaseable", "review_comments",
    )  # fmt: skip
    return {name: value for name, value in whole.items() if name not in left_out}


def _mergeable(folder: Path, told: Body, number: str, base: str, head: str) -> tuple[bool | None, str]:
    if told["pulls"][number]["state"] != "open":
        return None, "unknown"
    if not git.merges(folder, base, head):
        return False, "dirty"
    return True, rules.standing(told, number, head, git.ahead(folder, head, base))


def pull(state: State, told: Body, number: str) -> Body:
    """A pull request by its number."""
    one, folder = told["pulls"][number], state.git_folder(told)
    base, head = _ends(state, told, one)
    mergeable, mergeable_state = _mergeable(folder, told, number, base, head)
    merger = user(state, one["merged_by"]) if one.get("merged_by") else None
    return {
        **_common(state, told, one, int(number), "pulls"),
        **_links(state, told, int(number), head),
        **differences.size(folder, base, head),
        "head": _end(state, state.repositories.get(one.get("from", ""), told), one["head"], head),
        "base": _end(state, told, one["base"], base),
        "requested_reviewers": [], "requested_teams": [], "active_lock_reason": None, "rebaseable": None,
        "draft": bool(one.get("draft")), "author_association": one.get("author_association", "CONTRIBUTOR"),
        "auto_merge": None, "closed_at": _closed_at(one), "merged": one["merged"],
        "merged_at": one.get("merged_at"), "merged_by": merger,
        "merge_commit_sha": one.get("merge_commit_sha"), "mergeable": mergeable, "mergeable_state": mergeable_state,
        "maintainer_can_modify": False, "comments": len(told["comments"].get(number, [])),
        "review_comments": len(told["review_comments"].get(number, [])),
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
        "closed_at": _closed_at(one), "active_lock_reason": None,
        "reactions": reactions(f"{api}/issues/{number}"),
    }  # fmt: skip
    if number in told["issues"]:
        shown["state_reason"] = one.get("state_reason")
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
        "updated_at": one.get("updated_at", one["created_at"]), "performed_via_github_app": _by_app(state, one),
        "reactions": reactions(f"{api}/comments/{one['id']}"),
    }  # fmt: skip


def _by_app(state: State, one: Body) -> Body | None:
    """The App that said it; None where a person did."""
    told = state.apps.get(str(one.get("app")))
    return app(state, told) if told is not None else None


def label(state: State, told: Body, name: str) -> Body:
    """A label."""
    one = told["labels"][name]
    return {
        "id": one["id"], "node_id": node("Label", one["id"]), "name": name, "color": one["color"], "default": False,
        "description": one.get("description"),
        "url": f"{state.url}{API}/repos/{told['full_name']}/labels/{quote(name)}",
    }  # fmt: skip


def labelling(state: State, told: Body, one: Body) -> Body:
    """A label that was put on or taken away, as an event of an issue."""
    address = f"{state.url}{API}/repos/{told['full_name']}/issues/events/{one['id']}"
    return {
        "id": one["id"], "node_id": node("LabeledEvent", one["id"]), "url": address, "event": one["event"],
        "actor": user(state, one["login"]), "commit_id": None, "commit_url": None, "created_at": one["at"],
        "label": {name: one["label"][name] for name in ("name", "color")}, "performed_via_github_app": None,
    }  # fmt: skip


def labels(state: State, told: Body, one: Body) -> list[Body]:
    """The labels of an issue or a pull request."""
    return [label(state, told, name) for name in one.get("labels", [])]


def reactions(address: str) -> Body:
    """Nobody has reacted."""
    kinds = ("total_count", "+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
    return {"url": f"{address}/reactions", **dict.fromkeys(kinds, 0)}


def _common(state: State, told: Body, one: Body, number: int, kind: str) -> Body:
    """What issues and pull requests share."""
    page = "pull" if kind == "pulls" else "issues"
    return {
        "id": one["id"], "node_id": node(kind, one["id"]), "number": number, "state": one["state"], "locked": False,
        "title": one["title"], "body": one["body"], "user": user(state, one["login"]),
        "labels": labels(state, told, one), "assignee": None,
        "assignees": [], "milestone": None, "created_at": one["created_at"],
        "updated_at": one.get("updated_at", one["created_at"]),
        "url": f"{state.url}{API}/repos/{told['full_name']}/{kind}/{number}",
        "html_url": f"{state.url}/{told['full_name']}/{page}/{number}",
    }  # fmt: skip


def _closed_at(one: Body) -> str | None:
    return str(one.get("closed_at") or one.get("merged_at") or EPOCH) if one["state"] == "closed" else None


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
