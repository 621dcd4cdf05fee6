"""What the ledger knows of one pull request or issue: its flows, its runs, what they cost, who asked for it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import func, select

from pressplay.ledger import tables
from pressplay.ledger.store import Ledger

# Of a repository's runs these many are looked through, the latest first.
MOST_RUNS = 1_000
MOST_FLOWS = 20


@dataclass(frozen=True)
class RunOf:
    """A run that worked on a subject.

    Attributes:
        finished: the reason of its end; None while it goes on.
        cost: millionths of a dollar, with what is reserved for calls that are under way.
    """

    uid: str
    namespace: str
    name: str
    persona: str
    finished: str | None
    tokens: int
    cost: int


@dataclass(frozen=True)
class FlowOf:
    """A flow on a subject."""

    flow: str
    generation: int
    state: str
    head: str | None
    actor: str


class Subjects:
    """Reads of the ledger by subject: `pr:7`, `issue:3`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def flows(self, repository_id: int, subject: str) -> list[FlowOf]:
        """Its flows, the latest first."""
        table = tables.flows
        wanted = select(table).where(table.c.repository_id == repository_id, table.c.subject == subject)
        with self._ledger.transaction() as connection:
            rows = connection.execute(wanted.order_by(table.c.id.desc()).limit(MOST_FLOWS)).all()
        return [FlowOf(row.flow, row.generation, row.state, row.head, row.actor) for row in rows]

    def requesters(self, repository_id: int, subject: str) -> frozenset[str]:
        """Who asked for it: of a pull request also those who asked for the issues that it came from."""
        subjects = {subject} | self._issues(repository_id, subject)
        table = tables.flows.c
        wanted = select(table.actor).where(table.repository_id == repository_id, table.subject.in_(subjects))
        with self._ledger.transaction() as connection:
            return frozenset(connection.execute(wanted.distinct()).scalars())

    def runs(self, repository_id: int, subject: str) -> list[RunOf]:
        """Runs that worked on it, the latest first."""
        found = [row for row in self._runs(repository_id) if subject in _subjects_of(row)]
        costs = self._costs([row.uid for row in found])
        return [
            RunOf(row.uid, row.namespace, row.name, str(json.loads(row.plan).get("persona", "")), row.finished,
                  *costs.get(row.uid, (0, 0)))
            for row in found
        ]  # fmt: skip

    def _issues(self, repository_id: int, subject: str) -> set[str]:
        every = [_subjects_of(row) for row in self._runs(repository_id)]
        return {each for some in every if subject in some for each in some if each.startswith("issue:")}

    def _runs(self, repository_id: int) -> list[_Row]:
        runs, outputs, of_flows, flows = tables.runs, tables.outputs, tables.flow_runs, tables.flows
        columns = (runs.c.uid, runs.c.namespace, runs.c.name, runs.c.plan, runs.c.finished, outputs.c.pull_request,
                   flows.c.subject)  # fmt: skip
        wanted = (
            select(*columns)
            .join_from(runs, outputs, runs.c.uid == outputs.c.run, isouter=True)
            .join(of_flows, runs.c.uid == of_flows.c.run, isouter=True)
            .join(flows, flows.c.id == of_flows.c.flow, isouter=True)
            .where(runs.c.repository_id == repository_id)
            .order_by(runs.c.began.desc())
        )
        with self._ledger.transaction() as connection:
            rows = connection.execute(wanted.limit(MOST_RUNS)).all()
        return [_Row(*row) for row in rows]

    def _costs(self, runs: list[str]) -> dict[str, tuple[int, int]]:
        calls = tables.calls.c
        wanted = select(calls.run, func.sum(calls.tokens), func.sum(calls.cost)).where(calls.run.in_(runs))
        with self._ledger.transaction() as connection:
            return {
                run: (int(tokens), int(cost)) for run, tokens, cost in connection.execute(wanted.group_by(calls.run))
            }


@dataclass(frozen=True)
class _Row:
    uid: str
    namespace: str
    name: str
    plan: str
    finished: str | None
    pull_request: int | None
    of_flow: str | None


def _subjects_of(row: _Row) -> set[str]:
    """What a run worked on: what its flow is about, the issue it was given, the pull request that it came to."""
    issue = json.loads(row.plan).get("issue")
    found = {row.of_flow} if row.of_flow is not None else set()
    found |= {f"issue:{issue}"} if issue is not None else set()
    return found | ({f"pr:{row.pull_request}"} if row.pull_request is not None else set())
