"""Webhooks of GitHub's as typed events.

The signature covers a webhook's body and none of its headers, so what kind of event it is follows from the body's own
shape. Names, ids and commits are checked for their form; text stays text, to be shown and never to be run. Pure.
https://docs.github.com/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pressplay.github.times import moment

Body = Mapping[str, Any]

LARGEST = 25 * 1024 * 1024
# What IEEE doubles hold exactly; GitHub's ids are below that, and databases take it.
LARGEST_NUMBER: Final = 2**53 - 1
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,60}(\[bot\])?")
_REPOSITORY = re.compile(r"[A-Za-z0-9-]{1,60}/[A-Za-z0-9._-]{1,100}")
# As git-check-ref-format has it; GitHub takes no longer ones.
_BRANCH = re.compile(r"(?![-/.])[^\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]{1,244}")
_ACTION = re.compile(r"[a-z_]{1,60}")


class Kind(StrEnum):
    """Events that mean something to us, by GitHub's names."""

    PULL_REQUEST = "pull_request"
    REVIEW = "pull_request_review"
    REVIEW_COMMENT = "pull_request_review_comment"
    ISSUE_COMMENT = "issue_comment"
    ISSUES = "issues"
    CHECK_RUN = "check_run"
    WORKFLOW_RUN = "workflow_run"
    PUSH = "push"
    CODE_SCANNING = "code_scanning_alert"
    DEPENDABOT = "dependabot_alert"
    SECRET_SCANNING = "secret_scanning_alert"  # noqa: S105 - an event's name


class NotAnEvent(Exception):
    """A body that is none of the events that mean something here; says why."""


@dataclass(frozen=True)
class Event:
    """What happened.

    Attributes:
        actor: login of who did it; `actor_type` is GitHub's: User, Bot, Organization, Mannequin.
        number: of the pull request or issue; None where the event has none.
        on_pull: whether `number` is a pull request's.
        pulls: numbers of pull requests of this repository that a check belongs to.
        author: login of who opened the pull request or issue.
        head: the commit that it is about.
        branch: of that commit; without `refs/heads/`.
        fork: whether the head of the pull request, or the commit that a workflow ran on, lies in another repository.
        item: id of the comment, review, check or alert.
        text: of the comment or review; whoever wrote it may mean harm.
        name: of the check or workflow, or what an alert is called by.
        conclusion: of the check, or state of the review or alert.
        app: id of the App that made the check, or as which the actor acted.
        label: that was put on or taken away.
        moment: when it happened by GitHub's clock, in seconds since 1970; 0 where the body does not tell.
    """

    kind: Kind
    action: str
    repository: str
    repository_id: int
    default_branch: str
    actor: str
    actor_type: str
    number: int | None = None
    on_pull: bool = False
    pulls: tuple[int, ...] = ()
    author: str = ""
    head: str | None = None
    before: str | None = None
    branch: str = ""
    base: str = ""
    fork: bool = False
    draft: bool = False
    merged: bool = False
    item: int | None = None
    text: str = ""
    name: str = ""
    conclusion: str = ""
    app: int | None = None
    label: str = ""
    deleted: bool = False
    moment: float = 0.0


def parse(body: bytes) -> Event:
    """The event of a webhook's body.

    Raises:
        NotAnEvent: it is none that means something here, or a field is not what GitHub sends.
    """
    if len(body) > LARGEST:
        raise NotAnEvent(f"it has {len(body):,} bytes, and GitHub sends at most {LARGEST:,}")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAnEvent("it is no JSON") from None
    if not isinstance(told, dict):
        raise NotAnEvent("it is no JSON object")
    kind = kind_of(told)
    if kind is None:
        raise NotAnEvent("events of its kind mean nothing here")
    return Event(kind=kind, **_common(told), **_READERS[kind](told))


def kind_of(told: Body) -> Kind | None:
    """What kind of event a body is, by what it holds."""
    there = {name for name, value in told.items() if isinstance(value, dict)}
    # Deployments, and reviews of them, come with the workflow or the check that they belong to.
    if told.keys() & {"deployment", "deployment_status", "environment"}:
        return None
    if "alert" in there:
        return _kind_of_alert(told["alert"])
    shapes: tuple[tuple[Kind, frozenset[str]], ...] = (
        (Kind.CHECK_RUN, frozenset({"check_run"})),
        (Kind.WORKFLOW_RUN, frozenset({"workflow_run"})),
        (Kind.REVIEW, frozenset({"review", "pull_request"})),
        (Kind.REVIEW_COMMENT, frozenset({"comment", "pull_request"})),
        (Kind.ISSUE_COMMENT, frozenset({"comment", "issue"})),
    )
    for kind, needed in shapes:
        if needed <= there:
            return kind
    if "pull_request" in there and "number" in told and "thread" not in there:
        return Kind.PULL_REQUEST
    if "issue" in there and not there & {"comment", "sub_issue", "parent_issue"}:
        return Kind.ISSUES
    if {"ref", "before", "after", "pusher"} <= told.keys():
        return Kind.PUSH
    return None


