"""Transcripts, which only grow, and unfinished work, of which the latest is of use."""

from __future__ import annotations

import zlib

from sqlalchemy import Connection, delete, func, insert, select

from pressplay.ledger import tables
from pressplay.ledger.base import Base
from pressplay.protocol.run import Entry

MIB = 1024 * 1024
# As it is kept, that is compressed: far more than a model's context, and little for a disk.
MOST_TRANSCRIPT = 32 * MIB
KEPT_WORK = 5


class TooLong(Exception):
    """A run's transcript holds as much as it may."""


class OutOfOrder(Exception):
    """Entries of a transcript that do not follow the ones that are there, or would change them."""


class Transcripts(Base):
    """What is kept of what runs said and did not finish."""

    def append(self, run: str, entries: tuple[Entry, ...]) -> int:
        """Append to a transcript; answers its length.

        Raises:
            OutOfOrder: entries are missing in between, or an earlier one would be changed.
            TooLong: the transcript would hold more than a run's may.
        """
        with self.transaction() as connection:
            size = select(func.coalesce(func.sum(func.length(tables.entries.c.body)), 0))
            if connection.execute(size.where(tables.entries.c.run == run)).scalar_one() > MOST_TRANSCRIPT:
                raise TooLong(f"the transcript holds {MOST_TRANSCRIPT // MIB} MiB, and a run's may hold no more")
            there = connection.execute(
                select(func.count()).select_from(tables.entries).where(tables.entries.c.run == run)
            ).scalar_one()
            for entry in entries:
                body = zlib.compress(entry.model_dump_json().encode())
                if entry.sequence < there:
                    self._same(connection, run, entry.sequence, body)
                elif entry.sequence > there:
                    raise OutOfOrder(f"entry {entry.sequence} does not follow entry {there - 1}")
                else:
                    connection.execute(
                        insert(tables.entries).values(
                            run=run, sequence=entry.sequence, attempt=entry.attempt, body=body
                        )
                    )
                    there += 1
        return int(there)

    def _same(self, connection: Connection, run: str, sequence: int, body: bytes) -> None:
        where = (tables.entries.c.run == run) & (tables.entries.c.sequence == sequence)
        kept = connection.execute(select(tables.entries.c.body).where(where)).scalar_one()
        if bytes(kept) != body:
            raise OutOfOrder(f"entry {sequence} is there already and says something else")

    def transcript(self, run: str) -> tuple[Entry, ...]:
        """All entries of a run, in order."""
        wanted = select(tables.entries.c.body).where(tables.entries.c.run == run).order_by(tables.entries.c.sequence)
        with self.transaction() as connection:
            return tuple(Entry.model_validate_json(zlib.decompress(row.body)) for row in connection.execute(wanted))

    def save_work(self, run: str, attempt: int, body: bytes) -> None:
        """Keep unfinished work; of earlier versions the latest few stay."""
        mine = tables.work.c.run == run
        with self.transaction() as connection:
            connection.execute(
                insert(tables.work).values(run=run, attempt=attempt, time=self._now(), body=zlib.compress(body))
            )
            latest = select(tables.work.c.id).where(mine).order_by(tables.work.c.id.desc()).limit(KEPT_WORK)
            kept = [row.id for row in connection.execute(latest)]
            connection.execute(delete(tables.work).where(mine, tables.work.c.id.not_in(kept)))

    def saved_work(self, run: str) -> bytes | None:
        """The latest unfinished work of a run."""
        wanted = select(tables.work.c.body).where(tables.work.c.run == run).order_by(tables.work.c.id.desc())
        with self.transaction() as connection:
            found = connection.execute(wanted).first()
        return None if found is None else zlib.decompress(found.body)
