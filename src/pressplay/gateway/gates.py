"""Whether gates are open, derived anew from GitHub each time the operator asks (see `pressplay.protocol.gates`).

Nothing that a node, an agent or an earlier answer says is believed. What cannot be known now is waited for.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, get_args
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pressplay.gateway.answers import Rejected, answer, read
from pressplay.gateway.merging import Asked, Merger, People
from pressplay.gateway.signer.client import Signer, SignerRefused
from pressplay.gateway.tasks import Tasks
from pressplay.gateway.triage import Triage
from pressplay.github import checks, reviews
from pressplay.github.client import GitHub
from pressplay.github.errors import GitHubError, NotFound, RateLimited, Unavailable
from pressplay.github.reviews import Pull, Review
from pressplay.ledger.approvals import Approvals
from pressplay.ledger.flows import Flows
from pressplay.ledger.gates import GateLog, Stood
from pressplay.ledger.store import Ledger
from pressplay.ledger.subjects import Subjects
from pressplay.ledger.taints import Successor, Taints
from pressplay.personas.loader import Personas
from pressplay.policy.cluster import ClusterPolicy
from pressplay.policy.flows import Ours
from pressplay.policy.gates import Judgement, Verdict, held_back, judge_approval, judge_checks, judge_reviews
from pressplay.policy.redaction import Redactor
from pressplay.protocol.gates import GATES, Gate, GateAnswer, GateAsked
from pressplay.protocol.signer import Access
from pressplay.resources.reasons import Reason

LOG = logging.getLogger(__name__)
AGAIN = 60.0
# What a person must mend first is not asked for every minute.
MUCH_LATER = 300.0

_FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    "repository": re.compile(r"[A-Za-z0-9-]{1,60}/[A-Za-z0-9._-]{1,100}"),
    "pull-request": re.compile(r"[1-9][0-9]{0,9}"),
    "head": re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?"),
    "branch": re.compile(r"(?![-/.])[^\x00-\x20\x7f~^:?*\[\\]{1,250}"),
}
_READS: dict[str, Access] = {"metadata": "read", "pull_requests": "read", "contents": "read"}
ACCESS: Final[Mapping[Gate, dict[str, Access]]] = {
    "checks": {**_READS, "checks": "read", "statuses": "read"},
    "reviews": _READS,
    "approval": _READS,
    "triage": {**_READS, "checks": "write", "statuses": "read", "actions": "write"},
    "merge": {**_READS, "checks": "read", "statuses": "read", "contents": "write", "pull_requests": "write"},
    "task": _READS,
}


@dataclass(frozen=True)
class Inputs:
    """A node's inputs, as far as gates know them.

    Attributes:
        number: of the pull request; 0 where there is none.
        head: "" where the commit is meant that stands there now.
    """

    repository: str
    number: int
    head: str
    branch: str

    @property
    def subject(self) -> str:
        """What it is about, as flows name it."""
        return f"pr:{self.number}" if self.number else f"branch:{self.branch}"


@dataclass(frozen=True)
class GateRoutes:
    """What the operator asks of gates."""

    authenticate: Callable[[Request], Awaitable[None]]
    signer: Signer
    github: Callable[[object], GitHub]
    log: GateLog
    subjects: Subjects
    taints: Taints
    approvals: Approvals
    triage: Triage
    merger: Merger
    tasks: Tasks
    now: Callable[[], float] = time.time

    @classmethod
    def made(
        cls,
        authenticate: Callable[[Request], Awaitable[None]],
        ledger: Ledger,
        signer: Signer,
        github: Callable[[object], GitHub],
        redactor: Redactor,
        policy: ClusterPolicy,
        personas: Personas,
    ) -> GateRoutes:
        """The routes, with what they keep in this ledger."""
        log = GateLog(ledger)
        triage, merger = Triage(log, redactor, signer.ours), Merger(ledger, personas, policy.merge)
        about = Subjects(ledger), Taints(ledger), Approvals(ledger)
        return cls(authenticate, signer, github, log, *about, triage, merger, Tasks(Flows(ledger), log))

    def routes(self) -> list[Route]:
        """One a gate."""
        return [Route(f"{GATES}/{gate}", self.evaluate, methods=["POST"], name=gate) for gate in get_args(Gate)]

    async def evaluate(self, request: Request) -> Response:
        """How a gate stands now."""
        await self.authenticate(request)
        name = request.url.path.removeprefix(f"{GATES}/")
        gate: Gate = next(each for each in get_args(Gate) if each == name)
        asked = await read(request, GateAsked)
        inputs = inputs_of(gate, asked.inputs)
        if gate == "task":
            return answer(await self._came_to(inputs.repository, asked.inputs.get("flow-uid", "")))
        try:
            async with self.signer.token("default", inputs.repository, ACCESS[gate], f"gate {gate}") as token:
                github = self.github(token.token)
                inputs = await _with_head(github, inputs)
                told = await self._told(gate, inputs, asked, github, token.repository_id or 0)
        except SignerRefused as error:
            later = AGAIN if error.transient else MUCH_LATER
            return answer(GateAnswer(verdict=None, message=error.refusal.message, again=later))
        except GitHubError as error:
            return answer(GateAnswer(verdict=None, message=_words(error, inputs), again=_later(error)))
        return answer(told)

    async def _came_to(self, repository: str, uid: str) -> GateAnswer:
        """What a task-flow that has ended came to."""
        try:
            async with self.signer.token("default", repository, ACCESS["task"], "gate task") as token:
                return await self.tasks.look(self.github(token.token), repository, token.repository_id or 0, uid)
        except SignerRefused as error:
            return GateAnswer(verdict=None, message=error.refusal.message, again=AGAIN)
        except GitHubError as error:
            return GateAnswer(verdict=None, message=str(error), again=_later(error))

    async def _told(
        self, gate: Gate, inputs: Inputs, asked: GateAsked, github: GitHub, repository_id: int
    ) -> GateAnswer:
        if gate == "merge":
            told = await self._merge(inputs, asked, github, repository_id)
        elif gate == "triage":
            unasked = await self._not_run_again(inputs, github, repository_id)
            triaged = await self.triage.look(
                github, inputs.repository, repository_id, inputs.number or None, inputs.head, unasked
            )
            told = GateAnswer(
                verdict=triaged.verdict, message=triaged.message, again=triaged.again,
                outputs={} if triaged.verdict is None else {
                    "verdict": triaged.verdict, "check": _text(triaged.check), "job": _text(triaged.job),
                },
            )  # fmt: skip
        else:
            judgement = await self._judge(gate, inputs, asked, github, repository_id)
            outputs = {}
            if judgement.verdict is not None:
                last = {"actor": judgement.actor} if gate == "approval" else {"head": inputs.head}
                outputs = {"verdict": judgement.verdict.value, **last}
            again = judgement.again or AGAIN
            told = GateAnswer(verdict=judgement.verdict, message=judgement.message, outputs=outputs, again=again)
        stood = Stood(gate, inputs.head, told.verdict, told.message, self.now())
        by = f"{asked.workflow}/{asked.node}"
        await asyncio.to_thread(self.log.keep, repository_id, inputs.subject, stood, by)
        return told

    async def _merge(
        self, inputs: Inputs, asked: GateAsked, github: GitHub, repository_id: int
    ) -> GateAnswer:  # fmt: skip
        pull = await reviews.pull(github, inputs.repository, inputs.number)
        people = await self._heard(inputs, github, pull, repository_id)
        about = Asked(inputs.repository, repository_id, pull, inputs.head)
        done = await self.merger.look(
            github, about, people, lambda: self._clean_checks(inputs, asked, github, pull, repository_id)
        )
        verdict = done.judgement.verdict
        outputs = {"verdict": verdict.value, "head": done.commit or inputs.head} if verdict is not None else {}
        again = done.judgement.again or AGAIN
        return GateAnswer(verdict=verdict, message=done.judgement.message, outputs=outputs, again=again)

    async def _judge(
        self, gate: Gate, inputs: Inputs, asked: GateAsked, github: GitHub, repository_id: int
    ) -> Judgement:
        pull = await reviews.pull(github, inputs.repository, inputs.number)
        ours = await self.signer.ours()
        if gate == "checks":
            return await self._clean_checks(inputs, asked, github, pull, repository_id)
        if gate == "approval":
            return await self._approval(inputs, github, pull, repository_id)
        said = await reviews.reviews(github, inputs.repository, inputs.number)
        may_write, makers = await _people(github, inputs, pull, said)
        needed = (await checks.demands(github, inputs.repository, pull.base)).approvals
        return judge_reviews(
            inputs.head, pull, said, may_write, makers, ours, needed=needed, since=asked.since
        )  # fmt: skip

    async def _clean_checks(
        self, inputs: Inputs, asked: GateAsked, github: GitHub, pull: Pull, repository_id: int
    ) -> Judgement:
        """How checks stand; a person answers for a commit that they pass where strangers' words have reached it."""
        passed = await self._checks(inputs, asked, github, pull, await self.signer.ours())
        taint = await self._taint(inputs, pull, repository_id) if passed.verdict is Verdict.PASSED else ""
        return held_back(passed, taint, await self._approval(inputs, github, pull, repository_id)) if taint else passed

    async def _heard(self, inputs: Inputs, github: GitHub, pull: Pull, repository_id: int) -> People:
        """What people said of its commits, by reviews or by `/pressplay approve`, and whose word counts."""
        said = await reviews.reviews(github, inputs.repository, inputs.number)
        told = await asyncio.to_thread(self.approvals.of, repository_id, inputs.subject)
        said += [Review(0, each.actor, reviews.PERSON, "APPROVED", each.head, each.time) for each in told]
        may_write, makers = await _people(github, inputs, pull, said)
        asking = await asyncio.to_thread(self.subjects.requesters, repository_id, inputs.subject)
        return People(said, may_write, makers, asking, await self.signer.ours())

    async def _approval(self, inputs: Inputs, github: GitHub, pull: Pull, repository_id: int) -> Judgement:
        """How a person's word for a commit stands."""
        heard = await self._heard(inputs, github, pull, repository_id)
        return judge_approval(
            inputs.head, pull, heard.said, heard.may_write, heard.makers, heard.requesters, heard.ours
        )

    async def _taint(self, inputs: Inputs, pull: Pull | None, repository_id: int) -> str:
        """Whose words that may not write have reached the work; "" where there are none."""
        branch = pull.branch if pull is not None and not pull.fork else inputs.branch
        to = Successor(repository_id, (inputs.subject,), (branch,) if branch else ())
        taint = await asyncio.to_thread(self.taints.passed_on, to)
        return taint.told() if taint is not None else ""

    async def _not_run_again(self, inputs: Inputs, github: GitHub, repository_id: int) -> str:
        """Why CI is not run again without a person, who has its secrets; "" where it may be."""
        pull = await reviews.pull(github, inputs.repository, inputs.number) if inputs.number else None
        why = await self._taint(inputs, pull, repository_id)
        if pull is not None and pull.fork:
            why = why or "the head lies in a fork"
        if not why or pull is None:
            return why
        approval = await self._approval(inputs, github, pull, repository_id)
        return "" if approval.verdict is Verdict.APPROVED else why

    async def _checks(
        self, inputs: Inputs, asked: GateAsked, github: GitHub, pull: Pull, ours: Ours
    ) -> Judgement:  # fmt: skip
        demanded = await checks.demands(github, inputs.repository, pull.base)
        runs = await checks.check_runs(github, inputs.repository, inputs.head)
        statuses = await checks.statuses(github, inputs.repository, inputs.head)
        # A commit that has been there for long has had its time, whenever somebody began to wait.
        pushed = await reviews.pushed(github, inputs.repository, pull) if pull.head == inputs.head else None
        waited = self.now() - min(asked.since, pushed or asked.since)
        return judge_checks(inputs.head, pull, demanded.checks, runs, statuses, ours, waited)


