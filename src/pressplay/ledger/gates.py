"""How gates stood when they were last asked, which checks were run again, and what triage found.

None of it opens a gate: that is derived anew each time. It is for people, for `why`, and so that nothing is done twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pressplay.ledger import tables
from pressplay.ledger.store import Ledger

LONGEST_NAME = 200


@dataclass(frozen=True)
class Stood:
    """How a gate stood.

    Attributes:
        verdict: None while it was waited for.
        time: seconds since 1970, when it came to be so.
    """

    gate: str
    head: str
    verdict: str | None
    message: str
    time: float


@dataclass(frozen=True)
class Check:
    """A check of a commit, by which it is run again once.

    Attributes:
        app: id of its App; 0 for none.
    """

    repository_id: int
    head: str
    name: str
    app: int


@dataclass(frozen=True)
class Rerun:
    """A check that was run again.

    Attributes:
        check, started: id of the check run that had failed, and when that had begun.
        asked: seconds since 1970.
        refused: GitHub did not do it.
    """

    check: int
    started: str
    asked: float
    refused: bool


@dataclass(frozen=True)
class Found:
    """What triage found of a commit.

    Attributes:
        log: the end of the failing job's log, cleaned and redacted.
    """

    verdict: str
    check: int | None
    job: int | None
    name: str
    log: str


class GateLog:
    """What is kept of gates.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now

    def keep(self, repository_id: int, subject: str, stood: Stood, asked_by: str) -> None:
        """Keep how a gate stands; one line among the actions where that is news.

        Args:
            asked_by: the Workflow and its node.
        """
        table = tables.gates
        where = (
            (table.c.repository_id == repository_id) & (table.c.subject == subject) & (table.c.gate == stood.gate)
        )  # fmt: skip
        with self._ledger.transaction() as connection:
            row = connection.execute(select(table).where(where)).first()
            if row is not None and (row.head, row.verdict, row.message) == (stood.head, stood.verdict, stood.message):
                return
            values = {"head": stood.head, "verdict": stood.verdict, "message": stood.message, "time": stood.time}
            connection.execute(delete(table).where(where))
            connection.execute(
                insert(table).values(repository_id=repository_id, subject=subject, gate=stood.gate, **values)
            )
            detail = {
                "repository_id": repository_id, "subject": subject, "head": stood.head, "verdict": stood.verdict,
                "message": stood.message, "asked_by": asked_by,
            }  # fmt: skip
            connection.execute(
                insert(tables.actions).values(
                    time=self._now(), run=None, actor="gateway", action=f"gate-{stood.gate}", detail=json.dumps(detail)
                )
            )

    def stood(self, repository_id: int, subject: str) -> list[Stood]:
        """How the gates of a subject stood last, the latest first."""
        table = tables.gates
        wanted = select(table).where(table.c.repository_id == repository_id, table.c.subject == subject)
        with self._ledger.transaction() as connection:
            rows = connection.execute(wanted.order_by(table.c.time.desc())).all()
        return [Stood(row.gate, row.head, row.verdict, row.message, row.time) for row in rows]

    def begin_rerun(self, check: Check, failed: int, started: str) -> bool:
        """Note that a check is about to be run again; False where that was noted before, whoever noted it.

        Args:
            failed, started: id of the check run that has failed, and when that began.
        """
        values = {
            "repository_id": check.repository_id, "head": check.head, "name": check.name[:LONGEST_NAME],
            "app": check.app, "check": failed, "started": started[:40], "asked": self._now(), "refused": False,
        }  # fmt: skip
        try:
            with self._ledger.transaction() as connection:
                connection.execute(insert(tables.reruns).values(values))
                detail = json.dumps({name: values[name] for name in ("repository_id", "head", "name", "check")})
                connection.execute(
                    insert(tables.actions).values(
                        time=self._now(), run=None, actor="gateway", action="check-rerun", detail=detail
                    )
                )
        except IntegrityError:
            return False
        return True

    def refuse_rerun(self, check: Check) -> None:
        """GitHub did not run it again."""
        with self._ledger.transaction() as connection:
            connection.execute(update(tables.reruns).where(_is(check)).values(refused=True))

    def reruns(self, repository_id: int, head: str) -> dict[tuple[str, int], Rerun]:
        """All checks of a commit that were run again, by name and App."""
        table = tables.reruns
        wanted = select(table).where(table.c.repository_id == repository_id, table.c.head == head)
        with self._ledger.transaction() as connection:
            rows = connection.execute(wanted).all()
        return {(row.name, row.app): Rerun(row.check, row.started, row.asked, row.refused) for row in rows}

    def keep_triage(self, repository_id: int, head: str, found: Found) -> None:
        """Keep what triage found, for whoever mends it."""
        table = tables.triages
        with self._ledger.transaction() as connection:
            connection.execute(delete(table).where(table.c.repository_id == repository_id, table.c.head == head))
            connection.execute(
                insert(table).values(
                    repository_id=repository_id, head=head, verdict=found.verdict, check=found.check, job=found.job,
                    name=found.name[:LONGEST_NAME], log=found.log, time=self._now(),
                )
            )  # fmt: skip

    def triage(self, repository_id: int, head: str) -> Found | None:
        """What triage found of a commit."""
        table = tables.triages
        wanted = select(table).where(table.c.repository_id == repository_id, table.c.head == head)
        with self._ledger.transaction() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else Found(row.verdict, row.check, row.job, row.name, row.log)


def forget(ledger: Ledger, before: float) -> int:
    """Forget how gates stood, what was run again, and logs of triage, from before a moment; answers how many.

    Args:
        before: seconds since 1970.
    """
    old = (
        delete(tables.gates).where(tables.gates.c.time < before),
        delete(tables.reruns).where(tables.reruns.c.asked < before),
        delete(tables.triages).where(tables.triages.c.time < before),
    )
    with ledger.transaction() as connection:
        return sum(connection.execute(each).rowcount for each in old)


def _is(check: Check) -> ColumnElement[bool]:
    table = tables.reruns.c
    return (
        (table.repository_id == check.repository_id)
        & (table.head == check.head)
        & (table.name == check.name[:LONGEST_NAME])
        & (table.app == check.app)
    )
