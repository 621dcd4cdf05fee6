"""What an event means: which flow it starts, or whom it wakes. One visible list of rules; the first that speaks holds.

An event wakes, state decides: nothing here says that something may happen, only that somebody should look. Whether the
actor may start anything is asked afterwards, of GitHub itself. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pressplay.github.events import Event, Kind
from pressplay.policy.commands import Verb, command_in
from pressplay.resources.run import BRANCH, LONGEST_BRANCH

BRANCHES = "pressplay/"
# What the login of an App's user ends with.
BOT = "[bot]"
LONGEST_IN_KEY: Final = 120
# What has to happen for a flow to start; whatever else happens to the same things wakes.
PULL_ACTIONS: Final = ("opened", "synchronize", "ready_for_review", "reopened")
SAID_ACTIONS: Final = ("created", "submitted")
ISSUE_ACTIONS: Final = ("opened", "labeled")
CHECK_ACTIONS: Final = ("completed",)
ALERT_ACTIONS: Final = ("created", "reopened", "reopened_by_user", "appeared_in_branch")


class Flow(StrEnum):
    """The flows that events start."""

    PULL_REQUEST = "pr-flow"
    COMMENT = "comment-flow"
    ISSUE = "issue-flow"
    CHECKS = "ci-flow"
    SECURITY = "security-flow"


class Effect(StrEnum):
    """What an event does."""

    START = "start"
    """A flow starts, if its actor may, and if it has not started by this key already."""
    WAKE = "wake"
    """Whoever waits for the subject looks again."""
    COMMAND = "command"
    """Somebody asks for something in a comment."""
    NOTHING = "nothing"


@dataclass(frozen=True)
class Ours:
    """How our own doing is known.

    Attributes:
        apps: ids of our Apps.
        logins: of their users, `NAME[bot]`.
        unsure: there are more of them, of which GitHub did not answer yet.
    """

    apps: frozenset[int] = frozenset()
    logins: frozenset[str] = frozenset()
    unsure: bool = False

    def may_have_done(self, event: Event) -> bool:
        """Whether an event may be our own doing, and nobody can tell now."""
        return self.unsure and event.actor.endswith(BOT) and not self.did(event)

    def did(self, event: Event) -> bool:
        """Whether an event is our own doing."""
        return event.actor in self.logins or (event.app is not None and event.app in self.apps)


@dataclass(frozen=True)
class Starts:
    """What a project wants to start by itself.

    Attributes:
        labels: that have an issue be worked on; none of them where the set is empty.
        every_issue: whether an issue is worked on as soon as it is opened.
    """

    labels: frozenset[str] = frozenset({"pressplay"})
    every_issue: bool = False


@dataclass(frozen=True)
class Meaning:
    """What an event means.

    Attributes:
        key: by which a flow starts once, however often and in whatever order events come.
        subjects: whom it wakes: `pr:N`, `issue:N`, `branch:NAME`, `head:SHA`.
        stale: a flow of the same subject on an older commit need not go on.
        why: for people.
    """

    effect: Effect
    why: str
    flow: Flow | None = None
    key: str = ""
    subjects: tuple[str, ...] = ()
    stale: bool = False
    verb: Verb | None = None


@dataclass(frozen=True)
class Context:
    """What is known besides the event."""

    ours: Ours = field(default_factory=Ours)
    starts: Starts = field(default_factory=Starts)


Rule = Callable[[Event, Context], Meaning | None]


def own_doing(event: Event, context: Context) -> Meaning | None:
    """What our own Apps do starts nothing: no loop begins here. A push or a pull request of theirs still wakes."""
    by_us = context.ours.did(event)
    if not by_us:
        return None
    if event.kind is Kind.PULL_REQUEST and event.action in (*PULL_ACTIONS, "closed"):
        # A run's pull request is looked at like anybody's: a flow for each commit, and only for that. One that we
        # close or merge ourselves ends what still runs for it, too.
        return None
    if event.kind in (Kind.PUSH, Kind.PULL_REQUEST):
        return Meaning(Effect.WAKE, "our own doing; whoever waits for it looks", subjects=_subjects(event))
    return Meaning(Effect.NOTHING, "our own App did it")


def pull_request(event: Event, _: Context) -> Meaning | None:
    """Pull requests are looked at commit by commit."""
    if event.kind is not Kind.PULL_REQUEST:
        return None
    subjects = _subjects(event)
    if event.action == "closed":
        why = (
            "merged: what still runs for it ends, and is cleaned up"
            if event.merged
            else "closed: what runs for it ends"
        )
        return Meaning(Effect.WAKE, why, subjects=subjects, stale=True)
    if event.action not in PULL_ACTIONS:
        return Meaning(Effect.WAKE, "something about the pull request changed", subjects=subjects)
    if event.draft:
        return Meaning(Effect.WAKE, "a draft is not looked at until it is ready for review", subjects=subjects)
    if event.fork:
        return Meaning(Effect.WAKE, "it comes from a fork: a person with write access starts it", subjects=subjects)
    key = key_of(Flow.PULL_REQUEST, event.repository_id, f"pr:{event.number}", event.head)
    return Meaning(Effect.START, "a new commit of a pull request", Flow.PULL_REQUEST, key, subjects, stale=True)


def said(event: Event, context: Context) -> Meaning | None:
    """Comments and reviews: commands, or something to be answered in pull requests with our work."""
    if event.kind not in (Kind.ISSUE_COMMENT, Kind.REVIEW_COMMENT, Kind.REVIEW):
        return None
    subjects = _subjects(event)
    if event.action not in SAID_ACTIONS:
        return Meaning(Effect.WAKE, "what was said is changed or taken back", subjects=subjects)
    command = command_in(event.text)
    if command is not None:
        told = f"/pressplay {command.verb}" if command.verb else f"there is no command `{command.rest}`"
        key = f"{event.repository_id}:{event.kind}:{event.item}:command"
        return Meaning(Effect.COMMAND, told, key=key, subjects=subjects, verb=command.verb)
    if event.actor_type == "Bot":
        return Meaning(Effect.WAKE, "a bot says it: people's words start flows", subjects=subjects)
    if event.kind is Kind.REVIEW and event.conclusion == "approved" and not event.text:
        return Meaning(Effect.WAKE, "an approval without words", subjects=subjects)
    if not event.on_pull or not _is_our_work(event, context):
        return Meaning(Effect.WAKE, "no pull request of ours, and no command", subjects=subjects)
    # Comments that come with a review, or close to one another, are answered together.
    return Meaning(Effect.START, "a person says something about our work", Flow.COMMENT,
                   key_of(Flow.COMMENT, event.repository_id, f"pr:{event.number}"), subjects)  # fmt: skip


def issue(event: Event, context: Context) -> Meaning | None:
    """Issues, as the project wants it."""
    if event.kind is not Kind.ISSUES:
        return None
    subjects = _subjects(event)
    labelled = event.action == "labeled" and event.label in context.starts.labels
    if labelled or (event.action == "opened" and context.starts.every_issue):
        why = f"labelled {event.label}" if labelled else "opened"
        key = key_of(Flow.ISSUE, event.repository_id, f"issue:{event.number}")
        return Meaning(Effect.START, why, Flow.ISSUE, key, subjects)
    wanted = ", ".join(sorted(context.starts.labels))
    return Meaning(Effect.WAKE, f"an issue is worked on when it is labelled {wanted}" if wanted else "an issue changed",
                   subjects=subjects)  # fmt: skip


def checks(event: Event, _: Context) -> Meaning | None:
    """Checks that fail are triaged, once a commit, whichever of them told first."""
    if event.kind not in (Kind.CHECK_RUN, Kind.WORKFLOW_RUN):
        return None
    subjects = _subjects(event)
    if event.action not in CHECK_ACTIONS or event.conclusion not in ("failure", "timed_out"):
        return Meaning(Effect.WAKE, "a check reports", subjects=subjects)
    if event.fork:
        # Its branch is called as anybody likes, and its log says what anybody likes.
        return Meaning(Effect.WAKE, "it failed on a commit of a fork: a person with write access starts it",
                       subjects=subjects)  # fmt: skip
    if not event.pulls and event.branch != event.default_branch and not event.branch.startswith(BRANCHES):
        return Meaning(Effect.WAKE, "it failed on a branch that nobody asked us to look at", subjects=subjects)
    if not event.pulls and not _is_plain(event.branch):
        # It would be a parameter of a Workflow, in which Argo reads `{{`.
        why = "it failed on a branch whose name no flow takes; name branches by letters, digits and ._/-"
        return Meaning(Effect.WAKE, why, subjects=subjects)
    key = key_of(Flow.CHECKS, event.repository_id, subjects[0], event.head)
    return Meaning(Effect.START, "a check failed: triage first", Flow.CHECKS, key, subjects)


def push(event: Event, _: Context) -> Meaning | None:
    """Branches that move wake whoever builds on them."""
    if event.kind is not Kind.PUSH:
        return None
    if not event.branch:
        return Meaning(Effect.NOTHING, "no branch moved")
    base = event.branch == event.default_branch
    why = "the base moved: conflicts, verdicts and mirrors are looked at" if base else "a branch moved"
    return Meaning(Effect.WAKE, why, subjects=_subjects(event))


def alert(event: Event, _: Context) -> Meaning | None:
    """Reports of scanners."""
    if event.kind not in (Kind.CODE_SCANNING, Kind.DEPENDABOT, Kind.SECRET_SCANNING):
        return None
    if event.action not in ALERT_ACTIONS:
        return Meaning(Effect.NOTHING, "the alert is dealt with, or only changed")
    subject = f"{event.kind}:{event.item}"
    key = key_of(Flow.SECURITY, event.repository_id, subject)
    return Meaning(Effect.START, "a scanner reports", Flow.SECURITY, key, (subject,))


RULES: Final[tuple[Rule, ...]] = (own_doing, pull_request, said, issue, checks, push, alert)


def meaning(event: Event, context: Context) -> Meaning:
    """What an event means."""
    for rule in RULES:
        found = rule(event, context)
        if found is not None:
            return found
    return Meaning(Effect.NOTHING, "no rule is about it")


def key_of(flow: Flow, repository_id: int, subject: str, head: str | None = None) -> str:
    """The key by which a flow starts once: of a commit where it is about one. Ids and commits alone."""
    return ":".join([str(repository_id), _short(subject), flow, *([] if head is None else [head])])


def _short(subject: str) -> str:
    """A subject as a part of a key: names of branches may be longer than the ledger's keys."""
    if len(subject) <= LONGEST_IN_KEY:
        return subject
    return f"{subject[:LONGEST_IN_KEY]}…{hashlib.sha256(subject.encode()).hexdigest()[:16]}"


def _is_plain(branch: str) -> bool:
    return len(branch) <= LONGEST_BRANCH and re.fullmatch(BRANCH, branch) is not None


def _is_our_work(event: Event, context: Context) -> bool:
    # A fork's branches are called as anybody likes.
    return event.author in context.ours.logins or (event.branch.startswith(BRANCHES) and not event.fork)


def _subjects(event: Event) -> tuple[str, ...]:
    found = []
    if event.number is not None:
        found.append(f"{'pr' if event.on_pull else 'issue'}:{event.number}")
    found += [f"pr:{number}" for number in event.pulls]
    of_check = event.kind in (Kind.CHECK_RUN, Kind.WORKFLOW_RUN)
    if event.branch and (event.kind is Kind.PUSH or (of_check and not event.pulls)):
        found.append(f"branch:{event.branch}")
    if event.head and of_check:
        found.append(f"head:{event.head}")
    return tuple(dict.fromkeys(found))