async def _people(
    github: GitHub, inputs: Inputs, pull: Pull, said: Iterable[Review]
) -> tuple[frozenset[str], frozenset[str]]:
    """Who of those that say something may write, and who made the head what it is."""
    # Whoever is no person cannot write whatever GitHub says of them, and need not be asked for.
    people = {each.login for each in said if each.kind == reviews.PERSON}
    may_write = await reviews.may_write(github, inputs.repository, people)
    return may_write, await reviews.makers(github, inputs.repository, pull) if may_write else frozenset()


def inputs_of(gate: Gate, given: Mapping[str, str]) -> Inputs:
    """A node's inputs, each of its form.

    Raises:
        Rejected: one is missing or not of its form; names it.
    """
    needed = {"repository"} | ({"pull-request"} if gate not in ("triage", "task") else set())
    if gate in ("approval", "merge"):
        # A person answers for a commit, and one commit is merged, so it is named.
        needed.add("head")
    if gate == "triage" and not given.get("pull-request"):
        needed.add("branch")
    for name, form in _FORMS.items():
        value = given.get(name, "")
        if (value or name in needed) and not form.fullmatch(value):
            told = f"inputs.{name} is {value[:100]!r}, which is no {name}; see the flow's parameters"
            raise Rejected(Reason.INVALID_RUN, told, 400)
    number = int(given.get("pull-request") or 0)
    return Inputs(given["repository"], number, given.get("head", ""), given.get("branch", ""))


async def _with_head(github: GitHub, inputs: Inputs) -> Inputs:
    """Where no commit is named, the one that stands there now is meant."""
    if inputs.head:
        return inputs
    if inputs.number:
        return replace(inputs, head=(await reviews.pull(github, inputs.repository, inputs.number)).head)
    told = await github.read(f"/repos/{inputs.repository}/branches/{quote(inputs.branch, safe='')}")
    return replace(inputs, head=str(told["commit"]["sha"]))


def _words(error: GitHubError, inputs: Inputs) -> str:
    if isinstance(error, NotFound):
        return f"GitHub has no {inputs.repository} {inputs.subject}, or the App may not see it"
    return str(error)


def _later(error: GitHubError) -> float:
    if isinstance(error, RateLimited):
        return error.after
    return AGAIN if isinstance(error, Unavailable) else MUCH_LATER


def _text(identity: int | None) -> str:
    return "" if identity is None else str(identity)
