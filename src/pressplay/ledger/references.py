"""What the project's own fixers made of the commit that a run began on: kept once, before the agent begins."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from pressplay.ledger import tables
from pressplay.ledger.store import Ledger
from pressplay.protocol.run import Reference


class TooLate(Exception):
    """The agent has begun, so what comes now could be its doing."""


@dataclass(frozen=True)
class Kept:
    """A reference as it was sealed.

    Attributes:
        tree: of the base with the changes on it.
    """

    tree: str
    reference: Reference


def seal(
    ledger: Ledger, run: str, tree: str, reference: Reference, left_out: Sequence[str] = (),
    now: Callable[[], float] = time.time,
) -> Kept:  # fmt: skip
    """Keep a run's reference; where one is kept already that one stays, and is answered.

    Args:
        left_out: paths that are not in it although the fixers change them, for the account.

    Raises:
        TooLate: the run's agent has said or been asked something.
    """
    try:
        with ledger.transaction() as connection:
            _insert(connection, run, tree, reference, left_out, now())
    except IntegrityError:
        # Another gateway was quicker, with this or with one that was told twice.
        pass
    kept = kept_of(ledger, run)
    if kept is None:
        raise LookupError(f"the reference of {run} was not kept")
    return kept


def _insert(
    connection: Connection, run: str, tree: str, reference: Reference, left_out: Sequence[str], moment: float
) -> None:
    if _kept(connection, run) is not None:
        return
    if _begun(connection, run):
        raise TooLate("the agent has begun; what fixers make is taken before that only")
    body = zlib.compress(reference.model_dump_json().encode())
    connection.execute(insert(tables.references).values(run=run, time=moment, tree=tree, body=body))
    detail = {"tree": tree, "files": len(reference.changes.files), "left_out": list(left_out[:50])}
    connection.execute(
        insert(tables.actions).values(
            time=moment, run=run, actor="gateway", action="reference-sealed", detail=json.dumps(detail)
        )
    )


def kept_of(ledger: Ledger, run: str) -> Kept | None:
    """What is kept of a run."""
    with ledger.transaction() as connection:
        return _kept(connection, run)


def _kept(connection: Connection, run: str) -> Kept | None:
    row = connection.execute(select(tables.references).where(tables.references.c.run == run)).first()
    return None if row is None else Kept(row.tree, Reference.model_validate_json(zlib.decompress(row.body)))


def _begun(connection: Connection, run: str) -> bool:
    counts = (
        select(func.count()).select_from(table).where(table.c.run == run) for table in (tables.entries, tables.calls)
    )
    return any(connection.execute(count).scalar_one() for count in counts)
