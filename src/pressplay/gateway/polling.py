"""Asks GitHub what is new, and brings it to the inbox as the webhooks that GitHub would have sent.

Where there is no ingress this is how events come (`events.mode: poll`). With webhooks it is the sweep: what was lost on
the way is found in GitHub's state, failed deliveries are asked for again, and whoever waits looks. What comes both ways
has the same key and so one effect; what people say is left to deliveries then, since each comment counts.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from pressplay.gateway.answers import Rejected
from pressplay.gateway.inbox import Inbox
from pressplay.gateway.settings import POLL_SECONDS_EACH
from pressplay.gateway.signer.client import Signer, SignerRefused
from pressplay.github import polled
from pressplay.github.client import GitHub
from pressplay.github.errors import GitHubError, NotFound, RateLimited, Refused
from pressplay.github.polled import Known, Where
from pressplay.github.times import moment
from pressplay.ledger.polls import Polls
from pressplay.protocol.signer import Access, Delivery, Repository

LOG = logging.getLogger(__name__)
ACCESS: Final[dict[str, Access]] = {
    "metadata": "read", "contents": "read", "pull_requests": "read", "issues": "read", "checks": "read",
}  # fmt: skip
SWEEP_SECONDS = 600.0
LIST_SECONDS = 600.0
# Below so many requests left in the hour the others who need them go first.
RESERVE = 300
# A delivery that failed so many times is given up; GitHub keeps them for three days.
MOST_ATTEMPTS = 4
SETTLED_SECONDS = 60.0
MOST_CLOSED = 200


@dataclass
class _Look:
    """One look at a repository: what is known of it, and what is found to be new.

    Attributes:
        known: as it is kept; changed while looking, and kept when all is brought.
        first: nothing is news where nothing was known.
    """

    github: GitHub
    where: Where
    known: dict[str, Any]
    first: bool
    found: list[dict[str, Any]] = field(default_factory=list)
    remaining: int = RESERVE

    def tell(self, body: dict[str, Any]) -> None:
        """Something is new."""
        if not self.first:
            self.found.append(body)

    async def fresh(self, path: str, params: dict[str, str]) -> Any:
        """What is at a path of the repository's; None where it is as it was."""
        tags = self.known["tags"]
        name = f"{path}?{'&'.join(f'{key}={value}' for key, value in params.items())}"
        answer = await self.github.unless_known(f"/repos/{self.where.name}{path}", params, tags.get(name, ""))
        self.known["seen_tags"].append(name)
        if answer is None:
            return None
        tags[name], self.remaining = answer.tag, answer.remaining
        return answer.body


