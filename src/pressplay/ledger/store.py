"""The ledger's database: opened, brought to the newest shape, and one class with all that is asked of it.

Synchronous: the gateway calls it in threads. Each method is one transaction. Texts that could hold secrets are redacted
before they come here.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, Row, create_engine, event, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from pressplay.ledger import tables
from pressplay.protocol.control import Admission, AdmissionRequest, Record, UsageTotals
from pressplay.protocol.run import Accepted, Entry, Output
from pressplay.resources.reasons import Reason

MIGRATIONS = Path(__file__).with_name("migrations")


class BudgetExhausted(Exception):
    """The next call could go beyond a budget, so it is not made.

    Attributes:
        reason: which budget.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class OutOfOrder(Exception):
    """Entries of a transcript that do not follow the ones that are there, or would change them."""


@dataclass(frozen=True)
class Limits:
    """What a whole run may spend; None for no limit of a kind. Money in millionths of a dollar."""

    tokens: int | None = None
    micro_dollars: int | None = None
    steps: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class RunRow:
    """A run that was admitted."""

    uid: str
    namespace: str
    name: str
    kind: str
    repository: str
    repository_id: int
    admission: Admission
    plan: str
    finished: str | None
    began: float


@dataclass(frozen=True)
class OutputRow:
    """What a run handed over, and how far it has come: received, committed, pushed, done."""

    run: str
    digest: str
    state: str
    time: float
    output: Output
    head: str | None
    branch: str | None
    accepted: Accepted | None


