"""What GitHub tells when it is asked, in the shape of the webhooks that it would have sent. Pure.

A body has what `github.events` reads and nothing else: the same thing that is seen twice is written the same way, so
that the inbox knows it for one event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Told = Mapping[str, Any]
Body = dict[str, Any]
NO_PUSHER = "somebody"


@dataclass(frozen=True)
class Where:
    """The repository that it happened in."""

    name: str
    identity: int
    default_branch: str


@dataclass(frozen=True)
class Known:
    """A pull request as it was seen last."""

    head: str
    open: bool
    draft: bool


def known_pull(pull: Told) -> Known:
    """What is remembered of a pull request."""
    return Known(str(pull["head"]["sha"]), pull["state"] == "open", pull.get("draft") is True)


def branch_of(pull: Told, where: Where) -> str:
    """The branch that a pull request is from; "" where that is a fork's."""
    home = (pull["head"].get("repo") or {}).get("id")
    return str(pull["head"]["ref"]) if home == where.identity else ""


def action_of(was: Known | None, pull: Told, began: str) -> str:
    """What happened to a pull request since it was seen last; "" for nothing that matters.

    Args:
        was: None for one that was not seen yet.
        began: when polling began, ISO 8601: what is older is no news.
    """
    now = known_pull(pull)
    if was is None:
        return "opened" if now.open and str(pull["created_at"]) >= began else ""
    if was.open != now.open:
        return "reopened" if now.open else "closed"
    if not now.open:
        return ""
    if was.head != now.head:
        return "synchronize"
    return "ready_for_review" if was.draft and not now.draft else ""


def pull_request(where: Where, action: str, pull: Told, sender: Told) -> Body:
    """An event of a pull request."""
    return _body(where, sender, action=action, number=pull["number"], pull_request=_pull(pull))


def _pull(pull: Told) -> Body:
    ends = {
        end: {"sha": pull[end]["sha"], "ref": pull[end]["ref"], "repo": {"id": (pull[end].get("repo") or {}).get("id")}}
        for end in ("head", "base")
    }
    return {
        "number": pull["number"], "user": _user(pull), "draft": pull.get("draft") is True, **ends,
        "merged": bool(pull.get("merged_at")),
    }  # fmt: skip


def labelled(where: Where, issue: Told, event: Told) -> Body:
    """An issue was given a label."""
    label = {"name": event["label"]["name"]}
    about = {**_issue(issue), "updated_at": event["created_at"]}
    return _body(where, event["actor"], action="labeled", issue=about, label=label, event_id=event["id"])


def opened(where: Where, issue: Told) -> Body:
    """An issue was opened."""
    about = {**_issue(issue), "updated_at": issue["created_at"]}
    return _body(where, issue["user"], action="opened", issue=about)


def _issue(issue: Told) -> Body:
    on_pull: Body = {"pull_request": {}} if isinstance(issue.get("pull_request"), Mapping) else {}
    return {"number": issue["number"], "user": _user(issue), **on_pull}


def comment(where: Where, issue: Told, one: Told) -> Body:
    """Somebody comments on an issue or a pull request."""
    via = one.get("performed_via_github_app") or {}
    said: Body = {"id": one["id"], "body": one.get("body") or "", "created_at": one["created_at"]}
    if via.get("id"):
        said["performed_via_github_app"] = {"id": via["id"]}
    return _body(where, one["user"], action="created", issue=_issue(issue), comment=said)


def review_comment(where: Where, pull: Told, one: Told) -> Body:
    """Somebody comments on code."""
    said = {"id": one["id"], "body": one.get("body") or "", "created_at": one["created_at"]}
    return _body(where, one["user"], action="created", pull_request=_pull(pull), comment=said)


def review(where: Where, pull: Told, one: Told) -> Body:
    """Somebody submits a review."""
    said = {
        "id": one["id"], "body": one.get("body") or "", "state": str(one["state"]).lower(),
        "commit_id": one["commit_id"], "submitted_at": one["submitted_at"],
    }  # fmt: skip
    return _body(where, one["user"], action="submitted", pull_request=_pull(pull), review=said)


def check_run(where: Where, run: Told, branch: str, pulls: list[int]) -> Body:
    """A check is done."""
    app = run.get("app") or {}
    told = {
        "id": run["id"], "head_sha": run["head_sha"], "name": run["name"], "conclusion": run["conclusion"],
        "completed_at": run["completed_at"], "app": {"id": app.get("id")}, "check_suite": {"head_branch": branch},
        "pull_requests": [{"number": number} for number in pulls],
    }  # fmt: skip
    sender = {"login": f"{app.get('slug') or 'ghost'}[bot]", "type": "Bot"}
    return _body(where, sender, action="completed", check_run=told)


def push(where: Where, branch: str, before: str, after: str) -> Body:
    """A branch moved. Who moved it starts nothing, and is not asked."""
    sender = {"login": NO_PUSHER, "type": "User"}
    return _body(where, sender, ref=f"refs/heads/{branch}", before=before, after=after, pusher={"name": NO_PUSHER})


def _user(told: Told) -> Body:
    user = told.get("user") or {"login": "ghost", "type": "User"}
    return {"login": user["login"], "type": user.get("type") or "User"}


def _body(where: Where, sender: Told, **told: Any) -> Body:
    repository = {"id": where.identity, "full_name": where.name, "default_branch": where.default_branch}
    return {**told, "repository": repository, "sender": _user({"user": sender})}
