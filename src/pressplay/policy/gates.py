"""How gates judge what GitHub tells of a pull request. Pure.

A verdict is of one commit. What is not known to be good is not good: a required check that is missing, skipped or
neutral has not passed, and only persons with write permission have a say. What our own Apps say counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pressplay.github.checks import CheckRun, Required, Status
from pressplay.github.reviews import PERSON, Pull, Review
from pressplay.github.text import title
from pressplay.policy.flows import Ours

# A repository without required checks may have none at all: so long is waited for one to be told of.
QUIET_SECONDS = 90.0
LONGEST_NAME = 80
# As git shortens a commit's id by itself.
SHORTEST_NAME = 7


class Verdict(StrEnum):
    """What gates say."""

    PASSED = "passed"
    FAILED = "failed"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes-requested"
    COMMENTED = "commented"
    REJECTED = "rejected"
    STALE = "stale"
    CLOSED = "closed"
    MERGED = "merged"
    CONFLICT = "conflict"
    UNJUDGED = "unjudged"
    BEHIND = "behind"


@dataclass(frozen=True)
class Judgement:
    """What a gate says.

    Attributes:
        verdict: None while it is to be waited for.
        message: for people.
        actor: login of the person whose word it is.
        again: seconds after which it may be another by itself; 0 where it is not.
    """

    verdict: Verdict | None
    message: str
    actor: str = ""
    again: float = 0.0


class State(StrEnum):
    """How one check stands."""

    PASSED = "passed"
    FAILED = "failed"
    PENDING = "is not done"
    NOTHING = "says nothing"
    """Skipped or neutral: it is over, and nothing was shown."""
    MISSING = "has not reported"


@dataclass(frozen=True)
class Reported:
    """A check, whether it came as a check run or as a status.

    Attributes:
        app: id of the App that tells it; None for a person's status.
    """

    name: str
    app: int | None
    state: State


def judge_checks(
    head: str,
    pull: Pull,
    required: Sequence[Required],
    runs: Iterable[CheckRun],
    statuses: Iterable[Status],
    ours: Ours,
    waited: float,
) -> Judgement:
    """Whether the checks of a commit have passed.

    Args:
        waited: seconds since the commit is there, as far as that is known.
    """
    moved = _moved(head, pull)
    if moved is not None:
        return moved
    told = reported(runs, statuses, ours)
    states = {_named(each.context, each.app): state_of(each, told) for each in required}
    if not required:
        # Of what nobody demands, what is skipped stands in nobody's way.
        states = {_named(each.name, None): each.state for each in told if each.state is not State.NOTHING}
    for bad in (State.FAILED, State.NOTHING):
        if of_it := [name for name, state in states.items() if state is bad]:
            also = " (skipped or neutral), and it is required" if bad is State.NOTHING else ""
            return Judgement(Verdict.FAILED, f"{_listed(of_it)} {bad}{also}")
    for open_ in (State.PENDING, State.MISSING):
        if of_it := [name for name, state in states.items() if state is open_]:
            return Judgement(None, f"{_listed(of_it)} {open_}")
    if not states and waited < QUIET_SECONDS:
        return Judgement(None, "no check has reported yet, and none is required", again=QUIET_SECONDS - waited)
    if not states:
        return Judgement(Verdict.PASSED, "no check is required, and none reports")
    return Judgement(Verdict.PASSED, f"{_listed(sorted(states))} passed")


def reported(runs: Iterable[CheckRun], statuses: Iterable[Status], ours: Ours) -> list[Reported]:
    """The latest word of each check by name and App, but for our own."""
    latest: dict[tuple[str, int | None], CheckRun] = {}
    for run in sorted(runs, key=lambda each: (each.started, each.identity)):
        latest[run.name, run.app] = run
    found = [Reported(each.name, each.app, run_state(each)) for each in latest.values() if each.app not in ours.apps]
    return found + [
        Reported(each.context, each.app, _STATUSES.get(each.state, State.PENDING))
        for each in statuses
        if each.login not in ours.logins and each.app not in ours.apps
    ]


_STATUSES = {
    "success": State.PASSED, "failure": State.FAILED, "error": State.FAILED, "pending": State.PENDING,
}  # fmt: skip


def run_state(run: CheckRun) -> State:
    """How a check run stands."""
    if run.status != "completed":
        return State.PENDING
    if run.conclusion in ("skipped", "neutral"):
        return State.NOTHING
    return State.PASSED if run.conclusion == "success" else State.FAILED


def state_of(required: Required, told: Iterable[Reported]) -> State:
    """How a required check stands. Where any App may tell it, all that do must say that it passed."""
    states = {
        each.state for each in told if each.name == required.context and required.app in (None, each.app)
    }  # fmt: skip
    order = (State.FAILED, State.PENDING, State.NOTHING, State.PASSED)
    return next((state for state in order if state in states), State.MISSING)


def judge_reviews(
    head: str,
    pull: Pull,
    reviews: Iterable[Review],
    may_write: frozenset[str],
    makers: frozenset[str],
    ours: Ours,
    *,
    needed: int = 1,
    since: float = 0.0,
) -> Judgement:
    """What people say of a commit.

    Args:
        may_write: logins that may write in the repository now.
        makers: who made the commit what it is: they do not judge it.
        needed: approvals that it takes.
        since: seconds since 1970; a mere comment counts only where it came later.
    """
    moved = _moved(head, pull)
    if moved is not None:
        return moved
    every = [each for each in reviews if may_say(each, pull, may_write, makers, ours)]
    latest = decisions(every)
    against = sorted(login for login, each in latest.items() if each.state == "CHANGES_REQUESTED")
    here = [login for login in against if latest[login].commit == head]
    if here:
        return Judgement(Verdict.CHANGES_REQUESTED, f"{', '.join(here)} asks for changes", here[0])
    approved = sorted(
        login for login, each in latest.items() if each.state == "APPROVED" and each.commit == head
    )  # fmt: skip
    if against:
        return Judgement(None, f"{', '.join(against)} asked for changes of an earlier commit and has not looked since")
    if len(approved) >= max(1, needed):
        return Judgement(Verdict.APPROVED, f"{', '.join(approved)} approves this commit", approved[0])
    said = [each for each in every if each.state == "COMMENTED" and each.commit == head and each.submitted > since]
    if said and not approved:
        return Judgement(Verdict.COMMENTED, f"{said[-1].login} comments on this commit", said[-1].login)
    lacking = max(1, needed) - len(approved)
    told = f"{lacking} more approving review of this commit is needed, by a person who may write and did not make it"
    return Judgement(None, told)


def objection(pull: Pull, reviews: Iterable[Review], may_write: frozenset[str], ours: Ours) -> str:
    """Who may write and asks for changes, of whatever commit, in words; "" where nobody does.

    Whoever made the commit may object to it, too.
    """
    latest = decisions(each for each in reviews if may_say(each, pull, may_write, frozenset(), ours))
    against = sorted(login for login, each in latest.items() if each.state == "CHANGES_REQUESTED")
    return f"{', '.join(against)} asks for changes and has not approved or dismissed that since" if against else ""


def judge_approval(
    head: str,
    pull: Pull,
    reviews: Iterable[Review],
    may_write: frozenset[str],
    makers: frozenset[str],
    requesters: frozenset[str],
    ours: Ours,
) -> Judgement:
    """Whether a person answers for a commit: one who neither made it nor asked for the work.

    Args:
        requesters: who asked for the flows of the pull request.
    """
    moved = _moved(head, pull)
    if moved is not None:
        return Judgement(Verdict.REJECTED, f"{moved.message}: nobody can approve it any more")
    every = [each for each in reviews if may_say(each, pull, may_write, makers | requesters, ours)]
    latest = {login: each for login, each in decisions(every).items() if each.commit == head}
    for state, verdict, words in (
        ("CHANGES_REQUESTED", Verdict.REJECTED, "rejects"), ("APPROVED", Verdict.APPROVED, "approves"),
    ):  # fmt: skip
        found = sorted(login for login, each in latest.items() if each.state == state)
        if found:
            return Judgement(verdict, f"{found[0]} {words} {head[:12]}", found[0])
    return Judgement(None, f"a person approves {head[:12]} by a review of that commit: one with write permission who "
                           "neither made it nor asked for it")  # fmt: skip


def held_back(judgement: Judgement, taint: str, approval: Judgement) -> Judgement:
    """What a gate says that passes without any person, where the work is tainted: a person has to answer for it.

    Args:
        taint: why it is tainted, in words.
        approval: how the approval of the same commit stands.
    """
    if judgement.verdict is not Verdict.PASSED or approval.verdict is Verdict.APPROVED:
        return judgement
    if approval.verdict is Verdict.REJECTED:
        return Judgement(Verdict.FAILED, f"{judgement.message}; {approval.message}", approval.actor)
    return Judgement(None, f"{judgement.message}, but the work is tainted: {taint}; {approval.message}")


def not_approved(
    actor: str,
    asked: float,
    named: str,
    pull: Pull,
    pushed: float | None,
    makers: frozenset[str],
    requesters: frozenset[str],
) -> str | None:
    """Why somebody's word for a pull request's head cannot count; None where it can.

    Args:
        asked: when it was said, in seconds since 1970; 0 where that is not known.
        named: the commit, or the beginning of its id; "" where none is named and the newest is meant.
        pushed: when the head was pushed; None where that is not known.
    """
    head = pull.head[:12]
    if actor == pull.author or actor in makers:
        return f"{actor} had a hand in {head}: somebody else with write permission approves it."
    if actor in requesters:
        return f"{actor} asked for this work: somebody else with write permission approves it."
    if named:
        fits = len(named) >= SHORTEST_NAME and pull.head.startswith(named)
        return None if fits else f"that is not the newest commit, which is {pull.head}."
    if pushed is None or not asked or pushed > asked:
        return f"{head} may be younger than the comment: look at it, and name it: `/pressplay approve {head}`."
    return None


def may_say(review: Review, pull: Pull, may_write: frozenset[str], barred: frozenset[str], ours: Ours) -> bool:
    """Whether a review counts at all."""
    return (
        review.kind == PERSON
        and review.login in may_write
        and review.login != pull.author
        and review.login not in barred | ours.logins
    )


def decisions(reviews: Iterable[Review]) -> dict[str, Review]:
    """The latest decision of each person; a comment takes none back, and one that was dismissed is none."""
    latest: dict[str, Review] = {}
    for each in sorted(reviews, key=lambda one: (one.submitted, one.identity)):
        if each.state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            latest[each.login] = each
    return {login: each for login, each in latest.items() if each.state != "DISMISSED"}


def _moved(head: str, pull: Pull) -> Judgement | None:
    if not pull.open:
        return Judgement(Verdict.CLOSED, f"pull request {pull.number} is closed")
    if pull.head != head:
        return Judgement(Verdict.STALE, f"pull request {pull.number} has gone on from {head[:12]} to {pull.head[:12]}")
    return None


def _named(name: str, app: int | None) -> str:
    return f"`{title(name, LONGEST_NAME)}`" + (f" of App {app}" if app is not None else "")


def _listed(names: Sequence[str]) -> str:
    most = 5
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
