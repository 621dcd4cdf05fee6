"""What all parts of the ledger stand on: its database, one transaction after another, one line for each action."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, insert, select

from pressplay.ledger import tables
from pressplay.ledger.database import opened


class Base:
    """A ledger's database.

    Args:
        url: of SQLAlchemy, for example `sqlite:////data/ledger/ledger.db`.
        now: seconds since 1970.
    """

    def __init__(self, url: str, now: Callable[[], float] = time.time) -> None:
        self._engine = opened(url)
        self._now = now
        # SQLite has one writer, and a reservation reads before it writes.
        self._one = threading.Lock()

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction; the next one of this process begins when it has ended."""
        with self._one, self._engine.begin() as connection:
            yield connection

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now()

    def note(self, run: str | None, actor: str, action: str, detail: dict[str, object] | None = None) -> None:
        """One line for one action."""
        with self.transaction() as connection:
            self._note(connection, run, actor, action, detail or {})

    def actions(self, run: str) -> list[tuple[str, str]]:
        """Who did what for a run, in order."""
        wanted = select(tables.actions).where(tables.actions.c.run == run).order_by(tables.actions.c.id)
        with self.transaction() as connection:
            return [(row.actor, row.action) for row in connection.execute(wanted)]

    def _note(self, connection: Connection, run: str | None, actor: str, action: str, detail: object) -> None:
        connection.execute(
            insert(tables.actions).values(
                time=self._now(), run=run, actor=actor, action=action, detail=json.dumps(detail, default=str)
            )
        )
