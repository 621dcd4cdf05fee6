"""What people approved in comments: a commit of a pull request each. Whether it counts is derived anew each time."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from pressplay.ledger import tables
from pressplay.ledger.commands import Asked
from pressplay.ledger.flows import owner_of_branch, wake
from pressplay.ledger.store import Ledger


@dataclass(frozen=True)
class Approval:
    """Somebody's word for a commit.

    Attributes:
        time: seconds since 1970, by GitHub's clock where it told.
    """

    actor: str
    head: str
    time: float


class Approvals:
    """Reads of them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def of(self, repository_id: int, subject: str) -> list[Approval]:
        """All of a pull request, the oldest first."""
        table = tables.approvals
        wanted = select(table).where(table.c.repository_id == repository_id, table.c.subject == subject)
        with self._ledger.transaction() as connection:
            rows = connection.execute(wanted.order_by(table.c.time)).all()
        return [Approval(row.actor, row.head, row.time) for row in rows]


def approve(connection: Connection, now: float, asked: Asked, head: str, branch: str) -> None:
    """Keep somebody's word for a commit, and wake who waits for it: flows of the pull request, and of its branch.

    Args:
        branch: of that commit; "" where it is in a fork.
    """
    table, identity = tables.approvals, asked.repository[1]
    key = {"repository_id": identity, "subject": asked.subject, "head": head, "actor": asked.actor}
    where = [table.c[name] == value for name, value in key.items()]
    connection.execute(delete(table).where(*where))
    connection.execute(insert(table).values(**key, event=asked.event, time=asked.moment or now))
    owner = owner_of_branch(connection, identity, branch) if branch else None
    for subject in {asked.subject, owner or asked.subject}:
        wake(connection, now, identity, subject, f"{asked.actor} approves {head[:12]}")
