"""Merges: what stands in the way of one is derived anew, and where nothing does it is done, of this very commit.

A gateway that ends between a merge and its answer finds it done when it is asked again.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from pressplay.github import checks, merging
from pressplay.github.client import GitHub
from pressplay.github.errors import GitHubError, NotFound
from pressplay.github.merging import DECLINED, Standing
from pressplay.github.reviews import Pull, Review
from pressplay.ledger import verdicts
from pressplay.ledger.store import Ledger
from pressplay.personas.loader import Personas, UnknownPersona
from pressplay.policy import project
from pressplay.policy.flows import BRANCHES, Ours
from pressplay.policy.gates import Judgement, Verdict, judge_reviews, objection
from pressplay.policy.merge import (
    Facts,
    MergeFloor,
    MergeSettings,
    Method,
    first_of_all,
    judge_merge,
    methods,
    needed,
)
from pressplay.policy.project import ProjectError

LOG = logging.getLogger(__name__)
LOOKS = 5
PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Asked:
    """A commit that is to be merged.

    Attributes:
        repository_id: the repository's.
        pull: as it stands now.
    """

    repository: str
    repository_id: int
    pull: Pull
    head: str


@dataclass(frozen=True)
class People:
    """What people said of a pull request.

    Attributes:
        may_write: who of them may write now.
        makers: who had a hand in the commit; requesters: who asked for the work. Their approval does not count.
    """

    said: list[Review]
    may_write: frozenset[str]
    makers: frozenset[str]
    requesters: frozenset[str]
    ours: Ours


@dataclass(frozen=True)
class Merged:
    """What became of it.

    Attributes:
        commit: with which the base has it; "" where it has not.
    """

    judgement: Judgement
    commit: str = ""


@dataclass(frozen=True)
class Merger:
    """Merges commits.

    Attributes:
        floor: what the cluster demands of every merge.
    """

    ledger: Ledger
    personas: Personas
    floor: MergeFloor

    async def look(
        self, github: GitHub, asked: Asked, people: People, judge_checks: Callable[[], Awaitable[Judgement]]
    ) -> Merged:
        """Merge where that may be; answers what stands in the way else.

        Args:
            judge_checks: how the commit's checks stand, taint included.

        Raises:
            GitHubError: GitHub does not tell.
        """
        pull, head = asked.pull, asked.head
        standing = await merging.standing(github, asked.repository, pull.number)
        early = first_of_all(head, pull, standing)
        if early is not None:
            return await self._done(github, asked, standing, early)
        try:
            settings = await _settings(github, asked.repository)
            demands = await checks.demands(github, asked.repository, pull.base)
            wanted = needed(settings, self.floor, demands)
            judges = tuple(self.personas.find(name).name for name in wanted.verdicts)
        except (ProjectError, UnknownPersona) as error:
            return Merged(Judgement(None, f"{error}; mend it in {project.FILE} of the default branch"))
        facts = Facts(
            head, pull, standing, replace(wanted, verdicts=judges),
            await asyncio.to_thread(verdicts.of_commit, self.ledger, asked.repository_id, pull.number, pull.base, head),
            await judge_checks(),
            objection(pull, people.said, people.may_write, people.ours),
            judge_reviews(head, pull, people.said, people.may_write, people.makers | people.requesters, people.ours,
                          needed=wanted.approvals),
            await merging.behind(github, asked.repository, pull.base, head),
        )  # fmt: skip
        judgement = judge_merge(facts)
        if judgement.verdict is Verdict.BEHIND:
            return await self._bring_up_to_date(github, asked, judgement)
        if judgement.verdict is not Verdict.PASSED:
            return Merged(judgement)
        if demands.queued:
            told = f"{pull.base} is merged into by a queue, which is not served yet; add the pull request to it by hand"
            return Merged(Judgement(None, told))
        return await self._merge(github, asked, methods(settings, demands), facts.behind)

    async def _merge(
        self, github: GitHub, asked: Asked, ways: tuple[Method, ...], behind: int
    ) -> Merged:  # fmt: skip
        refusals = []
        for way in ways:
            if way is Method.FAST_FORWARD and behind:
                continue
            try:
                commit = await _by(way, github, asked)
            except DECLINED as refusal:
                refusals.append(f"{way}: {_line(refusal)}")
                continue
            told = f"{asked.head[:12]} is merged into {asked.pull.base} as {commit[:12]} ({way})"
            return await self._seen(github, asked, told)
        # Whoever refuses knows more than was asked of: a rule of another kind, or a push in this moment.
        return Merged(
            Judgement(None, f"GitHub merges nothing: {'; '.join(refusals) or 'no way of merging is allowed'}")
        )

    async def _seen(self, github: GitHub, asked: Asked, told: str) -> Merged:
        """A merge that was made, once GitHub says so of the pull request: it sees what came by the base a bit later."""
        for _ in range(LOOKS):
            standing = await merging.standing(github, asked.repository, asked.pull.number)
            if standing.merged:
                return await self._done(github, asked, standing, Judgement(Verdict.MERGED, told))
            await asyncio.sleep(PAUSE_SECONDS)
        return Merged(Judgement(None, f"{told}; GitHub has not marked the pull request yet"))

    async def _done(self, github: GitHub, asked: Asked, standing: Standing, judgement: Judgement) -> Merged:
        if judgement.verdict is not Verdict.MERGED:
            return Merged(judgement)
        if asked.pull.branch.startswith(BRANCHES) and not asked.pull.fork:
            await self._clean_up(github, asked)
        return Merged(judgement, standing.commit)

    async def _bring_up_to_date(self, github: GitHub, asked: Asked, judgement: Judgement) -> Merged:
        try:
            await merging.bring_up_to_date(github, asked.repository, asked.pull.number, asked.head)
        except DECLINED as refusal:
            told = f"{judgement.message}; GitHub cannot bring it in: {_line(refusal)}"
            return Merged(Judgement(Verdict.CONFLICT, told))
        return Merged(Judgement(None, f"{judgement.message}; GitHub brings it in"))

    async def _clean_up(self, github: GitHub, asked: Asked) -> None:
        """Remove the branch of ours that was merged, where the project does not keep them; it may be gone already."""
        try:
            if not (await _settings(github, asked.repository)).delete_branch:
                return
            await merging.remove_branch(github, asked.repository, asked.pull.branch)
        except (GitHubError, ProjectError) as error:
            # It is merged, and a branch too many harms nobody.
            LOG.warning("branch %s of %s stays: %s", asked.pull.branch, asked.repository, error)


async def _by(way: Method, github: GitHub, asked: Asked) -> str:
    """Merge in one way; answers the commit with which the base has it."""
    if way is Method.FAST_FORWARD:
        await merging.forward(github, asked.repository, asked.pull.base, asked.head)
        return asked.head
    return await merging.merge(github, asked.repository, asked.pull.number, asked.head, way)


async def _settings(github: GitHub, repository: str) -> MergeSettings:
    """What the project wants, as its default branch says now.

    Raises:
        ProjectError: its settings cannot be used.
    """
    try:
        # Of a folder it is a list.
        told: object = await github.read(f"/repos/{repository}/contents/{project.FILE}")
    except NotFound:
        return MergeSettings()
    if not isinstance(told, dict) or told.get("encoding") != "base64":
        raise ProjectError(f"{project.FILE} is no file, or has more than 1 MB")
    return project.parse(base64.b64decode(str(told["content"]))).merge


def _line(error: Exception) -> str:
    """GitHub's words in one line."""
    return " ".join(str(error).split())
