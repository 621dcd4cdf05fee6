"""The flows that events start, one a key, and whom to wake: what the operator is to do, until it says that it has.

Functions that take a connection are parts of one transaction with what led to them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from pressplay.ledger import ends, tables
from pressplay.ledger.ends import End
from pressplay.ledger.store import Ledger

# So many flows of one subject begin within a day without a person; what would answer itself for ever ends here.
MOST_WITHOUT_A_PERSON: Final = 12
DAY: Final = 86_400.0
# Who wants a flow that a person submitted. It is no login: whoever may submit Workflows has none here.
BY_HAND: Final = "by hand"
# It takes a pull request to its merge, and triages its checks itself, as the other does for all others.
TO_MERGE: Final = "task-flow"
CHECKS: Final = "ci-flow"
# Flows that look after all of a pull request, what their own runs push included.
WHOLE: Final = ("pr-flow", "issue-flow", TO_MERGE)
# Flows in which Clippy and QA look at what runs push; on what others push they look in a flow of its own.
EXAMINING: Final = (*WHOLE, "comment-flow", "ci-flow", "security-flow")
State = Literal["wanted", "made", "stopping", "ended"]
LIVE: Final = ("wanted", "made")


@dataclass(frozen=True)
class FlowRow:
    """A flow that is wanted, or was made.

    Attributes:
        key, generation: by which it is one; a person who asks again makes another generation.
        subject: `pr:N`, `issue:N` and so on.
        state: `stopping` is one that is to end, whether its Workflow was made already or not.
        created: seconds since 1970.
        workflow: name of the Workflow that a person submitted; None for one that is made for an event.
    """

    identity: int
    key: str
    generation: int
    flow: str
    repository: str
    repository_id: int
    subject: str
    head: str | None
    actor: str
    state: State
    created: float
    workflow: str | None = None


@dataclass(frozen=True)
class Submitted:
    """A flow that a person submitted as a Workflow.

    Attributes:
        uid, workflow: of it.
    """

    uid: str
    workflow: str
    flow: str
    subject: str
    head: str | None = None


@dataclass(frozen=True)
class Wanted:
    """A flow that an event starts.

    Attributes:
        again: may begin once more after it has ended, and does so where something came while it ran.
        by_person: somebody wants it; else a check or our own doing brought it, which is bounded.
        yields: it does not begin while a flow that works on the same pull request is at work, nor on a commit that
            a flow's run has left.
        branch: that the event is about.
        moment: when it happened by GitHub's clock, in seconds since 1970; 0 where that is not told.
    """

    flow: str
    key: str
    subject: str
    head: str | None = None
    again: bool = False
    by_person: bool = True
    yields: bool = False
    branch: str = ""
    moment: float = 0.0


@dataclass(frozen=True)
class Began:
    """What a flow was started by.

    Attributes:
        moment: seconds since 1970: what was said later is not for its runs.
        event: digest of what asked for it.
        subject: that it is about.
    """

    moment: float
    event: str
    subject: str


@dataclass(frozen=True)
class Current:
    """What GitHub says of a pull request at this moment.

    Attributes:
        head: its commit.
    """

    open: bool
    head: str


@dataclass(frozen=True)
class Wake:
    """Somebody to look at a subject again.

    Attributes:
        parked: why nothing begins about it by itself; "" where something may.
    """

    identity: int
    repository_id: int
    subject: str
    why: str
    parked: str = ""


class Flows:
    """What is wanted of whoever makes flows.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now

    def due(self, windows: Mapping[str, float]) -> list[FlowRow]:
        """Flows that are to be made or stopped now, the oldest first.

        Args:
            windows: seconds, by flow, in which more is waited for before it is made.
        """
        now = self._now()
        return [
            row
            for row in self.listed("wanted", "stopping")
            if row.state == "stopping" or row.created + windows.get(row.flow, 0) <= now
        ]

    def listed(self, *states: State) -> list[FlowRow]:
        """Flows in these states, the oldest first."""
        wanted = select(tables.flows).where(tables.flows.c.state.in_(states)).order_by(tables.flows.c.id)
        with self._ledger.transaction() as connection:
            return [_row(row) for row in connection.execute(wanted)]

    def began(self, identity: int, repository_id: int) -> Began | None:
        """What a flow of this repository was started by; None where there is no such flow."""
        table = tables.flows.c
        wanted = select(table.moment, table.created, table.event, table.subject)
        with self._ledger.transaction() as connection:
            row = connection.execute(wanted.where(table.id == identity, table.repository_id == repository_id)).first()
        # Those of before this was kept began with what had been said until they were made.
        return None if row is None else Began(row.moment or row.created, row.event, row.subject)

    def made(self, identity: int) -> None:
        """A flow's Workflow is there. One that is to stop meanwhile still is."""
        with self._ledger.transaction() as connection:
            where = (tables.flows.c.id == identity) & (tables.flows.c.state == "wanted")
            connection.execute(update(tables.flows).where(where).values(state="made"))

    def submitted(self, repository: tuple[str, int], told: Submitted) -> FlowRow:
        """A flow that a person submitted is at work; told again, it is the same.

        Args:
            repository: name and id.
        """
        key = f"{BY_HAND}:{told.uid}"
        values = {
            "key": key, "generation": 1, "flow": told.flow, "repository": repository[0],
            "repository_id": repository[1], "subject": told.subject, "head": told.head, "actor": BY_HAND, "event": "",
            "state": "made", "again": False, "by_person": True, "created": self._now(), "workflow": told.workflow,
        }  # fmt: skip
        with suppress(IntegrityError), self._ledger.transaction() as connection:
            connection.execute(insert(tables.flows).values(values))
        with self._ledger.transaction() as connection:
            return _row(connection.execute(_latest(key)).one())

    def pulls_of(self, repository_id: int, uid: str) -> list[int] | None:
        """The pull requests that hold the work of a submitted flow's runs, the oldest first; None where it is unknown.

        Args:
            uid: of its Workflow.
        """
        flows, of_flows, outputs = tables.flows, tables.flow_runs, tables.outputs
        wanted = select(outputs.c.pull_request).join(of_flows, of_flows.c.run == outputs.c.run)
        wanted = wanted.join(flows, flows.c.id == of_flows.c.flow).where(flows.c.key == f"{BY_HAND}:{uid}")
        wanted = wanted.where(outputs.c.pull_request.is_not(None)).order_by(outputs.c.time)
        known = select(flows.c.id).where(flows.c.key == f"{BY_HAND}:{uid}", flows.c.repository_id == repository_id)
        with self._ledger.transaction() as connection:
            if connection.execute(known).first() is None:
                return None
            return list(dict.fromkeys(connection.execute(wanted).scalars()))

    def ended(self, identity: int, end: End | None = None) -> FlowRow | None:
        """A flow has ended, or was never made; answers the generation that follows since something came meanwhile.

        Args:
            end: how, where it has told that itself.
        """
        with self._ledger.transaction() as connection:
            if end is not None:
                ends.keep(connection, self._now(), identity, end)
            where = (tables.flows.c.id == identity) & (tables.flows.c.state != "ended")
            row = connection.execute(select(tables.flows).where(where)).mappings().first()
            if row is None:
                return None
            connection.execute(update(tables.flows).where(where).values(state="ended"))
            if not row["again"] or row["state"] == "stopping":
                return None
            following = {name: value for name, value in row.items() if name != "id"}
            following |= {"generation": row.generation + 1, "state": "wanted", "again": False, "created": self._now()}
            following |= dict.fromkeys(ends.COLUMNS)
            connection.execute(insert(tables.flows).values(following))
            return _row(connection.execute(_latest(row["key"])).one())

    def retried(self, identity: int) -> FlowRow | None:
        """A flow that has ended goes on; answers the one that has taken its place since, where it may not.

        How it ended stays until it ends again: who was told that it failed is told how it goes well.
        """
        flows = tables.flows
        with self._ledger.transaction() as connection:
            row = connection.execute(select(flows).where(flows.c.id == identity)).first()
            if row is None or row.state != "ended":
                return None
            same = (flows.c.repository_id == row.repository_id) & (flows.c.subject == row.subject)
            same &= (flows.c.flow == row.flow) & (flows.c.state != "ended")
            other = connection.execute(select(flows).where(same).limit(1)).first()
            latest = connection.execute(_latest(row.key)).one()
            if other is not None or latest.id != row.id:
                return _row(other if other is not None else latest)
            connection.execute(update(flows).where(flows.c.id == identity).values(state="made", again=False))
        return None

    def wakes(self, most: int = 100) -> list[Wake]:
        """Whom to wake, each subject once, the oldest first; they stay until they are forgotten."""
        with self._ledger.transaction() as connection:
            rows = connection.execute(select(tables.wakes).order_by(tables.wakes.c.id).limit(most)).all()
            return [
                Wake(row.id, row.repository_id, row.subject, row.why,
                     parked(connection, self._now(), row.repository_id, row.subject))
                for row in rows
            ]  # fmt: skip

    def parked(self, repository_id: int, subject: str) -> str:
        """Why nothing more begins about a subject by itself, and what goes on with it; "" where something may."""
        with self._ledger.transaction() as connection:
            return parked(connection, self._now(), repository_id, subject)

    def forget_wakes(self, identities: Sequence[int]) -> None:
        """Somebody has looked."""
        with self._ledger.transaction() as connection:
            connection.execute(delete(tables.wakes).where(tables.wakes.c.id.in_(identities)))


