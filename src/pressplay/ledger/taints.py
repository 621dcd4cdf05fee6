"""Which runs read words of somebody who may not write, and to whom that passes on.

What such a run says and makes may be as the stranger wants it: whoever goes on with it is tainted, too. A taint is
never taken back; a person who answers for a commit lets that commit pass.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, insert, or_, select

from pressplay.ledger import tables

if TYPE_CHECKING:
    from pressplay.ledger.store import Ledger


@dataclass(frozen=True)
class Taint:
    """Why a run is tainted.

    Attributes:
        reason: whose words of what were read.
        origin: the run that read them, `NAMESPACE/NAME`; "" where it is this one.
    """

    reason: str
    origin: str = ""

    def told(self) -> str:
        """That for people, in one line."""
        return f"{self.reason}; it came from the run {self.origin}" if self.origin else self.reason


@dataclass(frozen=True)
class Successor:
    """What a run, or a pull request, goes on with.

    Attributes:
        subjects: `pr:7`, `issue:3`: what it reads or is about.
        branches: that it builds on.
        flow: that it is a step of.
        run: uid of the run that it continues.
    """

    repository_id: int
    subjects: Collection[str] = ()
    branches: Collection[str] = ()
    flow: int | None = None
    run: str | None = None


class Taints:
    """What is kept of taints."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def of_run(self, run: str) -> Taint | None:
        """Why a run is tainted; None where it is not."""
        with self._ledger.transaction() as connection:
            row = connection.execute(select(tables.taints).where(tables.taints.c.run == run)).first()
        return None if row is None else Taint(row.reason, row.origin)

    def passed_on(self, to: Successor) -> Taint | None:
        """The taint that something inherits; the oldest where there are several."""
        t, runs, outputs = tables.taints.c, tables.runs, tables.outputs
        steps, flows = tables.flow_runs, tables.flows
        joined = (
            tables.taints.join(runs, runs.c.uid == t.run)
            .join(outputs, outputs.c.run == t.run, isouter=True)
            .join(steps, steps.c.run == t.run, isouter=True)
            .join(flows, flows.c.id == steps.c.flow, isouter=True)
        )
        wanted = select(t.reason, t.origin, runs.c.namespace, runs.c.name).select_from(joined)
        wanted = wanted.where(t.repository_id == to.repository_id, _leads_to(to)).order_by(t.time).limit(1)
        with self._ledger.transaction() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else Taint(row.reason, row.origin or f"{row.namespace}/{row.name}")

    def taint(self, run: str, repository_id: int, subject: str, branch: str, taint: Taint) -> None:
        """Taint a run; one that is tainted already stays so for its first reason."""
        with self._ledger.transaction() as connection:
            mark(connection, self._ledger.now(), run, repository_id, subject, branch, taint)


def mark(
    connection: Connection, now: float, run: str, repository_id: int, subject: str, branch: str, taint: Taint
) -> None:
    """Taint a run, within a transaction.

    Args:
        subject: what its task is, `pr:7` or `issue:3`; "" where it is words.
        branch: that holds its work.
    """
    if connection.execute(select(tables.taints.c.run).where(tables.taints.c.run == run)).first() is not None:
        return
    values = {"repository_id": repository_id, "subject": subject, "reason": taint.reason, "origin": taint.origin}
    connection.execute(insert(tables.taints).values(**values, run=run, branch=branch, time=now))
    detail = json.dumps({"reason": taint.reason, "origin": taint.origin})
    connection.execute(
        insert(tables.actions).values(time=now, run=run, actor="gateway", action="tainted", detail=detail)
    )


def _leads_to(to: Successor) -> ColumnElement[bool]:
    t, subjects = tables.taints.c, [each for each in to.subjects if each]
    numbers = [int(each.partition(":")[2]) for each in subjects if each.startswith("pr:")]
    branches = [each for each in to.branches if each]
    return or_(
        # Not `==`: what is not named would be what is not there.
        t.run.in_([to.run] if to.run else []),
        t.subject.in_(subjects),
        t.branch.in_(branches),
        tables.outputs.c.pull_request.in_(numbers),
        tables.runs.c.backup_branch.in_(branches),
        tables.flow_runs.c.flow.in_([to.flow] if to.flow is not None else []),
        tables.flows.c.subject.in_(subjects),
    )
