"""Commands that people gave in comments: each carried out once, with what follows from it, and answered.

What a command does is written in one transaction with the word that it was carried out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from pressplay.ledger import flows, tables
from pressplay.ledger.flows import LIVE, Current, Wanted
from pressplay.ledger.store import Ledger

COMMAND: Final = "command"
MOST_AT_ONCE = 50
SHOWN = 5


@dataclass(frozen=True)
class Asked:
    """A command.

    Attributes:
        key: by which it is one, whichever way its comment came.
        event: digest of the event that brought it.
        repository: name and id.
        verb: "" for one that there is not.
        moment: when it was given by GitHub's clock, in seconds since 1970; 0 where that is not told.
    """

    key: str
    event: str
    repository: tuple[str, int]
    subject: str
    actor: str
    verb: str
    moment: float = 0.0


@dataclass(frozen=True)
class Answered:
    """A command that was carried out, with what it came to in words."""

    actor: str
    verb: str
    answer: str
    time: float


@dataclass(frozen=True)
class Started:
    """What became of a wish for a flow.

    Attributes:
        outcome: `left` is a flow on a commit that is no longer the head, `by-hand` one that a person submitted.
    """

    outcome: Literal["started", "live", "none", "left", "by-hand"]
    flow: str = ""
    generation: int = 0


Act = Callable[[Connection, float], str]


class CommandLog:
    """What is kept of commands.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now

    def due(self) -> list[str]:
        """Digests of events that are commands by people who may give them, and were not carried out; oldest first."""
        table = tables.events.c
        done = select(tables.commands.c.event)
        wanted = select(table.digest).where(table.effect == COMMAND, table.digest.not_in(done))
        with self._ledger.transaction() as connection:
            return list(connection.execute(wanted.order_by(table.received).limit(MOST_AT_ONCE)).scalars())

    def carry_out(self, asked: Asked, act: Act) -> bool:
        """Carry a command out; False where it was carried out before, having come another way.

        Args:
            act: what it does, in the same transaction; answers in words.
        """
        values = {
            "key": asked.key, "event": asked.event, "repository": asked.repository[0],
            "repository_id": asked.repository[1], "subject": asked.subject, "actor": asked.actor, "verb": asked.verb,
            "answer": "", "told": False, "time": self._now(),
        }  # fmt: skip
        try:
            with self._ledger.transaction() as connection:
                connection.execute(insert(tables.commands).values(values))
                answer = act(connection, self._now())
                connection.execute(
                    update(tables.commands).where(tables.commands.c.key == asked.key).values(answer=answer)
                )
                detail = {"repository_id": asked.repository[1], "subject": asked.subject, "event": asked.event}
                connection.execute(
                    insert(tables.actions).values(
                        time=self._now(), run=None, actor=asked.actor, action=f"command-{asked.verb or 'unknown'}",
                        detail=json.dumps(detail),
                    )
                )  # fmt: skip
        except IntegrityError:
            self.drop(asked.event, "the same command came before, another way")
            return False
        return True

    def drop(self, event: str, why: str) -> None:
        """An event is no command after all."""
        told = {"effect": "nothing", "why": why}
        with self._ledger.transaction() as connection:
            connection.execute(update(tables.events).where(tables.events.c.digest == event).values(told))

    def untold(self) -> list[tuple[str, int, str]]:
        """Repositories (name and id) and subjects with answers that nobody was told of yet."""
        table = tables.commands.c
        wanted = select(table.repository, table.repository_id, table.subject).where(~table.told).distinct()
        with self._ledger.transaction() as connection:
            rows = connection.execute(wanted.limit(MOST_AT_ONCE)).all()
        return [(row.repository, row.repository_id, row.subject) for row in rows]

    def answered(self, repository_id: int, subject: str) -> list[Answered]:
        """The latest commands on a subject, the latest first."""
        table = tables.commands
        wanted = select(table).where(table.c.repository_id == repository_id, table.c.subject == subject)
        with self._ledger.transaction() as connection:
            rows = connection.execute(wanted.order_by(table.c.time.desc(), table.c.key.desc()).limit(SHOWN)).all()
        return [Answered(row.actor, row.verb, row.answer, row.time) for row in rows]

    def told(self, repository_id: int, subject: str, until: float) -> None:
        """What came until then is told."""
        table = tables.commands.c
        where = (table.repository_id == repository_id) & (table.subject == subject) & (table.time <= until)
        with self._ledger.transaction() as connection:
            connection.execute(update(tables.commands).where(where).values(told=True))


def start(connection: Connection, now: float, asked: Asked, wanted: Wanted) -> Started:
    """Have a flow begin, once more where it has ended; one that is at work goes on."""
    table = tables.flows.c
    latest = select(table.state, table.generation).where(table.key == wanted.key)
    there = connection.execute(latest.order_by(table.generation.desc()).limit(1)).first()
    live = there is not None and there.state in LIVE
    if there is not None and live and not wanted.again:
        return Started("live", wanted.flow, there.generation)
    again = replace(wanted, again=True, moment=asked.moment)
    made = flows.want(connection, now, asked.event, asked.repository, asked.actor, again)
    if made is None:
        return Started("live", wanted.flow, there.generation if there is not None else 0)
    return Started("started", made.flow, made.generation)


def start_again(connection: Connection, now: float, asked: Asked, head: str | None) -> Started:
    """Have the latest flow of a subject begin once more.

    Args:
        head: of the pull request now; None for an issue.
    """
    table = tables.flows
    latest = select(table).where(table.c.repository_id == asked.repository[1], table.c.subject == asked.subject)
    there = connection.execute(latest.order_by(table.c.id.desc()).limit(1)).first()
    if there is None:
        return Started("none")
    if there.state in LIVE:
        return Started("live", there.flow, there.generation)
    if there.key.startswith(f"{flows.BY_HAND}:"):
        # Its parameters are its Workflow's alone.
        return Started("by-hand", there.flow)
    if there.head is not None and there.head != head:
        return Started("left", there.flow, there.generation)
    return start(connection, now, asked, Wanted(there.flow, there.key, there.subject, there.head))


def stop(connection: Connection, asked: Asked) -> Sequence[str]:
    """Stop what is at work on a subject; answers which flows."""
    table = tables.flows.c
    where = (table.repository_id == asked.repository[1]) & (table.subject == asked.subject) & table.state.in_(LIVE)
    names = list(connection.execute(select(table.flow).where(where).order_by(table.id)).scalars())
    flows.stop_stale(connection, asked.repository[1], asked.subject, Current(open=False, head=""))
    return names
