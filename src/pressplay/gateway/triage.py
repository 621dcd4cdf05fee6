"""Triage of failed checks: each is run again once, then compared with the base; what is left is the change's own fault.

That a check is run again is written down before it is asked for, so that a gateway that ends in between asks no second
time: it then compares what there is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from pressplay.github import checks, reviews
from pressplay.github.checks import ACTIONS, CheckRun
from pressplay.github.client import GitHub
from pressplay.github.errors import GitHubError, RateLimited, Unavailable
from pressplay.ledger.gates import LONGEST_NAME, Check, Found, GateLog, Rerun
from pressplay.ledger.store import Ledger
from pressplay.policy.flows import Ours
from pressplay.policy.gates import Reported, State, reported
from pressplay.policy.redaction import Redactor
from pressplay.policy.triage import Cause, Seen, Step, cleaned, evidence, judge_triage, next_step

AGAIN = 20.0
# Of the base so many commits are looked through for the latest result of a check.
EARLIER = 5
TRIAGE_PERSONA = "triage"


@dataclass(frozen=True)
class Triaged:
    """What triage says.

    Attributes:
        check, job: of the check that decides; None where it has none.
    """

    verdict: Cause | None
    message: str
    check: int | None = None
    job: int | None = None
    again: float = AGAIN


@dataclass(frozen=True)
class _Case:
    """A check with what is known of it."""

    key: Check
    run: CheckRun | None
    seen: Seen


@dataclass(frozen=True)
class Triage:
    """Looks at the checks of a commit."""

    log: GateLog
    redactor: Redactor
    ours: Callable[[], Awaitable[Ours]]
    now: Callable[[], float] = time.time

    async def look(
        self, github: GitHub, repository: str, repository_id: int, number: int | None, head: str, unasked: str = ""
    ) -> Triaged:
        """One step of triage; what is to be waited for is asked for again.

        Args:
            number: of the pull request; None for a branch without one.
            unasked: why no check is run again: it would have CI's secrets, and no person answers for the commit.

        Raises:
            GitHubError: GitHub does not tell.
        """
        base = ""
        if number is not None:
            pull = await reviews.pull(github, repository, number)
            if not pull.open or pull.head != head:
                gone = "is closed" if not pull.open else f"has left {head[:12]}"
                return Triaged(Cause.NONE, f"pull request {number} {gone}: its checks are nobody's concern any more")
            base = pull.base
        cases = await self._cases(github, repository, repository_id, head)
        if unasked:
            cases = [replace(each, seen=_as_it_is(each.seen)) for each in cases]
        for index, case in enumerate(cases):
            if next_step(case.seen) is Step.RERUN and case.run is not None:
                cases[index] = await self._run_again(github, repository, case, case.run)
        if any(next_step(case.seen) is Step.COMPARE for case in cases):
            # A branch without a pull request is compared with what came before on it.
            cases = await self._compared(github, repository, cases, base or head, skip=head)
        cause, decides, message = judge_triage([case.seen for case in cases])
        if unasked and cases:
            message = f"{message}; no check is run again: {unasked}"
        if cause is None or decides is None:
            return Triaged(cause, message)
        return await self._found(github, repository, cases[decides], cause, message)

    async def _cases(self, github: GitHub, repository: str, repository_id: int, head: str) -> list[_Case]:
        """Checks that fail, and those that did before they were run again."""
        runs = await checks.check_runs(github, repository, head)
        told = reported(runs, await checks.statuses(github, repository, head), await self.ours())
        again = await asyncio.to_thread(self.log.reruns, repository_id, head)
        latest: dict[tuple[str, int | None], CheckRun] = {}
        for run in sorted(runs, key=lambda each: (each.started, each.identity)):
            latest[run.name, run.app] = run
        found = []
        for each in sorted(told, key=lambda one: (one.name, one.app or 0)):
            key = Check(repository_id, head, each.name, each.app or 0)
            was = again.get((each.name[:LONGEST_NAME], each.app or 0))
            if each.state is State.FAILED or was is not None:
                run_ = latest.get((each.name, each.app))
                found.append(_Case(key, run_, self._seen(each, run_, was)))
        return found

    def _seen(self, told: Reported, run: CheckRun | None, was: Rerun | None) -> Seen:
        if was is None:
            # A status cannot be asked for again.
            return Seen(told.name, told.state, hopeless=run is None)
        begun = run is not None and (run.identity, run.started[:40]) != (was.check, was.started)
        return Seen(told.name, told.state, self.now() - was.asked, begun, hopeless=was.refused or run is None)

    async def _run_again(self, github: GitHub, repository: str, case: _Case, run: CheckRun) -> _Case:
        if not await asyncio.to_thread(self.log.begin_rerun, case.key, run.identity, run.started):
            # Somebody else has begun it this moment.
            return replace(case, seen=replace(case.seen, rerun=0.0))
        try:
            await checks.run_again(github, repository, run)
        except (Unavailable, RateLimited):
            # It may have been done or not: what there is after a while is compared.
            return replace(case, seen=replace(case.seen, rerun=0.0))
        except GitHubError:
            await asyncio.to_thread(self.log.refuse_rerun, case.key)
            return replace(case, seen=replace(case.seen, hopeless=True))
        return replace(case, seen=replace(case.seen, rerun=0.0))

    async def _compared(
        self, github: GitHub, repository: str, cases: list[_Case], base: str, skip: str
    ) -> list[_Case]:  # fmt: skip
        """The cases with how the same checks, by name and App, stand on the base."""
        path = f"/repos/{repository}/commits"
        page = await github.unless_known(path, {"sha": base}, "")
        commits = [str(each["sha"]) for each in (page.body if page else []) if each["sha"] != skip][:EARLIER]
        known: dict[tuple[str, int], State] = {}
        wanted = {(case.seen.name, case.key.app) for case in cases}
        for commit in commits:
            runs = await checks.check_runs(github, repository, commit)
            for each in reported(runs, await checks.statuses(github, repository, commit), Ours()):
                if each.state in (State.PASSED, State.FAILED):
                    known.setdefault((each.name, each.app or 0), each.state)
            if wanted <= known.keys():
                break
        return [
            replace(case, seen=replace(case.seen, base=known.get((case.seen.name, case.key.app), State.MISSING)))
            for case in cases
        ]

    async def _found(self, github: GitHub, repository: str, case: _Case, cause: Cause, message: str) -> Triaged:
        run = case.run
        job = run.identity if run is not None and run.app_slug == ACTIONS else None
        check = run.identity if run is not None else None
        log = await self._log(github, repository, run) if run is not None and cause is Cause.OURS else ""
        found = Found(cause.value, check, job, case.seen.name, log)
        await asyncio.to_thread(self.log.keep_triage, case.key.repository_id, case.key.head, found)
        return Triaged(cause, message, check, job)

    async def _log(self, github: GitHub, repository: str, run: CheckRun) -> str:
        """What the check has to say for itself, cleaned; "" where that is not to be had."""
        try:
            if run.app_slug == ACTIONS:
                told = await checks.log_tail(github, repository, run.identity)
            else:
                output = (await github.read(f"/repos/{repository}/check-runs/{run.identity}")).get("output") or {}
                told = "\n\n".join(str(output[name]) for name in ("title", "summary", "text") if output.get(name))
        except (Unavailable, RateLimited):
            raise
        except GitHubError:
            return ""
        return self.redactor.redact(cleaned(told))


def _as_it_is(seen: Seen) -> Seen:
    """A check that is compared as it is, where it was not asked to run again."""
    return seen if seen.rerun is not None else replace(seen, hopeless=True)


def evidence_for(ledger: Ledger, repository_id: int, head: str) -> str:
    """What triage found of a commit, for the persona that mends it; "" where that is nothing to mend."""
    found = GateLog(ledger).triage(repository_id, head)
    if found is None or found.verdict != Cause.OURS:
        return ""
    return evidence(found.name, head, found.log)