@dataclass(frozen=True)
class Polling:
    """Looks at all repositories of the App's installations.

    Attributes:
        said: whether what people say is brought, too.
        seconds: between two looks, and at least `each` for each repository.
    """

    inbox: Inbox
    polls: Polls
    signer: Signer
    github: Callable[[object], GitHub]
    said: bool
    seconds: float
    each: float = POLL_SECONDS_EACH
    now: Callable[[], float] = time.time
    memory: dict[str, tuple[float, list[Repository]]] = field(default_factory=dict)

    async def work(self) -> float:
        """One look at everything; answers in how many seconds to look again."""
        try:
            repositories = await self._repositories()
        except SignerRefused as error:
            LOG.warning("which repositories there are cannot be known now: %s", error)
            return max(self.seconds, 60.0)
        pause = max(self.seconds, self.each * len(repositories))
        for repository in repositories:
            try:
                remaining = await self.look(repository)
            except RateLimited as error:
                return max(pause, error.after)
            except (GitHubError, SignerRefused) as error:
                LOG.warning("%s is not looked at now: %s", repository.name, error)
                continue
            if remaining < RESERVE:
                pause = max(pause, SWEEP_SECONDS)
        return pause

    async def _repositories(self) -> list[Repository]:
        """What the App is installed on, as it was a while ago."""
        asked, known = self.memory.get("repositories", (0.0, []))
        if self.now() - asked > LIST_SECONDS:
            known = await self.signer.repositories()
            self.memory["repositories"] = (self.now(), known)
        return known

    async def look(self, repository: Repository) -> int:
        """Bring what is new in a repository; answers how many requests are left in the hour.

        Raises:
            GitHubError: GitHub does not tell. What was seen before is not forgotten, nothing is lost.
            SignerRefused: there is no token to be had.
        """
        known = await asyncio.to_thread(self.polls.known, repository.id)
        first = not known
        known = {**_nothing(self.now()), **known, "seen_tags": []}
        async with self.signer.token("default", repository.name, ACCESS, "polling", repository.id) as token:
            github = self.github(token.token)
            if not known["default_branch"]:
                known["default_branch"] = str((await github.repository(repository.name))["default_branch"])
            where = Where(repository.name, repository.id, known["default_branch"])
            look = _Look(github, where, known, first)
            await self._look(look)
        for body in look.found:
            await self._take(body)
        known["tags"] = {name: known["tags"][name] for name in known.pop("seen_tags") if name in known["tags"]}
        await asyncio.to_thread(self.polls.keep, repository.id, repository.name, known)
        return look.remaining

    async def _take(self, body: dict[str, Any]) -> None:
        try:
            await self.inbox.take(json.dumps(body).encode())
        except Rejected as error:
            # It is kept, and dealt with later.
            LOG.warning("an event waits: %s", error)

    async def _look(self, look: _Look) -> None:
        changed = await self._pulls(look)
        await self._issues(look)
        if self.said:
            await self._comments(look)
            await self._reviews(look, changed)
        await self._base(look)
        await self._checks(look)

    async def _pulls(self, look: _Look) -> list[dict[str, Any]]:
        """Pull requests that were opened, closed or went on; answers those that changed in any way."""
        params = {"state": "all", "sort": "updated", "direction": "desc"}
        page = await look.fresh("/pulls", params)
        pulls = look.known["pulls"]
        for pull in reversed(page or []):
            number = str(pull["number"])
            was = Known(*pulls[number]) if number in pulls else None
            action = polled.action_of(was, pull, look.known["began"])
            now = polled.known_pull(pull)
            # The latest to change stands last.
            pulls.pop(number, None)
            pulls[number] = [now.head, now.open, now.draft]
            look.known["branches"][number] = polled.branch_of(pull, look.where)
            if action:
                sender = await self._pusher(look, pull) if action == "synchronize" else pull["user"]
                look.tell(polled.pull_request(look.where, action, pull, sender or pull["user"] or {"login": "ghost"}))
        closed = [number for number, one in pulls.items() if not one[1]]
        for number in closed[:-MOST_CLOSED]:
            del pulls[number]
        look.known["branches"] = {number: look.known["branches"].get(number, "") for number in pulls}
        return list(page or [])

    async def _pusher(self, look: _Look, pull: dict[str, Any]) -> dict[str, Any] | None:
        """Who pushed a pull request's head; None where GitHub does not tell."""
        params = {"ref": f"refs/heads/{pull['head']['ref']}"}
        try:
            answer = await look.github.unless_known(f"/repos/{look.where.name}/activity", params, "")
        except (NotFound, Refused):
            return None
        moves = answer.body if answer is not None else []
        return next((each["actor"] for each in moves if each["after"] == pull["head"]["sha"]), None)

    async def _issues(self, look: _Look) -> None:
        """Issues that were opened or labelled."""
        params = {"state": "all", "sort": "updated", "direction": "asc", "since": look.known["issues_since"]}
        latest, number = look.known["issue_event"], look.known["issue"]
        for issue in await look.fresh("/issues", params) or []:
            look.known["issues_since"] = max(look.known["issues_since"], str(issue["updated_at"]))
            if "pull_request" in issue:
                continue
            if str(issue["created_at"]) >= look.known["began"] and issue["number"] > number:
                look.known["issue"] = max(look.known["issue"], issue["number"])
                look.tell(polled.opened(look.where, issue))
            path = f"/repos/{look.where.name}/issues/{issue['number']}/events"
            for event in await look.github.every(path, {}):
                if event["event"] == "labeled" and event["id"] > latest and event["created_at"] >= look.known["began"]:
                    look.known["issue_event"] = max(look.known["issue_event"], event["id"])
                    look.tell(polled.labelled(look.where, issue, event))

    async def _comments(self, look: _Look) -> None:
        """What was said on issues, pull requests and their code."""
        for kind in ("issues", "pulls"):
            since, last = look.known[f"{kind}_comments_since"], look.known[f"{kind}_comment"]
            params = {"sort": "updated", "direction": "asc", "since": since}
            for one in await look.fresh(f"/{kind}/comments", params) or []:
                name = f"{kind}_comments_since"
                look.known[name] = max(look.known[name], str(one["updated_at"]))
                # An edit of an earlier one says nothing new.
                if one["id"] <= last or str(one["created_at"]) < look.known["began"] or not one.get("user"):
                    continue
                look.known[f"{kind}_comment"] = max(look.known[f"{kind}_comment"], one["id"])
                about = str(one["issue_url" if kind == "issues" else "pull_request_url"]).rpartition("/")[2]
                subject = await look.github.read(f"/repos/{look.where.name}/{kind}/{int(about)}")
                made = polled.comment if kind == "issues" else polled.review_comment
                look.tell(made(look.where, subject, one))

    async def _reviews(self, look: _Look, changed: list[dict[str, Any]]) -> None:
        """Reviews of pull requests that changed."""
        last = look.known["review"]
        for pull in changed:
            if str(pull["updated_at"]) < look.known["reviews_since"]:
                continue
            path = f"/repos/{look.where.name}/pulls/{pull['number']}/reviews"
            for one in await look.github.every(path, {}):
                submitted = str(one.get("submitted_at") or "")
                if one["id"] > last and submitted >= look.known["began"] and one.get("user"):
                    look.known["review"] = max(look.known["review"], one["id"])
                    look.tell(polled.review(look.where, pull, one))
        latest = [str(pull["updated_at"]) for pull in changed]
        look.known["reviews_since"] = max([look.known["reviews_since"], *latest])

    async def _base(self, look: _Look) -> None:
        """Whether the default branch moved."""
        name = look.where.default_branch
        told = await look.fresh(f"/branches/{quote(name, safe='')}", {})
        if told is None:
            return
        before, after = look.known["base"], str(told["commit"]["sha"])
        look.known["base"] = after
        if before and before != after:
            look.tell(polled.push(look.where, name, before, after))

    async def _checks(self, look: _Look) -> None:
        """Checks that are done, on the heads of open pull requests and of the default branch."""
        heads: dict[str, list[int]] = {look.known["base"]: []} if look.known["base"] else {}
        branches = {look.known["base"]: look.where.default_branch}
        for number, (head, is_open, _) in look.known["pulls"].items():
            branch = look.known["branches"].get(number, "")
            # What runs on a fork belongs to no branch and no pull request of ours, as GitHub's own events have it.
            there = heads.setdefault(head, []) if is_open else []
            if is_open and branch:
                there.append(int(number))
                branches[head] = branch
        runs = look.known["runs"]
        for head, pulls in heads.items():
            told = await look.fresh(f"/commits/{head}/check-runs", {"filter": "latest"})
            for run in (told or {}).get("check_runs", []):
                ended = str(run.get("completed_at") or "")
                seen = runs.setdefault(head, {})
                if run["status"] == "completed" and seen.get(str(run["id"])) != ended:
                    seen[str(run["id"])] = ended
                    look.tell(polled.check_run(look.where, run, branches.get(head, ""), pulls))
        look.known["runs"] = {head: seen for head, seen in runs.items() if head in heads}


