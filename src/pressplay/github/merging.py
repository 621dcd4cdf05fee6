"""Merges as GitHub does them: how a pull request stands, and the calls that merge it. Nothing is judged here.

https://docs.github.com/rest/pulls/pulls and https://docs.github.com/rest/git/refs.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from pressplay.github.client import GitHub
from pressplay.github.errors import Conflict, Invalid, NotFound, Refused

# What GitHub answers to what it will not do as things are: a rule, a permission, a state that is another by now.
DECLINED = (Conflict, Invalid, NotFound, Refused)


@dataclass(frozen=True)
class Standing:
    """How a pull request stands.

    Attributes:
        merged: whether it is; `commit` is then the one with which the base has its changes.
        mergeable: whether it merges without conflicts; None while GitHub has not found out.
        open: whether it is neither closed nor merged.
        head: where its branch stood when it was merged, or stands.
        base: the branch that it is for.
    """

    open: bool
    merged: bool
    commit: str
    mergeable: bool | None
    draft: bool
    head: str
    base: str


async def standing(github: GitHub, repository: str, number: int) -> Standing:
    """How a pull request stands now.

    Raises:
        NotFound: there is none.
    """
    told = await github.pull(repository, number)
    merged = bool(told.get("merged"))
    commit = str(told.get("merge_commit_sha") or "") if merged else ""
    return Standing(
        told["state"] == "open",
        merged,
        commit,
        told.get("mergeable"),
        bool(told.get("draft")),
        str(told["head"]["sha"]),
        str(told["base"]["ref"]),
    )


async def behind(github: GitHub, repository: str, base: str, head: str) -> int:
    """How many commits of a branch a commit has not.

    Args:
        base: the branch.
    """
    span = f"{quote(base, safe='')}...{head}"
    return int((await github.read(f"/repos/{repository}/compare/{span}"))["behind_by"])


async def forward(github: GitHub, repository: str, base: str, head: str) -> None:
    """Set a branch forwards to a commit that has all of it: what GitHub then takes for a merge.

    Raises:
        DECLINED: it has not, or rules let nobody push there.
    """
    path = f"/repos/{repository}/git/refs/heads/{quote(base, safe='/')}"
    await github.change("PATCH", path, {"sha": head, "force": False})


async def merge(github: GitHub, repository: str, number: int, head: str, method: str) -> str:
    """Merge a pull request as it is at a commit; answers the commit with which the base has it.

    Args:
        method: merge, squash or rebase.

    Raises:
        DECLINED: the head is another by now, or rules stand in its way; says which.
    """
    told = {"sha": head, "merge_method": method}
    return str((await github.change("PUT", f"/repos/{repository}/pulls/{number}/merge", told)).get("sha") or "")


async def bring_up_to_date(github: GitHub, repository: str, number: int, head: str) -> None:
    """Have GitHub merge the base into the branch of a pull request that stands at a commit.

    Raises:
        DECLINED: it stands elsewhere, or there are conflicts.
    """
    await github.change("PUT", f"/repos/{repository}/pulls/{number}/update-branch", {"expected_head_sha": head})


async def remove_branch(github: GitHub, repository: str, branch: str) -> None:
    """Remove a branch.

    Raises:
        DECLINED: it is gone already, or rules keep it.
    """
    await github.change("DELETE", f"/repos/{repository}/git/refs/heads/{quote(branch, safe='/')}")
