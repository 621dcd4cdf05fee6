"""What differs between two commits, as pull requests and comments on code show it. Reads only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from localhub.git import GitFailed, git


def differs(folder: Path, one: str, other: str, path: str) -> bool:
    """Whether a file is another one at another commit."""
    return bool(git(folder, "diff", "--name-only", one, other, "--", path))


def changes(folder: Path, base: str, head: str) -> list[dict[str, Any]]:
    """The files that a pull request changes, with their patches."""
    found = []
    for line in git(folder, "diff", "--raw", "--abbrev=40", "-M", f"{base}...{head}").splitlines():
        facts, *paths = line.split("\t")
        _, _, before, after, status = facts.split()
        sha = after if after.strip("0") else before
        patch = git(folder, "diff", "-M", f"{base}...{head}", "--", *paths)
        body = patch[patch.index("@@") :] if "\n@@" in patch else ""
        marks = [each[0] for each in body.splitlines() if each]
        found.append({
            "path": paths[-1], "before": paths[0] if len(paths) > 1 else "", "status": status[0], "sha": sha,
            "added": marks.count("+"), "deleted": marks.count("-"), "patch": body,
        })  # fmt: skip
    return found


def hunk(folder: Path, base: str, head: str, path: str, line: int | None, side: str = "RIGHT") -> str | None:
    """The part of a pull request's difference that a comment on a line stands at; None where the line is not in it.

    Args:
        side: RIGHT counts lines as the head has them, LEFT as the base has.
    """
    try:
        patch = git(folder, "diff", f"{base}...{head}", "--", path)
    except GitFailed:
        return None
    if "\n@@" not in patch:
        return None
    if line is None:
        return patch[patch.index("@@") :]
    for part in re.split(r"\n(?=@@)", patch)[1:]:
        head_line, *rest = part.split("\n")
        found = re.match(r"@@ -(\d+)(?:,\d+)? \+(\d+)", head_line)
        number = int(found[1 if side == "LEFT" else 2]) - 1 if found else 0
        # Lines of the other side, and git's own word on an end without a newline, are none of this side's.
        others = ("+" if side == "LEFT" else "-", "\\")
        for count, each in enumerate(rest, 1):
            number += not each.startswith(others)
            if number == line and not each.startswith(others):
                return "\n".join([head_line, *rest[:count]])
    return None


def difference(folder: Path, base: str, head: str) -> str:
    """The difference of a pull request as a patch."""
    return git(folder, "diff", f"{base}...{head}")


def size(folder: Path, base: str, head: str) -> dict[str, int]:
    """How much a pull request changes, as GitHub counts it."""
    span = f"{base}...{head}"
    lines = [line.split("\t")[:2] for line in git(folder, "diff", "--numstat", span).splitlines()]
    added, deleted = (sum(int(line[column]) for line in lines if line[column] != "-") for column in (0, 1))
    commits = int(git(folder, "rev-list", "--count", f"{base}..{head}"))
    return {"commits": commits, "additions": added, "deletions": deleted, "changed_files": len(lines)}