@dataclass(frozen=True)
class Sweep:
    """What makes lost events harmless where webhooks bring them."""

    polling: Polling
    polls: Polls
    signer: Signer
    now: Callable[[], float] = time.time

    async def work(self) -> float:
        """Read GitHub's state, ask for failed deliveries again, wake whoever waits."""
        await self.polling.work()
        await asyncio.to_thread(self.polls.wake_all, "the sweep: nobody knows what was lost")
        try:
            for delivery in failed(await self.signer.deliveries(), self.now()):
                await self.signer.redeliver(delivery.id)
        except SignerRefused as error:
            LOG.warning("deliveries that failed are not asked for again now: %s", error)
        return SWEEP_SECONDS


def failed(deliveries: list[Delivery], now: float) -> list[Delivery]:
    """Deliveries to ask for again: the latest attempt of each that never arrived, and that is not on its way.

    Args:
        deliveries: the latest first.
    """
    attempts: dict[str, list[Delivery]] = {}
    for each in deliveries:
        attempts.setdefault(each.guid, []).append(each)
    return [
        every[0] for every in attempts.values()
        if not any(each.arrived for each in every) and len(every) < MOST_ATTEMPTS
        and moment(every[0].delivered_at) < now - SETTLED_SECONDS
    ]  # fmt: skip


def _nothing(now: float) -> dict[str, Any]:
    """What is known of a repository that was never looked at: what is older than this moment is no news."""
    began = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    since = ("issues_since", "issues_comments_since", "pulls_comments_since", "reviews_since")
    last = ("issue", "issue_event", "issues_comment", "pulls_comment", "review")
    return {
        "began": began, "default_branch": "", "base": "", "pulls": {}, "branches": {}, "runs": {}, "tags": {},
        **dict.fromkeys(since, began), **dict.fromkeys(last, 0),
    }  # fmt: skip