def want(
    connection: Connection, now: float, event: str, repository: tuple[str, int], actor: str, wanted: Wanted
) -> FlowRow | None:
    """Have a flow be made; None where one of its key is there already, which is woken instead.

    Args:
        event: the digest of what asks for it.
        repository: name and id.
    """
    there = connection.execute(_latest(wanted.key)).first()
    moment = wanted.moment or _received(connection, event) or now
    if there is not None and not (wanted.again and there.state in ("ended", "stopping")):
        if wanted.again and there.state == "made":
            connection.execute(update(tables.flows).where(tables.flows.c.id == there.id).values(again=True))
        if wanted.again and moment > (there.moment or there.created):
            # Who may start it has said something more: that is for its runs, too.
            connection.execute(update(tables.flows).where(tables.flows.c.id == there.id).values(moment=moment))
        wake(connection, now, repository[1], wanted.subject, "it has begun already")
        return None
    owner = _owner(connection, repository[1], wanted) if wanted.yields else None
    if owner is None and wanted.flow == CHECKS and wanted.branch:
        owner = owner_of_branch(connection, repository[1], wanted.branch, (TO_MERGE,))
    if owner is not None:
        wake(connection, now, repository[1], owner, "it looks after that itself")
        return None
    connection.execute(
        insert(tables.flows).values(
            key=wanted.key, generation=there.generation + 1 if there is not None else 1, flow=wanted.flow,
            repository=repository[0], repository_id=repository[1], subject=wanted.subject, head=wanted.head,
            actor=actor, event=event, state="wanted", again=False, by_person=wanted.by_person,
            created=now, moment=moment,
        )
    )  # fmt: skip
    return _row(connection.execute(_latest(wanted.key)).one())


