"""Reviews of a pull request, each with its commit, and who had a hand in that commit. Reads; nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pressplay.github.client import MAY_WRITE, GitHub
from pressplay.github.errors import NotFound, Refused
from pressplay.github.times import moment

# What a person needs to have a say.
PERSON = "User"


@dataclass(frozen=True)
class Pull:
    """A pull request as it stands at this moment.

    Attributes:
        fork: whether its head lies in another repository.
    """

    number: int
    open: bool
    head: str
    branch: str
    base: str
    author: str
    fork: bool = False


@dataclass(frozen=True)
class Review:
    """A review.

    Attributes:
        kind: of who wrote it, as GitHub says: User, Bot and so on.
        state: APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED or PENDING.
        commit: that it is about.
        submitted: seconds since 1970.
    """

    identity: int
    login: str
    kind: str
    state: str
    commit: str
    submitted: float


async def pull(github: GitHub, repository: str, number: int) -> Pull:
    """A pull request as it stands now.

    Raises:
        NotFound: there is none.
    """
    told = await github.pull(repository, number)
    homes = [(told[end].get("repo") or {}).get("id") for end in ("head", "base")]
    return Pull(
        int(told["number"]), told["state"] == "open", str(told["head"]["sha"]), str(told["head"]["ref"]),
        str(told["base"]["ref"]), login_of(told.get("user")), homes[0] is None or homes[0] != homes[1],
    )  # fmt: skip


async def reviews(github: GitHub, repository: str, number: int) -> list[Review]:
    """Reviews, the oldest first."""
    return [_review(each) for each in await github.every(f"/repos/{repository}/pulls/{number}/reviews", {})]


async def may_write(github: GitHub, repository: str, logins: Iterable[str]) -> frozenset[str]:
    """Who of these may write in the repository at this moment."""
    found = set()
    for login in sorted(set(logins)):
        try:
            role = await github.role(repository, login)
        except NotFound:
            continue
        if role in MAY_WRITE:
            found.add(login)
    return frozenset(found)


async def makers(github: GitHub, repository: str, of: Pull) -> frozenset[str]:
    """Who made the pull request's head what it is: who pushed it, and whose commits it holds.

    Commits name their authors by e-mail, which anybody can write; who pushed is GitHub's own knowledge. Both count.
    """
    found = set()
    for each in await github.every(f"/repos/{repository}/pulls/{of.number}/commits", {}):
        found |= {login_of(each.get(part)) for part in ("author", "committer")}
    found |= {login_of(each.get("actor")) for each in await _pushes_of_head(github, repository, of)}
    # GitHub's own user commits what is edited and merged on its pages.
    return frozenset(found - {"ghost", "web-flow"})


async def pushed(github: GitHub, repository: str, of: Pull) -> float | None:
    """When the pull request's head was pushed, in seconds since 1970; None where GitHub does not tell."""
    moves = await _pushes_of_head(github, repository, of)
    return max((moment(each.get("timestamp")) for each in moves), default=None)


async def _pushes_of_head(github: GitHub, repository: str, of: Pull) -> list[dict[str, Any]]:
    try:
        moves = await github.every(f"/repos/{repository}/activity", {"ref": f"refs/heads/{of.branch}"})
    except (NotFound, Refused):
        # A server of Enterprise that keeps no such account; and a head in a fork has none here.
        return []
    return [each for each in moves if each.get("after") == of.head]


def login_of(user: object) -> str:
    """The login of a user as answers have it; `ghost` for one that is gone, as GitHub says."""
    return str(user.get("login") or "ghost") if isinstance(user, Mapping) else "ghost"


def _review(told: Mapping[str, Any]) -> Review:
    user = told.get("user") or {}
    return Review(
        int(told["id"]), login_of(user), str(user.get("type") or ""), str(told["state"]).upper(),
        str(told.get("commit_id") or ""), moment(told.get("submitted_at")),
    )  # fmt: skip