class Ledger:
    """All that the gateway keeps.

    Args:
        url: of SQLAlchemy, for example `sqlite:////data/ledger/ledger.db`.
        now: seconds since 1970.
    """

    def __init__(self, url: str, now: Callable[[], float] = time.time) -> None:
        self._engine = _open(url)
        self._now = now
        # SQLite has one writer, and a reservation reads before it writes.
        self._one = threading.Lock()

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self._one, self._engine.begin() as connection:
            yield connection

    # Runs

    def admit(self, request: AdmissionRequest, admission: Admission, plan: str) -> RunRow:
        """Keep an admitted run; one that is there already stays as it is."""
        values = {
            "uid": request.uid, "namespace": request.namespace, "name": request.name, "kind": request.kind,
            "repository_id": admission.repository_id, "repository": admission.repository,
            "admission": admission.model_dump_json(), "plan": plan, "began": self._now(),
        }  # fmt: skip
        try:
            with self._begin() as connection:
                connection.execute(insert(tables.runs).values(values))
                self._note(connection, request.uid, "operator", "admitted", {"repository": admission.repository})
        except IntegrityError:
            pass
        found = self.run(request.uid)
        if found is None:
            raise LookupError(f"run {request.uid} was not kept")
        return found

    def run(self, uid: str) -> RunRow | None:
        """A run that was admitted."""
        with self._begin() as connection:
            row = connection.execute(select(tables.runs).where(tables.runs.c.uid == uid)).first()
        return None if row is None else _run(row)

    def find_run(self, namespace: str, name: str) -> RunRow | None:
        """The latest run of a name."""
        wanted = select(tables.runs).where(tables.runs.c.namespace == namespace, tables.runs.c.name == name)
        with self._begin() as connection:
            row = connection.execute(wanted.order_by(tables.runs.c.began.desc())).first()
        return None if row is None else _run(row)

    def begin_attempt(self, run: str, number: int) -> bool:
        """Note that an attempt speaks for the first time; False where it has been closed."""
        with self._begin() as connection:
            where = (tables.attempts.c.run == run) & (tables.attempts.c.number == number)
            row = connection.execute(select(tables.attempts).where(where)).first()
            if row is None:
                connection.execute(insert(tables.attempts).values(run=run, number=number, closed=False))
                return True
            return not row.closed

    def told_end(self, run: str, number: int, reason: Reason, message: str) -> None:
        """What a runner gave as the reason of its end."""
        self._update_attempt(run, number, reason=reason.value, message=message)

    def close_attempt(self, run: str, number: int, reason: Reason) -> None:
        """An attempt's token is worth nothing from now on; what it had reserved is booked."""
        self._update_attempt(run, number, closed=True)
        with self._begin() as connection:
            mine = (tables.calls.c.run == run) & (tables.calls.c.attempt == number)
            connection.execute(update(tables.calls).where(mine & ~tables.calls.c.settled).values(settled=True))
            self._note(connection, run, "operator", "attempt-ended", {"attempt": number, "reason": reason.value})

    def _update_attempt(self, run: str, number: int, **values: object) -> None:
        with self._begin() as connection:
            where = (tables.attempts.c.run == run) & (tables.attempts.c.number == number)
            if not connection.execute(update(tables.attempts).where(where).values(values)).rowcount:
                connection.execute(
                    insert(tables.attempts).values({"run": run, "number": number, "closed": False, **values})
                )

    def finish(self, run: str, reason: Reason, backup_branch: str | None) -> None:
        """The run has ended for good."""
        with self._begin() as connection:
            values: dict[str, object] = {"finished": reason.value}
            if backup_branch:
                values["backup_branch"] = backup_branch
            connection.execute(update(tables.runs).where(tables.runs.c.uid == run).values(values))
            self._note(connection, run, "operator", "finished", {"reason": reason.value, "backup": backup_branch})

    def record(self, uid: str) -> Record:
        """What is known of a run."""
        usage, cost = self.totals(uid)
        with self._begin() as connection:
            run = connection.execute(select(tables.runs).where(tables.runs.c.uid == uid)).first()
            output = connection.execute(select(tables.outputs).where(tables.outputs.c.run == uid)).first()
            ended = connection.execute(
                select(tables.attempts)
                .where(tables.attempts.c.run == uid, tables.attempts.c.reason.is_not(None))
                .order_by(tables.attempts.c.number.desc())
            ).first()
            cursor = connection.execute(
                select(func.count()).select_from(tables.entries).where(tables.entries.c.run == uid)
            ).scalar_one()
        done = output if output is not None and output.state == "done" else None
        return Record(
            uid=uid, usage=usage, cost=cost, cursor=cursor,
            outcome=done.outcome if done else None,
            pull_request=done.pull_request if done else None,
            url=done.url if done else None,
            branch=done.branch if done else None,
            head=done.head if done else None,
            verdict=done.verdict if done else None,
            summary=done.summary if done else None,
            end_attempt=ended.number if ended else None,
            end_reason=Reason(ended.reason) if ended else None,
            end_message=ended.message if ended else None,
            backup_branch=run.backup_branch if run else None,
        )  # fmt: skip

    # Calls

    def reserve(self, run: str, attempt: int, model: str, tokens: int, cost: int, limits: Limits) -> str:
        """Reserve the worst case of a call.

        Raises:
            BudgetExhausted: it could go beyond a limit.
        """
        with self._begin() as connection:
            spent = self._spent(connection, run)
            over = _over(spent, tokens, cost, limits)
            if over is not None:
                raise over
            name = str(uuid.uuid4())
            connection.execute(
                insert(tables.calls).values(
                    id=name, run=run, attempt=attempt, model=model, time=self._now(), settled=False, answered=False,
                    tokens=tokens, cost=cost,
                )
            )  # fmt: skip
        return name

    def settle(self, call: str, usage: UsageTotals, cost: int, *, answered: bool) -> None:
        """Put what a call took in the place of what was reserved for it."""
        total = usage.input_tokens + usage.output_tokens + usage.cache_read_tokens + usage.cache_write_tokens
        with self._begin() as connection:
            connection.execute(
                update(tables.calls).where(tables.calls.c.id == call).values(
                    settled=True, answered=answered, tokens=total, cost=cost, input=usage.input_tokens,
                    output=usage.output_tokens, cache_read=usage.cache_read_tokens,
                    cache_write=usage.cache_write_tokens,
                )
            )  # fmt: skip

    def totals(self, run: str) -> tuple[UsageTotals, int]:
        """Tokens and cost (millionths of a dollar) of a run so far."""
        c = tables.calls.c
        columns = [
            func.coalesce(func.sum(each), 0) for each in (c.input, c.output, c.cache_read, c.cache_write, c.cost)
        ]
        with self._begin() as connection:
            sums = connection.execute(select(*columns).where(c.run == run, c.settled)).one()
            made = connection.execute(
                select(func.count()).select_from(tables.calls).where(c.run == run, c.answered)
            ).scalar_one()
        usage = UsageTotals(
            calls=made, input_tokens=int(sums[0]), output_tokens=int(sums[1]), cache_read_tokens=int(sums[2]),
            cache_write_tokens=int(sums[3]),
        )  # fmt: skip
        return usage, int(sums[4])

    def left(self, run: str, limits: Limits) -> Limits:
        """What is left of a run's limits."""
        with self._begin() as connection:
            spent = self._spent(connection, run)
        return Limits(
            tokens=_less(limits.tokens, spent.tokens),
            micro_dollars=_less(limits.micro_dollars, spent.micro_dollars),
            steps=_less(limits.steps, spent.steps),
            seconds=None if limits.seconds is None else max(0.0, limits.seconds - spent.seconds),
        )

    def _spent(self, connection: Connection, run: str) -> _Spent:
        c = tables.calls.c
        tokens, cost = connection.execute(
            select(func.coalesce(func.sum(c.tokens), 0), func.coalesce(func.sum(c.cost), 0)).where(c.run == run)
        ).one()
        steps = connection.execute(
            select(func.count()).select_from(tables.calls).where(c.run == run, c.answered | ~c.settled)
        ).scalar_one()
        began = connection.execute(select(func.min(c.time)).where(c.run == run)).scalar_one()
        return _Spent(int(tokens), int(cost), int(steps), 0.0 if began is None else self._now() - began)

    # Transcripts and unfinished work

    def append(self, run: str, entries: tuple[Entry, ...]) -> int:
        """Append to a transcript; answers its length.

        Raises:
            OutOfOrder: entries are missing in between, or an earlier one would be changed.
        """
        with self._begin() as connection:
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
        with self._begin() as connection:
            return tuple(Entry.model_validate_json(zlib.decompress(row.body)) for row in connection.execute(wanted))

    def save_work(self, run: str, attempt: int, body: bytes) -> None:
        """Keep unfinished work; earlier versions stay."""
        with self._begin() as connection:
            connection.execute(
                insert(tables.work).values(run=run, attempt=attempt, time=self._now(), body=zlib.compress(body))
            )

    def saved_work(self, run: str) -> bytes | None:
        """The latest unfinished work of a run."""
        wanted = select(tables.work.c.body).where(tables.work.c.run == run).order_by(tables.work.c.id.desc())
        with self._begin() as connection:
            found = connection.execute(wanted).first()
        return None if found is None else zlib.decompress(found.body)

    # Outputs

    def receive_output(self, run: str, digest: str, output: Output) -> OutputRow:
        """Keep an output as received; one that came to its end stays, another one takes the place of a refused one."""
        values = {
            "digest": digest, "state": "received", "time": self._now(),
            "body": zlib.compress(output.model_dump_json().encode()), "verdict": output.verdict,
            "summary": output.summary, "head": None, "outcome": None,
        }  # fmt: skip
        with self._begin() as connection:
            row = connection.execute(select(tables.outputs).where(tables.outputs.c.run == run)).first()
            if row is None:
                connection.execute(insert(tables.outputs).values({"run": run, **values}))
            elif row.digest != digest and row.state == "received":
                connection.execute(update(tables.outputs).where(tables.outputs.c.run == run).values(values))
        found = self.output(run)
        if found is None:
            raise LookupError(f"the output of {run} was not kept")
        return found

    def output(self, run: str) -> OutputRow | None:
        """A run's output."""
        with self._begin() as connection:
            row = connection.execute(select(tables.outputs).where(tables.outputs.c.run == run)).first()
        return None if row is None else _output(row)

    def advance_output(self, run: str, state: str, **values: object) -> None:
        """An output has come to another state."""
        with self._begin() as connection:
            connection.execute(
                update(tables.outputs).where(tables.outputs.c.run == run).values({"state": state, **values})
            )
            told = {name: value for name, value in values.items() if isinstance(value, str | int)}
            self._note(connection, run, "gateway", f"output-{state}", told)

    def unfinished_outputs(self) -> list[OutputRow]:
        """Outputs whose way was cut off after they were accepted."""
        wanted = select(tables.outputs).where(tables.outputs.c.state.in_(("committed", "pushed")))
        with self._begin() as connection:
            return [_output(row) for row in connection.execute(wanted)]

    # Actions

    def note(self, run: str | None, actor: str, action: str, detail: dict[str, object] | None = None) -> None:
        """One line for one action."""
        with self._begin() as connection:
            self._note(connection, run, actor, action, detail or {})

    def actions(self, run: str) -> list[tuple[str, str]]:
        """Who did what for a run, in order."""
        wanted = select(tables.actions).where(tables.actions.c.run == run).order_by(tables.actions.c.id)
        with self._begin() as connection:
            return [(row.actor, row.action) for row in connection.execute(wanted)]

    def _note(self, connection: Connection, run: str | None, actor: str, action: str, detail: object) -> None:
        connection.execute(
            insert(tables.actions).values(
                time=self._now(), run=run, actor=actor, action=action, detail=json.dumps(detail, default=str)
            )
        )


