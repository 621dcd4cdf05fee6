"""Whether the commit that a run is asked for is on the branch that it works on, as GitHub tells at this moment."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from pressplay.gateway.answers import Rejected
from pressplay.github.client import GitHub
from pressplay.github.errors import Invalid, NotFound
from pressplay.resources.reasons import Reason

SHORT: Final = 12
# What GitHub calls a branch that has a commit, by how it stands to it.
HAS: Final = ("identical", "ahead")


async def stale(github: GitHub, repository: str, head: str, branch: str, commit: str) -> str:
    """What is to be said where a branch has moved on from a commit since; "" where that is its newest.

    Args:
        commit: the branch's newest.

    Raises:
        Rejected: the branch does not have it: it never had, or somebody has rewritten it.
        GitHubError: one of its kinds.
    """
    if head == commit:
        return ""
    if await _status(github, repository, head, commit) not in HAS:
        told = f"spec.head is {head}, which is not on {branch}; its newest commit is {commit}"
        raise Rejected(Reason.HEAD_NOT_FOUND, told)
    return f"{branch} has moved on from {head[:SHORT]}, so it begins on {commit[:SHORT]}"


async def _status(github: GitHub, repository: str, head: str, commit: str) -> str:
    try:
        told = await github.read(f"/repos/{repository}/compare/{quote(head)}...{quote(commit)}")
    except (NotFound, Invalid):
        return "missing"
    return str(told["status"])
