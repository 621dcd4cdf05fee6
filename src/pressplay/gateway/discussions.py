"""What runs read of issues and pull requests: as it stood when they were asked for, and whether that taints them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from pressplay.gateway.signer.client import Signer
from pressplay.github import reviews
from pressplay.github.client import GitHub
from pressplay.github.held import held_in
from pressplay.ledger.events import Events
from pressplay.ledger.flows import Flows
from pressplay.ledger.store import Ledger
from pressplay.ledger.taints import Successor, Taint, Taints
from pressplay.policy.snapshots import Authors, Said, Start, as_it_stood
from pressplay.protocol.run import Thread

# Each costs a call; who is not asked for counts as one who may not write.
MOST_ASKED = 100


@dataclass(frozen=True)
class Read:
    """What a run reads.

    Attributes:
        taint: why it is tainted by that; None where it is not.
    """

    thread: Thread
    taint: Taint | None


@dataclass(frozen=True)
class Discussions:
    """Reads issues and pull requests for runs."""

    signer: Signer
    events: Events
    flows: Flows
    taints: Taints

    @classmethod
    def made(cls, ledger: Ledger, signer: Signer) -> Discussions:
        """With what they need of this ledger."""
        return cls(signer, Events(ledger), Flows(ledger), Taints(ledger))

    async def start(self, flow: int | None, repository_id: int, otherwise: float) -> Start:
        """When a run's work was asked for, with the texts that came with that.

        Args:
            flow: that it is a step of, if it is one.
            otherwise: seconds since 1970, for a run that belongs to no flow of an event's.
        """
        began = await asyncio.to_thread(self.flows.began, flow, repository_id) if flow is not None else None
        if began is None:
            return Start(otherwise)
        # A flow that a person submitted began with no event.
        body = await asyncio.to_thread(self.events.body, began.event) if began.event else b""
        held = held_in(body)
        return Start(began.moment, held, began.subject)

    async def read(
        self, github: GitHub, repository: str, repository_id: int, number: int, start: Start, *, code: bool
    ) -> Read:
        """An issue or pull request as it stood.

        Args:
            code: with comments on code, as pull requests have them.

        Raises:
            GitHubError: there is none, or GitHub does not tell.
        """
        subject = await github.issue(repository, number)
        said = Said(
            subject, await github.edits(repository, number, start.moment), await github.comments(repository, number),
            await github.review_threads(repository, number) if code else (),
        )  # fmt: skip
        ours = (await self.signer.ours()).logins
        may_write = await reviews.may_write(github, repository, _people(said.authors() - ours))
        stood = as_it_stood(said, start, Authors(may_write, ours))
        if stood.stranger:
            told = f"the text of #{number} is by {stood.stranger}, who may not write in {repository}"
            return Read(stood.thread, Taint(told))
        to = Successor(repository_id, (f"issue:{number}", f"pr:{number}"))
        return Read(stood.thread, await asyncio.to_thread(self.taints.passed_on, to))


def _people(logins: Iterable[str]) -> list[str]:
    """Who is asked for: no App may write as a person does, and `ghost` is nobody any more."""
    people = (each for each in logins if not each.endswith("[bot]") and each != "ghost")
    return sorted(people)[:MOST_ASKED]
