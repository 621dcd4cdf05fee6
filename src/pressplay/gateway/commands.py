"""Carries out what people ask for in comments: `/pressplay run|retry|stop|why|budget|approve`.

Only what the inbox has admitted comes here: who may write in the repository commands. What follows a verb is text: it
chooses between flows by whether it is there, names a commit that must be the head, goes into no key and no parameter,
and reaches the persona as what it is: a comment in the thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from pressplay.gateway.signer.client import Signer, SignerRefused
from pressplay.github import reviews, sticky
from pressplay.github.client import GitHub
from pressplay.github.errors import GitHubError, NotFound, RateLimited, Unavailable
from pressplay.github.events import Event, NotAnEvent, parse
from pressplay.github.reviews import Pull
from pressplay.ledger import commands as ledgered
from pressplay.ledger.approvals import approve
from pressplay.ledger.commands import Act, Answered, Asked, CommandLog, Started
from pressplay.ledger.ends import EndOf, Ends
from pressplay.ledger.events import Events
from pressplay.ledger.flows import Flows, Wanted
from pressplay.ledger.gates import GateLog
from pressplay.ledger.store import Ledger
from pressplay.ledger.subjects import Subjects
from pressplay.policy.commands import Command, Verb, command_in
from pressplay.policy.flows import Flow, key_of
from pressplay.policy.gates import not_approved
from pressplay.policy.status import blocking, spent, usage
from pressplay.protocol.signer import Access

LOG = logging.getLogger(__name__)
READS: dict[str, Access] = {"metadata": "read", "pull_requests": "read", "contents": "read"}
SECONDS, LATER = 2.0, 30.0
WRITES: dict[str, Access] = {"metadata": "read", "issues": "write", "pull_requests": "write"}


@dataclass(frozen=True)
class Commands:
    """Looks for commands, carries them out, answers."""

    events: Events
    log: CommandLog
    ends: Ends
    gates: GateLog
    subjects: Subjects
    flows: Flows
    signer: Signer
    github: Callable[[object], GitHub]
    news: asyncio.Event

    @classmethod
    def made(
        cls, ledger: Ledger, signer: Signer, github: Callable[[object], GitHub], news: asyncio.Event
    ) -> Commands:  # fmt: skip
        """With what they keep in this ledger.

        Args:
            news: is set when a command has been carried out, for whoever makes and stops flows.
        """
        kept = (
            Events(ledger), CommandLog(ledger), Ends(ledger), GateLog(ledger), Subjects(ledger), Flows(ledger),
        )  # fmt: skip
        return cls(*kept, signer, github, news)

    async def work(self) -> float:
        """Carry out what is due, and tell; answers in how many seconds to look again.

        What GitHub does not answer for now stays due.
        """
        pause = SECONDS
        for digest in await asyncio.to_thread(self.log.due):
            try:
                await self._carry_out(digest)
            except (Unavailable, RateLimited, SignerRefused) as error:
                LOG.warning("a command waits: %s", error)
                pause = LATER
        for repository, identity, subject in await asyncio.to_thread(self._untold):
            try:
                await self._tell(repository, identity, subject)
            except (Unavailable, RateLimited, SignerRefused) as error:
                LOG.warning("an answer on %s %s waits: %s", repository, subject, error)
                pause = LATER
        return pause

    async def _carry_out(self, digest: str) -> None:
        try:
            event = parse(await asyncio.to_thread(self.events.body, digest))
        except NotAnEvent:
            # What was said is forgotten by now.
            await asyncio.to_thread(self.log.drop, digest, "it was not carried out in time")
            return
        command = command_in(event.text) or Command(None)
        subject = f"{'pr' if event.on_pull else 'issue'}:{event.number}"
        verb = command.verb.value if command.verb else ""
        key = f"{event.repository_id}:{event.kind}:{event.item}"
        where = (event.repository, event.repository_id)
        asked = Asked(key, digest, where, subject, event.actor, verb, event.moment)
        try:
            act = await self._act(asked, command, event)
        except (GitHubError, SignerRefused) as error:
            if _passes(error):
                raise
            told = f"GitHub says no: {error}"
            act = lambda *_: told  # noqa: E731 - as short as the others
        await asyncio.to_thread(self.log.carry_out, asked, act)
        self.news.set()

    async def _act(self, asked: Asked, command: Command, event: Event) -> Act:
        """What a command does."""
        if command.verb in (Verb.WHY, Verb.BUDGET):
            words = await asyncio.to_thread(self._known, command.verb, *asked.repository, asked.subject)
            return lambda *_: words
        if command.verb is Verb.STOP:
            return lambda connection, _: _stopped(ledgered.stop(connection, asked))
        if command.verb is None:
            return lambda *_: usage()
        pull = await self._pull(event) if event.on_pull else None
        if pull is not None and not pull.open:
            return lambda *_: f"pull request {pull.number} is closed: nothing starts on it."
        if command.verb is Verb.APPROVE:
            return await self._approve(asked, command, event, pull)
        if command.verb is Verb.RETRY:
            head = pull.head if pull else None
            return lambda connection, now: _words(ledgered.start_again(connection, now, asked, head))
        wanted = _wanted(asked, command, pull)
        return lambda connection, now: _words(ledgered.start(connection, now, asked, wanted))

    async def _approve(self, asked: Asked, command: Command, event: Event, pull: Pull | None) -> Act:
        """Keep a person's word for the head, where it can count: gates judge it anew whenever they are asked."""
        if pull is None:
            return lambda *_: "a commit of a pull request is approved, and this is an issue."
        # A review is of a commit by itself, a comment of none.
        named = command.rest.split(" ")[0].lower() or (event.head or "")
        async with self._reading(event) as github:
            pushed = None if named else await reviews.pushed(github, event.repository, pull)
            makers = await reviews.makers(github, event.repository, pull)
        identity = asked.repository[1]
        requesters = await asyncio.to_thread(self.subjects.requesters, identity, asked.subject)
        wrong = not_approved(asked.actor, asked.moment, named, pull, pushed, makers, requesters)
        if wrong is not None:
            return lambda *_: wrong

        def act(connection: Connection, now: float) -> str:
            approve(connection, now, asked, pull.head, "" if pull.fork else pull.branch)
            return f"{pull.head[:12]} is approved; what waits for that looks again."

        return act

    def _known(self, verb: Verb, _repository: str, identity: int, subject: str) -> str:
        """An answer from the ledger alone."""
        runs = self.subjects.runs(identity, subject)
        if verb is Verb.BUDGET:
            return spent([(each.name, each.persona, each.tokens, each.cost) for each in runs])
        flows = [(each.flow, each.generation, each.state, each.head) for each in self.subjects.flows(identity, subject)]
        stood = [(each.gate, each.head, each.verdict, each.message) for each in self.gates.stood(identity, subject)]
        at_work = [(each.name, each.persona) for each in runs if each.finished is None]
        return blocking(flows, stood, at_work, self.flows.parked(identity, subject))

    async def _pull(self, event: Event) -> Pull:
        async with self._reading(event) as github:
            return await reviews.pull(github, event.repository, event.number or 0)

    @asynccontextmanager
    async def _reading(self, event: Event) -> AsyncIterator[GitHub]:
        where = ("default", event.repository, READS, "command", event.repository_id)
        async with self.signer.token(*where) as token:
            yield self.github(token.token)

    def _untold(self) -> list[tuple[str, int, str]]:
        return list(dict.fromkeys([*self.log.untold(), *self.ends.untold()]))

    async def _tell(self, repository: str, identity: int, subject: str) -> None:
        """Have the one comment of a subject show the latest answers, and flows that went wrong the last time."""
        answers = await asyncio.to_thread(self.log.answered, identity, subject)
        ended = await asyncio.to_thread(self.ends.latest, identity, subject)
        number = int(subject.partition(":")[2])
        try:
            async with self.signer.token("default", repository, WRITES, "answer", identity) as token:
                github = self.github(token.token)
                await sticky.say(github, repository, number, shown(answers, ended), token.app_id)
        except (GitHubError, SignerRefused) as error:
            if _passes(error):
                raise
            # Nobody can be told there any more: the ledger has it.
            level = logging.INFO if isinstance(error, NotFound) else logging.WARNING
            LOG.log(level, "an answer on %s %s is not told: %s", repository, subject, error)
        if answers:
            await asyncio.to_thread(self.log.told, identity, subject, max(each.time for each in answers))
        if ended:
            await asyncio.to_thread(self.ends.told, identity, subject, max(each.identity for each in ended))