@dataclass(frozen=True)
class _Spent:
    tokens: int
    micro_dollars: int
    steps: int
    seconds: float


def _over(spent: _Spent, tokens: int, cost: int, limits: Limits) -> BudgetExhausted | None:
    if limits.steps is not None and spent.steps + 1 > limits.steps:
        return _exhausted(Reason.STEPS_EXHAUSTED, f"all {limits.steps} steps are taken", "steps")
    if limits.seconds is not None and spent.seconds > limits.seconds:
        return _exhausted(Reason.TIME_EXHAUSTED, f"the {limits.seconds:.0f} seconds are over", "seconds")
    if limits.tokens is not None and spent.tokens + tokens > limits.tokens:
        told = f"{spent.tokens:,} of {limits.tokens:,} tokens are spent, and the next call can take {tokens:,}"
        return _exhausted(Reason.TOKENS_EXHAUSTED, told, "tokens")
    if limits.micro_dollars is not None and spent.micro_dollars + cost > limits.micro_dollars:
        told = (
            f"${spent.micro_dollars / 1e6:.4f} of ${limits.micro_dollars / 1e6:.4f} are spent, "
            f"and the next call can cost ${cost / 1e6:.4f}"
        )
        return _exhausted(Reason.MONEY_EXHAUSTED, told, "dollars")
    return None