def _received(connection: Connection, event: str) -> float | None:
    """When an event came, for those that do not say when they happened."""
    received: float | None = connection.execute(
        select(tables.events.c.received).where(tables.events.c.digest == event)
    ).scalar()
    return received


def parked(connection: Connection, now: float, repository_id: int, subject: str) -> str:
    """Why nothing more begins about a subject by itself, and what goes on with it; "" where something may."""
    if not _exhausted(connection, now, repository_id, subject):
        return ""
    told = f"{MOST_WITHOUT_A_PERSON} flows of {subject} began within a day without a person, so none begins by itself"
    # A branch has no page on which somebody could ask.
    kind = subject.partition(":")[0]
    return f"{told}; `/pressplay run` goes on" if kind in ("pr", "issue") else f"{told} until a day has passed"


def _exhausted(connection: Connection, now: float, repository_id: int, subject: str) -> bool:
    """Whether a subject has had as many flows within a day as may begin without a person."""
    table = tables.flows.c
    where = (table.repository_id == repository_id) & (table.subject == subject) & (table.created > now - DAY)
    last = select(func.max(table.id)).where(where, table.by_person).scalar_subquery()
    since = select(func.count()).where(where, ~table.by_person, table.id > func.coalesce(last, 0))
    return int(connection.execute(since).scalar_one()) >= MOST_WITHOUT_A_PERSON


