"""How a pull request is closed, merged or opened again. Where its ends stood then stays, whatever is pushed later."""

from __future__ import annotations

from pathlib import Path

from localhub import git
from localhub.context import Record, now
from localhub.problems import Problem


def close(folder: Path, one: Record, **more: object) -> None:
    """Close it where it stands.

    Args:
        more: what is known better than the branches tell, as they are after a merge.
    """
    heads = git.branches(folder)
    ends = {f"{end}_sha": heads.get(one[end], one.get(f"{end}_sha", "")) for end in ("head", "base")}
    one.update({"state": "closed", "closed_at": now(), **ends, **more})


def close_merged(folder: Path, one: Record, login: str, commit: str, base: str) -> None:
    """Close it as merged.

    Args:
        login: who merged it, or pushed its commits to its base.
        commit: with which the base has its commits.
        base: where the base stood before.
    """
    head = git.branches(folder).get(one["head"], one["head_sha"])
    told = {"merged": True, "merged_at": now(), "merged_by": login, "merge_commit_sha": commit}
    close(folder, one, **told, head_sha=head, base_sha=base)


def reopen(folder: Path, one: Record) -> None:
    """Open it again.

    Raises:
        Problem: it is merged, or one of its branches is gone.
    """
    heads = git.branches(folder)
    gone = next((one[end] for end in ("head", "base") if one[end] not in heads), None)
    if one["merged"] or gone is not None:
        why = "The pull request is merged." if one["merged"] else f"The {gone} branch has been deleted."
        told = {"resource": "PullRequest", "code": "invalid", "field": "state"}
        raise Problem(422, "Validation Failed", [{**told, "message": f"state cannot be changed. {why}"}])
    one.update(state="open", closed_at=None)
