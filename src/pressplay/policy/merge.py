"""What a merge needs, and whether a commit has it. Pure: everything is derived anew before each merge.

A chain of named checks, in the order in which people can do something about them; the first that is not met is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pressplay.github.checks import Demands
from pressplay.github.merging import Standing
from pressplay.github.reviews import Pull
from pressplay.policy.gates import Judgement, Verdict

PersonaName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
GOOD: Final = "pass"


class Method(StrEnum):
    """How a merge brings commits into the base."""

    FAST_FORWARD = "fast-forward"
    """The base is set to the very commit that was judged, where it has all of the base and nobody's rules forbid it."""
    MERGE = "merge"
    SQUASH = "squash"
    REBASE = "rebase"


class MergeSettings(BaseModel):
    """What a project wants of merges, `merge` in its settings.

    Attributes:
        verdicts: personas of whom each must have said `pass` of the very commit that is merged.
        approvals: of people, at least; what the branch's rules demand counts, too.
        method: the preferred one; where rules forbid it the first of rebase, squash and merge that they allow.
        delete_branch: whether a branch of ours goes after its merge.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    verdicts: tuple[PersonaName, ...] = ("qa",)
    approvals: int = Field(default=0, ge=0, le=10)
    method: Method = Method.FAST_FORWARD
    delete_branch: bool = Field(default=True, alias="deleteBranch")


class MergeFloor(BaseModel):
    """What the cluster demands of every merge, whatever projects say.

    Attributes:
        allowed: whether anything is merged at all; where not, people merge.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    allowed: bool = True
    verdicts: tuple[PersonaName, ...] = ()
    approvals: int = Field(default=0, ge=0, le=10)


@dataclass(frozen=True)
class Needed:
    """What one merge needs."""

    verdicts: tuple[str, ...]
    approvals: int
    up_to_date: bool
    allowed: bool


@dataclass(frozen=True)
class Facts:
    """What is known of a commit that is to be merged.

    Attributes:
        head: the commit.
        verdicts: what personas said of this very commit, for this very base, by persona.
        checks: how its checks stand, with a person's word for it where it is tainted.
        objection: a person who asks for changes and has not taken that back, in words; "" where there is none.
        approvals: how the approvals that are needed stand.
        behind: how many commits of the base it has not.
    """

    head: str
    pull: Pull
    standing: Standing
    needed: Needed
    verdicts: Mapping[str, str] = field(default_factory=dict)
    checks: Judgement = field(default_factory=lambda: Judgement(None, "checks are not known"))
    objection: str = ""
    approvals: Judgement = field(default_factory=lambda: Judgement(None, "approvals are not known"))
    behind: int = 0


Check = Callable[[Facts], Judgement | None]


def needed(settings: MergeSettings, floor: MergeFloor, demands: Demands) -> Needed:
    """What a merge needs: what the project wants, no less than the cluster and the branch demand."""
    verdicts = tuple(dict.fromkeys((*settings.verdicts, *floor.verdicts)))
    approvals = max(settings.approvals, floor.approvals, demands.approvals)
    return Needed(verdicts, approvals, demands.up_to_date, floor.allowed)


def methods(settings: MergeSettings, demands: Demands) -> tuple[Method, ...]:
    """How to try to merge, the preferred way first."""
    others = [Method(each) for each in ("rebase", "squash", "merge") if each in demands.methods]
    if settings.method is Method.FAST_FORWARD:
        return (Method.FAST_FORWARD, *others)
    return (settings.method,) if settings.method in demands.methods else tuple(others)


def merged(facts: Facts) -> Judgement | None:
    """It is done, by whomever; another commit than ours is no merge of ours."""
    if not facts.standing.merged:
        return None
    if facts.standing.head != facts.head:
        return Judgement(Verdict.STALE, f"it was merged at {facts.standing.head[:12]}, not at {facts.head[:12]}")
    return Judgement(Verdict.MERGED, f"it is merged as {facts.standing.commit[:12]}")


def current(facts: Facts) -> Judgement | None:
    """The commit is the pull request's newest, and that is open."""
    pull = facts.pull
    if not pull.open:
        return Judgement(Verdict.CLOSED, f"pull request {pull.number} is closed")
    if pull.head != facts.head:
        return Judgement(Verdict.STALE, f"pull request {pull.number} has gone on to {pull.head[:12]}")
    if pull.fork:
        return Judgement(Verdict.FAILED, "its head lies in a fork: a person merges it")
    if facts.standing.base != pull.base:
        return Judgement(None, f"its base has just become {facts.standing.base}")
    return None


def permitted(facts: Facts) -> Judgement | None:
    """The cluster lets merges happen."""
    return None if facts.needed.allowed else Judgement(None, "the cluster's policy has people merge: `merge.allowed`")


def ready(facts: Facts) -> Judgement | None:
    """Nobody holds it as a draft."""
    return Judgement(None, "it is a draft; mark it ready for review") if facts.standing.draft else None


def judged(facts: Facts) -> Judgement | None:
    """Every persona that must has passed this very commit."""
    for name in facts.needed.verdicts:
        said = facts.verdicts.get(name)
        if said is None:
            return Judgement(Verdict.UNJUDGED, f"{name} has not judged {facts.head[:12]} for {facts.pull.base}")
        if said != GOOD:
            return Judgement(Verdict.FAILED, f"{name} says {said} of {facts.head[:12]}")
    return None


def unopposed(facts: Facts) -> Judgement | None:
    """No person who may write asks for changes."""
    return Judgement(Verdict.CHANGES_REQUESTED, facts.objection) if facts.objection else None


def without_conflicts(facts: Facts) -> Judgement | None:
    """It merges cleanly."""
    if facts.standing.mergeable is False:
        return Judgement(Verdict.CONFLICT, f"it has conflicts with {facts.pull.base}")
    return None


def checked(facts: Facts) -> Judgement | None:
    """Its checks have passed, and a person answers for it where strangers' words have reached it."""
    return None if facts.checks.verdict is Verdict.PASSED else facts.checks


def approved(facts: Facts) -> Judgement | None:
    """So many people approve this very commit."""
    if not facts.needed.approvals or facts.approvals.verdict is Verdict.APPROVED:
        return None
    # A comment decides nothing.
    return Judgement(None, facts.approvals.message)


def up_to_date(facts: Facts) -> Judgement | None:
    """It has all of the base in it, where the branch demands that."""
    if facts.needed.up_to_date and facts.behind:
        told = f"{facts.pull.base} has {facts.behind} commits that it has not, and the branch's rules demand them"
        return Judgement(Verdict.BEHIND, told)
    return None


def first_of_all(head: str, pull: Pull, standing: Standing) -> Judgement | None:
    """What ends it before anything else is asked: of a pull request that is closed not even the base may be there."""
    facts = Facts(head, pull, standing, Needed((), 0, up_to_date=False, allowed=True))
    return merged(facts) or current(facts)


def known(facts: Facts) -> Judgement | None:
    """GitHub has found out whether it merges cleanly."""
    unknown = facts.standing.mergeable is None
    return Judgement(None, "GitHub has not found out yet whether it has conflicts") if unknown else None


CHAIN: Final[tuple[Check, ...]] = (
    merged, current, permitted, ready, judged, unopposed, without_conflicts, checked, approved, up_to_date, known,
)  # fmt: skip


def judge_merge(facts: Facts) -> Judgement:
    """What stands in the way of a merge; `passed` where nothing does."""
    for check in CHAIN:
        found = check(facts)
        if found is not None:
            return found
    return Judgement(Verdict.PASSED, f"{facts.head[:12]} may be merged into {facts.pull.base}")