def _exhausted(reason: Reason, told: str, field: str) -> BudgetExhausted:
    return BudgetExhausted(reason, f"{told}; raise spec.budget.{field} and retry")


def _less(limit: int | None, spent: int) -> int | None:
    return None if limit is None else max(0, limit - spent)


def _run(row: Row[tuple[object, ...]]) -> RunRow:
    return RunRow(
        uid=row.uid, namespace=row.namespace, name=row.name, kind=row.kind, repository=row.repository,
        repository_id=row.repository_id, admission=Admission.model_validate_json(row.admission), plan=row.plan,
        finished=row.finished, began=row.began,
    )  # fmt: skip


def _output(row: Row[tuple[object, ...]]) -> OutputRow:
    accepted = None
    if row.state == "done":
        accepted = Accepted(
            outcome=row.outcome, pull_request=row.pull_request, url=row.url, branch=row.branch, head=row.head
        )
    return OutputRow(
        run=row.run, digest=row.digest, state=row.state, time=row.time,
        output=Output.model_validate_json(zlib.decompress(row.body)), head=row.head, branch=row.branch,
        accepted=accepted,
    )  # fmt: skip


def _open(url: str) -> Engine:
    sqlite = url.startswith("sqlite")
    if sqlite and ":memory:" not in url:
        Path(url.split("///", 1)[1]).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_pre_ping=not sqlite)
    if sqlite:
        event.listen(engine, "connect", _sqlite_settings)
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
    return engine


def _sqlite_settings(connection: object, _: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for setting in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