def _passes(error: GitHubError | SignerRefused) -> bool:
    """Whether the same may go later."""
    return error.transient if isinstance(error, SignerRefused) else isinstance(error, Unavailable | RateLimited)


def shown(answers: Sequence[Answered], ended: Sequence[EndOf] = ()) -> str:
    """The one comment's text."""
    parts = ["**Pressplay**", *(_went_wrong(each) for each in ended if each.end.phase != "Succeeded")]
    if len(parts) + len(answers) == 1:
        parts.append("What went wrong here before has gone well since.")
    for each in answers:
        when = datetime.fromtimestamp(each.time, UTC).strftime("%Y-%m-%d %H:%M UTC")
        verb = f"`/pressplay {each.verb}`" if each.verb else "an unknown command"
        parts.append(f"{when}, {each.actor}: {verb}\n\n{each.answer}")
    return "\n\n".join(parts)


def _went_wrong(ended: EndOf) -> str:
    where = f" on {ended.head[:12]}" if ended.head else ""
    lines = [f"- {each}" for each in ended.end.why]
    return "\n".join([f"{ended.flow}{where} went wrong (Workflow {ended.end.workflow}).", "", *lines]).strip()


def _wanted(asked: Asked, command: Command, pull: Pull | None) -> Wanted:
    """The flow that `run` starts.

    On an issue its own; on a pull request the one that answers people where it is told what to do, else the one that
    looks at the newest commit.
    """
    identity, subject = asked.repository[1], asked.subject
    if pull is None:
        return Wanted(Flow.ISSUE.value, key_of(Flow.ISSUE, identity, subject), subject)
    if command.rest:
        return Wanted(Flow.COMMENT.value, key_of(Flow.COMMENT, identity, subject), subject, again=True)
    key = key_of(Flow.PULL_REQUEST, identity, subject, pull.head)
    return Wanted(Flow.PULL_REQUEST.value, key, subject, pull.head)


def _words(started: Started) -> str:
    match started.outcome:
        case "started":
            once_more = f" (generation {started.generation})" if started.generation > 1 else ""
            return f"{started.flow}{once_more} starts."
        case "live":
            return f"{started.flow} is at work already: `/pressplay why` tells what for, `/pressplay stop` ends it."
        case "left":
            told = f"{started.flow} was for a commit that is not the newest any more"
            return f"{told}; `/pressplay run` starts on the newest."
        case "by-hand":
            return f"{started.flow} was submitted by hand; submit it anew, or `/pressplay run` starts what fits here."
        case _:
            return "nothing has been started here yet; `/pressplay run` does."


def _stopped(flows: Sequence[str]) -> str:
    names = ", ".join(flows)
    return f"{names} is stopped; `/pressplay retry` starts it once more." if names else "nothing is at work here."
