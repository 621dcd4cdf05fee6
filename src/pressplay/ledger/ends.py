"""How flows ended, as they told it themselves: kept, and shown where people look when something went wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection, Select, insert, select, update

from pressplay.ledger import tables
from pressplay.ledger.store import Ledger

# What a flow that begins once more does not take over from the one before.
COLUMNS: Final = ("workflow", "phase", "why", "told")
MOST_AT_ONCE: Final = 50
Phase = Literal["Succeeded", "Failed", "Error"]


@dataclass(frozen=True)
class End:
    """How a flow ended.

    Attributes:
        workflow: its name.
        why: what went wrong, a line each; empty where nothing did.
    """

    workflow: str
    phase: Phase
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class EndOf:
    """The latest end of a flow on a subject."""

    identity: int
    flow: str
    head: str | None
    end: End


class Ends:
    """What people are to be told of ends."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def untold(self) -> list[tuple[str, int, str]]:
        """Repositories (name and id) and subjects with ends that nobody was told of yet."""
        table = tables.flows.c
        wanted = select(table.repository, table.repository_id, table.subject).where(table.told.is_(False)).distinct()
        with self._ledger.transaction() as connection:
            rows = connection.execute(wanted.limit(MOST_AT_ONCE)).all()
        return [(row.repository, row.repository_id, row.subject) for row in rows]

    def latest(self, repository_id: int, subject: str) -> list[EndOf]:
        """How the flows of a subject ended the last time, each once, the latest first."""
        wanted = _ended(repository_id, subject).limit(MOST_AT_ONCE)
        found: dict[str, EndOf] = {}
        with self._ledger.transaction() as connection:
            for row in connection.execute(wanted):
                end = End(row.workflow or "", row.phase, tuple(json.loads(row.why or "[]")))
                found.setdefault(row.flow, EndOf(row.id, row.flow, row.head, end))
        return list(found.values())

    def told(self, repository_id: int, subject: str, until: int) -> None:
        """What ended is told, up to the flow of this id."""
        table = tables.flows.c
        where = (table.repository_id == repository_id) & (table.subject == subject) & (table.id <= until)
        with self._ledger.transaction() as connection:
            connection.execute(update(tables.flows).where(where, table.told.is_not(None)).values(told=True))


def keep(connection: Connection, now: float, identity: int, end: End) -> None:
    """Keep how a flow ended, in the words of its Workflow; what was kept first stays, unless it went on since."""
    went_on = tables.flows.c.phase.is_(None) | (tables.flows.c.state != "ended")
    where = (tables.flows.c.id == identity) & went_on
    row = connection.execute(select(tables.flows).where(where)).first()
    if row is None:
        return
    told = not _matters(connection, row.repository_id, row.subject, row.flow, end)
    values = {"workflow": end.workflow, "phase": end.phase, "why": json.dumps(end.why), "told": told}
    connection.execute(update(tables.flows).where(where).values(values))
    detail = {"flow": identity, "workflow": end.workflow, "phase": end.phase, "why": end.why}
    connection.execute(
        insert(tables.actions).values(
            time=now, run=None, actor=row.flow, action="flow-ended", detail=json.dumps(detail)
        )
    )


def _matters(connection: Connection, repository_id: int, subject: str, flow: str, end: End) -> bool:
    """Whether people are to be told: of what went wrong, and of what goes well again after that."""
    if not subject.startswith(("pr:", "issue:")):
        return False
    before = connection.execute(_ended(repository_id, subject).where(tables.flows.c.flow == flow).limit(1)).first()
    return end.phase != "Succeeded" or (before is not None and before.phase != "Succeeded")


def _ended(repository_id: int, subject: str) -> Select[tuple[object, ...]]:
    table = tables.flows
    mine = (table.c.repository_id == repository_id) & (table.c.subject == subject) & table.c.phase.is_not(None)
    return select(table).where(mine).order_by(table.c.id.desc())
