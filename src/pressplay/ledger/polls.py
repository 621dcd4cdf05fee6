"""What polling has seen of each repository, so that only what is new is brought."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, insert, select

from pressplay.ledger import flows, tables
from pressplay.ledger.flows import LIVE
from pressplay.ledger.store import Ledger


class Polls:
    """One memory a repository.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now

    def known(self, repository_id: int) -> dict[str, Any]:
        """What was seen; empty for a repository that was not looked at yet."""
        wanted = select(tables.polls.c.known).where(tables.polls.c.repository_id == repository_id)
        with self._ledger.transaction() as connection:
            row = connection.execute(wanted).first()
        found: dict[str, Any] = json.loads(row.known) if row is not None else {}
        return found

    def keep(self, repository_id: int, repository: str, known: dict[str, Any]) -> None:
        """Remember what was seen."""
        values = {"repository_id": repository_id, "repository": repository, "time": self._now()}
        with self._ledger.transaction() as connection:
            connection.execute(delete(tables.polls).where(tables.polls.c.repository_id == repository_id))
            connection.execute(insert(tables.polls).values({**values, "known": json.dumps(known)}))

    def wake_all(self, why: str) -> int:
        """Have everybody look who waits for anything; answers how many subjects that are."""
        table = tables.flows.c
        wanted = select(table.repository_id, table.subject).where(table.state.in_(LIVE)).distinct()
        with self._ledger.transaction() as connection:
            rows = connection.execute(wanted).all()
            for row in rows:
                flows.wake(connection, self._now(), row.repository_id, row.subject, why)
        return len(rows)
