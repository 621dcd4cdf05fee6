"""What follows from refs that moved: `push` events, and what becomes of the pull requests that they belong to."""

from __future__ import annotations

import asyncio
from pathlib import Path

from localhub import git, render, render_code
from localhub.closing import close, close_merged
from localhub.context import Context, Record, now
from localhub.reviews import dismissed
from localhub.rules import ruleset_of
from localhub.workflows import Workflows

NOTHING = "0" * 40
# As GitHub's description of the event says; of tags it tells only where no more came at once.
MOST_COMMITS = 2048
MOST_TAGS = 3
BRANCH, TAG = "refs/heads/", "refs/tags/"


class Pushes:
    """Tells Apps of them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state
        self._workflows = Workflows(context)

    async def tell(self, found: Record, login: str, before: dict[str, str]) -> None:
        """Compare the refs with what they were before, and tell what moved. Whoever calls holds the repository's lock.

        Args:
            before: as `git.refs` told them.
        """
        after = await asyncio.to_thread(git.refs, self._context.folder(found))
        moved = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
        tags = [name for name in moved if name.startswith(TAG)]
        for name in moved:
            old, new = before.get(name, NOTHING), after.get(name, NOTHING)
            self._remember(found, login, name, old, new)
            if name not in tags or len(tags) <= MOST_TAGS:
                payload = await asyncio.to_thread(self._payload, found, login, name, old, new)
                self._context.happened("push", None, found, login, **payload)
            if name.startswith(BRANCH):
                self._follow(found, login, name.removeprefix(BRANCH), old, new)

    def _remember(self, found: Record, login: str, name: str, old: str, new: str) -> None:
        """Who moved what, for the account of a repository's activity."""
        kind = "branch_deletion" if new == NOTHING else "branch_creation" if old == NOTHING else "push"
        moves = found.setdefault("moves", [])
        moves.append({"id": self._state.number(), "login": login, "ref": name, "before": old, "after": new,
                      "activity_type": kind, "timestamp": now()})  # fmt: skip

    def _payload(self, found: Record, login: str, name: str, old: str, new: str) -> Record:
        folder = self._context.folder(found)
        told = git.between(folder, old, new)[:MOST_COMMITS] if new != NOTHING and name.startswith(BRANCH) else []
        commits = [render_code.pushed(self._state, found, git.commit(folder, each)) for each in reversed(told)]
        # A tag with a text of its own is an object before the commit that it names.
        last = git.resolve(folder, new) if new != NOTHING else None
        head = render_code.pushed(self._state, found, git.commit(folder, last)) if last else None
        return {
            "ref": name, "before": old, "after": new, "created": old == NOTHING, "deleted": new == NOTHING,
            "forced": git.rewound(folder, old, new), "base_ref": _base(folder, name, last) if old == NOTHING else None,
            "compare": f"{self._state.url}/{found['full_name']}/compare/{old[:12]}...{new[:12]}", "commits": commits,
            "head_commit": head, "pusher": {"name": login, "email": f"{login}@users.noreply.localhub"},
        }  # fmt: skip

    def _follow(self, found: Record, login: str, name: str, old: str, new: str) -> None:
        """What becomes of the open pull requests from and to a branch that moved."""
        folder = self._context.folder(found)
        for number, one in found["pulls"].items():
            if one["state"] != "open" or name not in (one["head"], one["base"]):
                continue
            if new == NOTHING:
                close(folder, one, **{"head_sha" if one["head"] == name else "base_sha": old})
                self._tell(found, number, "closed", login)
            elif one["head"] == name:
                one["head_sha"] = new
                self._tell(found, number, "synchronize", login, before=old, after=new)
                self._dismiss(found, number, login)
                self._check(found, name)
            elif git.holds(folder, new, self._head(found, one)):
                # GitHub takes what was pushed to the base for a merge.
                close_merged(folder, one, login, new, old)
                self._tell(found, number, "closed", login)

    def _check(self, found: Record, branch: str) -> None:
        """The workflow that runs on each commit of a pull request, where the repository has one."""
        if workflow := found.get("workflow"):
            self._workflows.begin(found, branch, workflow["name"], workflow["jobs"])

    def _dismiss(self, found: Record, number: str, login: str) -> None:
        """Approvals that are demanded are of one commit: those of an earlier one are dismissed, as the rules say."""
        ruleset = ruleset_of(found, found["pulls"][number]["base"])
        for one in found["reviews"].get(number, []) if ruleset and ruleset["approvals"] else []:
            if one["state"] == "APPROVED" and one["commit_id"] != found["pulls"][number]["head_sha"]:
                dismissed(self._context, found, number, one, login)

    def _head(self, found: Record, one: Record) -> str:
        return str(git.branches(self._context.folder(found)).get(one["head"], one["head_sha"]))

    def _tell(self, found: Record, number: str, action: str, login: str, **more: object) -> None:
        found["pulls"][number]["updated_at"] = now()
        shown = render.pull(self._state, found, number)
        self._context.happened("pull_request", action, found, login, number=int(number), pull_request=shown, **more)


def _base(folder: Path, name: str, commit: str | None) -> str | None:
    """The branch that a new ref was made from, where it stands at the same commit."""
    others = (each for each, sha in git.refs(folder).items() if sha == commit and each.startswith(BRANCH))
    return next((each for each in others if each != name), None)
