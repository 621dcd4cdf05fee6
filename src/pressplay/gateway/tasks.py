"""What a task-flow came to: the pull requests of its runs, by the ledger, and whether they are merged, by GitHub."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from pressplay.github import merging
from pressplay.github.client import GitHub
from pressplay.github.errors import NotFound
from pressplay.ledger.flows import Flows
from pressplay.ledger.gates import GateLog
from pressplay.protocol.gates import MERGED, PARKED, GateAnswer

SOON: Final = 10.0


@dataclass(frozen=True)
class Tasks:
    """Looks at what became of tasks."""

    flows: Flows
    log: GateLog

    async def look(self, github: GitHub, repository: str, repository_id: int, uid: str) -> GateAnswer:
        """What the flow of a Workflow came to, which has ended.

        Args:
            uid: of the Workflow.

        Raises:
            GitHubError: GitHub does not tell.
        """
        numbers = await asyncio.to_thread(self.flows.pulls_of, repository_id, uid)
        if numbers is None:
            return GateAnswer(verdict=None, message=f"the ledger knows no flow of this Workflow on {repository}")
        open_ = ""
        for number in numbers:
            try:
                standing = await merging.standing(github, repository, number)
            except NotFound:
                continue
            if standing.merged:
                outputs = {"verdict": MERGED, "head": standing.commit, "pull-request": str(number)}
                told = f"pull request {number} is merged as {standing.commit[:12]}"
                return GateAnswer(verdict=MERGED, message=told, outputs=outputs)
            open_ = str(number) if standing.open else open_
        if not numbers:
            told = "its flow ended without a pull request; `pressplay workflow status` tells why"
            return GateAnswer(verdict=PARKED, message=told, outputs={"verdict": PARKED})
        number = numbers[-1]
        stood = await asyncio.to_thread(self.log.stood, repository_id, f"pr:{number}")
        if stood and stood[0].verdict == MERGED:
            # GitHub sees a bit later what came to the base by itself.
            return GateAnswer(verdict=None, message=f"{stood[0].message}; GitHub does not say so yet", again=SOON)
        why = f": {stood[0].message}" if stood else ""
        outputs = {"verdict": PARKED, "pull-request": open_}
        return GateAnswer(verdict=PARKED, message=f"pull request {number} is not merged{why}", outputs=outputs)