def owner_of_branch(
    connection: Connection, repository_id: int, branch: str, among: Sequence[str] = EXAMINING
) -> str | None:
    """The subject of the live flow of which a run works on a branch; None where there is none.

    Args:
        among: names of flows that are looked for.
    """
    flows, runs = tables.flows, tables.flow_runs
    wanted = select(flows.c.subject).join(runs, runs.c.flow == flows.c.id)
    wanted = wanted.where(runs.c.repository_id == repository_id, runs.c.branch == branch)
    wanted = wanted.where(flows.c.state.in_(LIVE), flows.c.flow.in_(among))
    subject: str | None = connection.execute(wanted.limit(1)).scalar()
    return subject


def _maker(connection: Connection, repository_id: int, head: str) -> str | None:
    """The subject of the flow of which a run left a commit, also where it has ended: events come late."""
    flows, of_flows, outputs = tables.flows, tables.flow_runs, tables.outputs
    wanted = select(flows.c.subject).join(of_flows, of_flows.c.flow == flows.c.id)
    wanted = wanted.join(outputs, outputs.c.run == of_flows.c.run)
    wanted = wanted.where(of_flows.c.repository_id == repository_id, outputs.c.head == head)
    subject: str | None = connection.execute(wanted.where(flows.c.flow.in_(EXAMINING)).limit(1)).scalar()
    return subject


def _owner(connection: Connection, repository_id: int, wanted: Wanted) -> str | None:
    maker = _maker(connection, repository_id, wanted.head) if wanted.head else None
    if maker is not None:
        return maker
    table = tables.flows.c
    there = select(table.subject).where(
        table.repository_id == repository_id, table.subject == wanted.subject, table.state.in_(LIVE),
        table.flow.in_(WHOLE),
    )  # fmt: skip
    subject: str | None = connection.execute(there.limit(1)).scalar()
    return subject or owner_of_branch(connection, repository_id, wanted.branch)


def wake(connection: Connection, now: float, repository_id: int, subject: str, why: str) -> None:
    """Have whoever waits for a subject look again; a new wake of the same subject takes the place of the old one."""
    where = (tables.wakes.c.repository_id == repository_id) & (tables.wakes.c.subject == subject)
    # Not changed in its place: who has seen the old one forgets that, and not what came since.
    connection.execute(delete(tables.wakes).where(where))
    connection.execute(insert(tables.wakes).values(repository_id=repository_id, subject=subject, time=now, why=why))


def stop_stale(connection: Connection, repository_id: int, subject: str, current: Current) -> int:
    """Stop flows on commits that a pull request has left, all of them where it is closed; answers how many."""
    table = tables.flows.c
    where: ColumnElement[bool] = (
        (table.repository_id == repository_id) & (table.subject == subject) & table.state.in_(LIVE)
    )
    if current.open:
        where &= table.head.is_not(None) & (table.head != current.head)
    return connection.execute(update(tables.flows).where(where).values(state="stopping")).rowcount


def _latest(key: str) -> Select[Any]:
    return select(tables.flows).where(tables.flows.c.key == key).order_by(tables.flows.c.generation.desc()).limit(1)


def _row(row: object) -> FlowRow:
    return FlowRow(
        identity=row.id, key=row.key, generation=row.generation, flow=row.flow, repository=row.repository,  # type: ignore[attr-defined]
        repository_id=row.repository_id, subject=row.subject, head=row.head, actor=row.actor, state=row.state,  # type: ignore[attr-defined]
        created=row.created, workflow=row.workflow,  # type: ignore[attr-defined]
    )  # fmt: skip
