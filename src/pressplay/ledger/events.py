"""The inbox's part of the ledger: every event once.

An event is kept before anything acts on it. What follows from it is written in one transaction with the word that it
was dealt with: a process that ends in between finds the event again, and none of it twice.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from pressplay.ledger import flows, tables
from pressplay.ledger.flows import Current, FlowRow, Wanted
from pressplay.ledger.store import Ledger

PARKED: Final = "parked"
NOTHING: Final = "nothing"


@dataclass(frozen=True)
class Received:
    """An event that is kept.

    Attributes:
        effect: what it did; None where it is still to be dealt with.
    """

    digest: str
    effect: str | None
    why: str | None
    new: bool


@dataclass(frozen=True)
class Settled:
    """What follows from an event.

    Attributes:
        effect: what it does, in a word.
        repository: name and id; None where it is about none.
        wakes: subjects to look at again.
        subject, current: a pull request and how it stands now: flows on commits that it has left stop.
        branch: that it is about: whoever has a run on it is woken, too.
        said: what tells a remark from all others, however its event is written; "" where each event counts.
    """

    effect: str
    why: str
    repository: tuple[str, int] | None = None
    actor: str = ""
    wanted: Wanted | None = None
    wakes: Sequence[str] = ()
    subject: str = ""
    current: Current | None = None
    branch: str = ""
    said: str = ""


class Events:
    """What the inbox keeps.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now

    def receive(self, body: bytes, kind: str, action: str, repository: tuple[str, int] | None, actor: str) -> Received:
        """Keep an event; one whose body came before is that one, whatever its headers said."""
        digest = hashlib.sha256(body).hexdigest()
        name, identity = repository or (None, None)
        values = {
            "digest": digest, "received": self._now(), "times": 1, "kind": kind, "action": action, "repository": name,
            "repository_id": identity, "actor": actor, "effect": None, "why": None, "body": zlib.compress(body),
        }  # fmt: skip
        try:
            with self._ledger.transaction() as connection:
                connection.execute(insert(tables.events).values(values))
            return Received(digest, None, None, new=True)
        except IntegrityError:
            with self._ledger.transaction() as connection:
                where = tables.events.c.digest == digest
                connection.execute(update(tables.events).where(where).values(times=tables.events.c.times + 1))
                row = connection.execute(select(tables.events).where(where)).one()
            return Received(digest, row.effect, row.why, new=False)

    def settle(self, digest: str, told: Settled) -> FlowRow | None:
        """Write what an event does, all at once; asked again for the same event it changes nothing.

        Returns:
            The flow that it started; None where it started none, or where one of that key is there already.
        """
        now = self._now()
        with self._ledger.transaction() as connection:
            told = _bounded(connection, now, _once(connection, digest, told))
            where = (tables.events.c.digest == digest) & tables.events.c.effect.is_(None)
            dealt = update(tables.events).where(where).values(effect=told.effect, why=told.why, said=told.said or None)
            if not connection.execute(dealt).rowcount or told.repository is None:
                return None
            owner = flows.owner_of_branch(connection, told.repository[1], told.branch) if told.branch else None
            for subject in {*told.wakes, *([owner] if owner and told.wakes else [])}:
                flows.wake(connection, now, told.repository[1], subject, told.why)
            started = None
            if told.wanted is not None:
                started = flows.want(connection, now, digest, told.repository, told.actor, told.wanted)
            if told.current is not None:
                flows.stop_stale(connection, told.repository[1], told.subject, told.current)
            return started

    def unsettled(self, most: int = 100, after: str = "") -> list[str]:
        """Digests of events that were kept and not dealt with, the oldest first.

        Args:
            after: the last one of the page before.
        """
        table = tables.events.c
        wanted = select(table.digest).where(table.effect.is_(None))
        with self._ledger.transaction() as connection:
            if after:
                came = connection.execute(select(table.received).where(table.digest == after)).scalar_one()
                wanted = wanted.where(tuple_(table.received, table.digest) > (came, after))
            return list(connection.execute(wanted.order_by(table.received, table.digest).limit(most)).scalars())

    def body(self, digest: str) -> bytes:
        """The body of an event that is kept; empty where it was kept long enough and is forgotten."""
        wanted = select(tables.events.c.body).where(tables.events.c.digest == digest)
        with self._ledger.transaction() as connection:
            kept = connection.execute(wanted).scalar_one()
        return zlib.decompress(kept) if kept else b""


def _once(connection: Connection, digest: str, told: Settled) -> Settled:
    """A remark that came before, by a webhook or by polling, says nothing again."""
    if not told.said:
        return told
    where = (tables.events.c.said == told.said) & (tables.events.c.digest != digest)
    if connection.execute(select(tables.events.c.digest).where(where).limit(1)).first() is None:
        return told
    return Settled(NOTHING, "it came before, another way", said=told.said)


def _bounded(connection: Connection, now: float, told: Settled) -> Settled:
    """What a day of checks and of our own doing may start ends somewhere; a person begins anew."""
    wanted, repository = told.wanted, told.repository
    if wanted is None or repository is None or wanted.by_person:
        return told
    why = flows.parked(connection, now, repository[1], wanted.subject)
    return replace(told, effect=PARKED, why=why, wanted=None, wakes=(wanted.subject,)) if why else told
