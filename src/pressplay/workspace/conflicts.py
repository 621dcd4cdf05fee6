"""Conflicts between branches, foretold by git itself: `git merge-tree` merges two commits without touching anything.

https://git-scm.com/docs/git-merge-tree, "--stdin" (git 2.39 or newer): a word, a tree and files for each pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from pressplay.workspace.git import Git, GitFailed

FIELDS = "%(refname)%09%(objectname)%09%(committerdate:unix)"
MERGE_TREE = (
    "merge-tree", "--write-tree", "--name-only", "--no-messages", "--allow-unrelated-histories", "-z", "--stdin",
)  # fmt: skip
CONFLICTS = "0"


@dataclass(frozen=True)
class Branch:
    """A branch, as far as the base has not all of it.

    Attributes:
        name: without the remote's.
        ahead, behind: commits that it has and the base has not, and the other way round.
        touched: when its last commit was made, in seconds since 1970.
    """

    name: str
    commit: str
    ahead: int
    behind: int
    touched: float


@dataclass(frozen=True)
class Conflict:
    """Two branches that do not merge.

    Attributes:
        files: that both have changed in ways which do not go together.
    """

    one: str
    other: str
    files: tuple[str, ...]


def active(git: Git, place: str, base: Branch, since: float) -> list[Branch]:
    """The branches below a place that are not all in the base, those with the fewest commits first.

    Args:
        place: as `refs/remotes/origin/` or `refs/heads/`.
        since: seconds since 1970; of branches that nobody has touched since then nothing is foretold.
    """
    found = []
    for line in git.text("for-each-ref", f"--format={FIELDS}", place).splitlines():
        ref, commit, moment = line.split("\t")
        name = ref.removeprefix(place)
        if name in (base.name, "HEAD") or float(moment or 0) < since:
            continue
        behind, ahead = map(int, git.text("rev-list", "--left-right", "--count", f"{base.commit}...{commit}").split())
        if ahead:
            found.append(Branch(name, commit, ahead, behind, float(moment)))
    return sorted(found, key=lambda each: (each.ahead, each.name))


def branch_of(git: Git, place: str, name: str) -> Branch | None:
    """A branch by its name; None where there is none."""
    try:
        commit = git.text("rev-parse", "--verify", "--quiet", f"{place}{name}^{{commit}}")
    except GitFailed:
        return None
    return Branch(name, commit, 0, 0, 0.0)


def foretell(git: Git, base: Branch, branches: Sequence[Branch]) -> list[Conflict]:
    """The conflicts that each branch would have with the base, and with each other one.

    Raises:
        GitFailed: git is older than 2.39.
    """
    pairs = [*((base, each) for each in branches), *combinations(branches, 2)]
    if not pairs:
        return []
    asked = "".join(f"{one.commit} {other.commit}\n" for one, other in pairs)
    told = git.text(*MERGE_TREE, stdin=asked.encode()).split("\0")
    conflicts = []
    for one, other in pairs:
        # A word whether it merges, the tree, the files in conflict, and nothing.
        end = told.index("", 2)
        if told[0] == CONFLICTS:
            conflicts.append(Conflict(one.name, other.name, tuple(told[2:end])))
        told = told[end + 1 :]
    return conflicts
