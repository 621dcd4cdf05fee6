"""Reviews and comments on code in GitHub's shapes, those of GraphQL too."""

from __future__ import annotations

from typing import Any

from localhub.render import API, node, reactions, user
from localhub.state import State

Body = dict[str, Any]


def review(state: State, told: Body, number: str, one: Body) -> Body:
    """A review."""
    page = f"{state.url}/{told['full_name']}/pull/{number}#pullrequestreview-{one['id']}"
    pull = f"{state.url}{API}/repos/{told['full_name']}/pulls/{number}"
    return {
        "id": one["id"], "node_id": node("PullRequestReview", one["id"]), "user": user(state, one["login"]),
        "body": one["body"], "state": one["state"], "html_url": page, "pull_request_url": pull,
        "_links": {"html": {"href": page}, "pull_request": {"href": pull}}, "submitted_at": one["submitted_at"],
        "commit_id": one["commit_id"], "author_association": one["author_association"],
    }  # fmt: skip


def hooked(shown: Body) -> Body:
    """A review as webhooks have it: the state in small letters, no text where there is none."""
    return {**shown, "state": shown["state"].lower(), "body": shown["body"] or None}


def comment(state: State, told: Body, number: str, one: Body) -> Body:
    """A comment on code."""
    api = f"{state.url}{API}/repos/{told['full_name']}/pulls"
    page = f"{state.url}/{told['full_name']}/pull/{number}#discussion_r{one['id']}"
    address, pull = f"{api}/comments/{one['id']}", f"{api}/{number}"
    links = {"self": {"href": address}, "html": {"href": page}, "pull_request": {"href": pull}}
    reply = {"in_reply_to_id": one["in_reply_to_id"]} if one.get("in_reply_to_id") else {}
    return {
        "url": address, "pull_request_review_id": one["review"], "id": one["id"],
        "node_id": node("PullRequestReviewComment", one["id"]), "diff_hunk": one["diff_hunk"], "path": one["path"],
        "commit_id": one["commit_id"], "original_commit_id": one["original_commit_id"],
        "user": user(state, one["login"]), "body": one["body"], "created_at": one["created_at"],
        "updated_at": one.get("updated_at", one["created_at"]), "html_url": page, "pull_request_url": pull,
        "author_association": one["author_association"], "_links": links, "reactions": reactions(address),
        "start_line": one.get("start_line"), "original_start_line": one.get("start_line"),
        "start_side": one.get("start_side"), "line": one["line"],
        "original_line": one["line"], "side": one["side"], "position": 1, "original_position": 1,
        "subject_type": "line" if one["line"] else "file", **reply,
    }  # fmt: skip


def graph(state: State, told: Body, number: str, one: Body) -> Body:
    """A comment on code as GraphQL names its fields."""
    shown = comment(state, told, number, one)
    return {
        "id": shown["node_id"], "databaseId": one["id"], "body": one["body"], "createdAt": one["created_at"],
        "diffHunk": one["diff_hunk"], "authorAssociation": one["author_association"], "url": shown["html_url"],
        "author": {"__typename": "Bot" if one["login"].endswith("[bot]") else "User",
                   "login": one["login"].removesuffix("[bot]")},
        "lastEditedAt": one.get("updated_at"), "path": one["path"],
        "originalCommit": {"oid": one["original_commit_id"]},
    }  # fmt: skip