def _kind_of_alert(alert: Body) -> Kind | None:
    if "secret_type" in alert:
        return Kind.SECRET_SCANNING
    if "security_vulnerability" in alert or "dependency" in alert:
        return Kind.DEPENDABOT
    return Kind.CODE_SCANNING if isinstance(alert.get("rule"), dict) else None


def _common(told: Body) -> dict[str, Any]:
    repository, sender = _part(told, "repository"), _part(told, "sender")
    action = told.get("action", "")
    if action and not (isinstance(action, str) and _ACTION.fullmatch(action)):
        raise NotAnEvent("its action is none of GitHub's")
    return {
        "action": action,
        "repository": _shaped(repository.get("full_name"), _REPOSITORY, "repository.full_name"),
        "repository_id": _number(repository, "id", "repository"),
        "default_branch": _branch(repository.get("default_branch")) or "main",
        "actor": _shaped(sender.get("login"), _LOGIN, "sender.login"),
        "actor_type": _text(sender, "type") or "User",
    }


def _pull(told: Body) -> dict[str, Any]:
    pull = _part(told, "pull_request")
    head, base = _part(pull, "head"), _part(pull, "base")
    homes = [end["repo"].get("id") if isinstance(end.get("repo"), dict) else None for end in (head, base)]
    return {
        "number": _number(pull, "number", "pull_request"), "on_pull": True, "author": _login(pull),
        "head": _sha(head.get("sha"), "pull_request.head.sha"), "branch": _branch(head.get("ref")),
        "base": _branch(base.get("ref")), "fork": homes[0] is None or homes[0] != homes[1],
        "draft": pull.get("draft") is True, "merged": pull.get("merged") is True,
    }  # fmt: skip


def _pull_request(told: Body) -> dict[str, Any]:
    before = told.get("before")
    return {
        **_pull(told), "before": _sha(before, "before") if before is not None else None, "label": _label(told),
        "app": _via(told), "moment": _moment(_part(told, "pull_request"), "updated_at"),
    }  # fmt: skip


def _review(told: Body) -> dict[str, Any]:
    review = _part(told, "review")
    return {
        **_pull(told), "item": _number(review, "id", "review"), "text": _text(review, "body"),
        "conclusion": _text(review, "state").lower(), "head": _sha(review.get("commit_id"), "review.commit_id"),
        "moment": _moment(review, "submitted_at"),
    }  # fmt: skip


def _review_comment(told: Body) -> dict[str, Any]:
    comment = _part(told, "comment")
    return {
        **_pull(told), "item": _number(comment, "id", "comment"), "text": _text(comment, "body"),
        "moment": _moment(comment, "created_at"),
    }  # fmt: skip


def _issue_comment(told: Body) -> dict[str, Any]:
    comment = _part(told, "comment")
    return {
        **_issue(told), "item": _number(comment, "id", "comment"), "text": _text(comment, "body"),
        "app": _app(comment.get("performed_via_github_app")), "moment": _moment(comment, "created_at"),
    }  # fmt: skip


def _issue(told: Body) -> dict[str, Any]:
    issue = _part(told, "issue")
    return {
        "number": _number(issue, "number", "issue"), "on_pull": isinstance(issue.get("pull_request"), dict),
        "author": _login(issue), "label": _label(told), "draft": issue.get("draft") is True,
        "app": _app(issue.get("performed_via_github_app")), "moment": _moment(issue, "updated_at"),
    }  # fmt: skip


def _check_run(told: Body) -> dict[str, Any]:
    run = _part(told, "check_run")
    suite = run.get("check_suite") if isinstance(run.get("check_suite"), dict) else {}
    return {
        "item": _number(run, "id", "check_run"), "head": _sha(run.get("head_sha"), "check_run.head_sha"),
        "name": _text(run, "name"), "conclusion": _text(run, "conclusion"), "app": _app(run.get("app")),
        "branch": _branch((suite or {}).get("head_branch")), "pulls": _pulls(told, run),
    }  # fmt: skip


