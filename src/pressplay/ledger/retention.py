"""How long what runs said and made, and what events were, is kept. What they did, cost and led to stays."""

from __future__ import annotations

import zlib

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from pressplay.ledger import tables
from pressplay.ledger.store import Ledger
from pressplay.protocol.changeset import Changeset
from pressplay.protocol.run import Output

MOST_AT_ONCE = 200


def prune(ledger: Ledger, before: float) -> int:
    """Forget transcripts, unfinished work and files of runs that ended before a moment; answers of how many.

    Runs, attempts, calls, actions, and what became of outputs are kept: they are the account of what was done. Each
    run has a transaction of its own, and one is held in memory.

    Args:
        before: seconds since 1970.
    """
    ended = select(tables.actions.c.run).where(tables.actions.c.action == "finished", tables.actions.c.time < before)
    held = select(tables.entries.c.run).union(select(tables.work.c.run), select(tables.references.c.run))
    wanted = select(tables.runs.c.uid).where(tables.runs.c.uid.in_(ended), tables.runs.c.uid.in_(held))
    with ledger.transaction() as connection:
        chosen = list(connection.execute(wanted.limit(MOST_AT_ONCE)).scalars())
    for run in chosen:
        with ledger.transaction() as connection:
            _forget(connection, run)
    return len(chosen)


def _forget(connection: Connection, run: str) -> None:
    for table in (tables.entries, tables.work, tables.references):
        connection.execute(delete(table).where(table.c.run == run))
    mine = tables.outputs.c.run == run
    kept = connection.execute(select(tables.outputs.c.body).where(mine)).scalar()
    if kept is not None:
        output = Output.model_validate_json(zlib.decompress(kept))
        bare = output.model_copy(update={"changes": Changeset(base=output.changes.base)})
        body = zlib.compress(bare.model_dump_json().encode())
        connection.execute(update(tables.outputs).where(mine).values(body=body))


def prune_events(ledger: Ledger, before: float) -> int:
    """Forget the bodies of events that came before a moment and were dealt with; answers of how many.

    The rest of an event stays, so that the same body again is known, however late it comes.

    Args:
        before: seconds since 1970.
    """
    table = tables.events.c
    where: ColumnElement[bool] = table.effect.is_not(None) & (table.received < before) & (func.length(table.body) > 0)
    chosen = select(table.digest).where(where).limit(MOST_AT_ONCE)
    with ledger.transaction() as connection:
        return connection.execute(update(tables.events).where(table.digest.in_(chosen)).values(body=b"")).rowcount