def _workflow_run(told: Body) -> dict[str, Any]:
    run = _part(told, "workflow_run")
    return {
        "item": _number(run, "id", "workflow_run"), "head": _sha(run.get("head_sha"), "workflow_run.head_sha"),
        "name": _text(run, "name"), "conclusion": _text(run, "conclusion"), "branch": _branch(run.get("head_branch")),
        "pulls": _pulls(told, run), "fork": _elsewhere(told, run.get("head_repository")),
    }  # fmt: skip


def _push(told: Body) -> dict[str, Any]:
    ref, after = _text(told, "ref"), _sha(told.get("after"), "after")
    deleted = not after.strip("0")
    return {
        "branch": _branch(ref.removeprefix("refs/heads/")) if ref.startswith("refs/heads/") else "",
        "before": _sha(told.get("before"), "before"), "head": after, "deleted": deleted, "name": ref,
    }  # fmt: skip


def _alert(told: Body) -> dict[str, Any]:
    alert = _part(told, "alert")
    rule = alert.get("rule") if isinstance(alert.get("rule"), dict) else {}
    commit = told.get("commit_oid")
    return {
        "item": _number(alert, "number", "alert"), "conclusion": _text(alert, "state"),
        "name": _text(rule or {}, "id") or _text(alert, "secret_type"),
        "head": _sha(commit, "commit_oid") if isinstance(commit, str) and _SHA.fullmatch(commit) else None,
    }  # fmt: skip


_READERS: Final[Mapping[Kind, Callable[[Body], dict[str, Any]]]] = {
    Kind.PULL_REQUEST: _pull_request,
    Kind.REVIEW: _review,
    Kind.REVIEW_COMMENT: _review_comment,
    Kind.ISSUE_COMMENT: _issue_comment,
    Kind.ISSUES: _issue,
    Kind.CHECK_RUN: _check_run,
    Kind.WORKFLOW_RUN: _workflow_run,
    Kind.PUSH: _push,
    Kind.CODE_SCANNING: _alert,
    Kind.DEPENDABOT: _alert,
    Kind.SECRET_SCANNING: _alert,
}


def _part(told: Body, name: str) -> Body:
    found = told.get(name)
    if not isinstance(found, dict):
        raise NotAnEvent(f"it has no {name}")
    return found


def _number(told: Body, name: str, place: str) -> int:
    found = told.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= LARGEST_NUMBER:
        raise NotAnEvent(f"{place}.{name} is no number")
    return found


def _branch(found: object) -> str:
    """A branch's name; empty where git has none of that form: it is part of keys, and is asked for by its name."""
    return found if isinstance(found, str) and _BRANCH.fullmatch(found) else ""


def _text(told: Body, name: str) -> str:
    found = told.get(name)
    return found if isinstance(found, str) else ""


def _moment(told: Body, name: str) -> float:
    """When something happened; 0 where that is not told in GitHub's way."""
    try:
        return moment(told.get(name))
    except ValueError:
        return 0.0


def _shaped(found: object, form: re.Pattern[str], place: str) -> str:
    if not isinstance(found, str) or not form.fullmatch(found):
        raise NotAnEvent(f"{place} is not of GitHub's form")
    return found


def _sha(found: object, place: str) -> str:
    return _shaped(found, _SHA, place)


def _login(told: Body) -> str:
    user = told.get("user")
    login = user.get("login") if isinstance(user, dict) else None
    return login if isinstance(login, str) and _LOGIN.fullmatch(login) else ""


def _label(told: Body) -> str:
    label = told.get("label")
    return _text(label, "name") if isinstance(label, dict) else ""


def _app(found: object) -> int | None:
    identity = found.get("id") if isinstance(found, dict) else None
    return identity if isinstance(identity, int) else None


def _via(told: Body) -> int | None:
    return _app(_part(told, "pull_request").get("performed_via_github_app"))


def _pulls(told: Body, run: Body) -> tuple[int, ...]:
    """Numbers of pull requests of this repository; GitHub lists those of its forks and of its parent, too."""
    listed = run.get("pull_requests")
    every = [each for each in (listed if isinstance(listed, list) else []) if isinstance(each, dict)]
    numbers = [each.get("number") for each in every if not _elsewhere(told, _base_of(each))]
    return tuple(each for each in numbers if isinstance(each, int) and 0 < each <= LARGEST_NUMBER)


def _base_of(pull: Body) -> object:
    base = pull.get("base")
    return base.get("repo") if isinstance(base, dict) else None


def _elsewhere(told: Body, repository: object) -> bool:
    """Whether a repository that is named is another than the event's."""
    return isinstance(repository, dict) and repository.get("id") != _part(told, "repository").get("id")
