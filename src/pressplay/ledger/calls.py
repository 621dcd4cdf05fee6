"""Calls of models: the worst case reserved before, what it took afterwards, and what is left of a run's limits."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from pressplay.ledger import tables
from pressplay.ledger.base import Base
from pressplay.protocol.control import UsageTotals
from pressplay.resources.reasons import Reason
from pressplay.resources.remedies import more_of


class BudgetExhausted(Exception):
    """The next call could go beyond a budget, so it is not made.

    Attributes:
        reason: which budget.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Limits:
    """What a whole run may spend; None for no limit of a kind. Money in millionths of a dollar."""

    tokens: int | None = None
    micro_dollars: int | None = None
    steps: int | None = None
    seconds: float | None = None


class Calls(Base):
    """What is kept of calls."""

    def reserve(self, run: str, attempt: int, model: str, tokens: int, cost: int, limits: Limits) -> str:
        """Reserve the worst case of a call.

        Raises:
            BudgetExhausted: it could go beyond a limit.
        """
        with self.transaction() as connection:
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
        with self.transaction() as connection:
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
        with self.transaction() as connection:
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
        with self.transaction() as connection:
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
    return BudgetExhausted(reason, f"{told}; {more_of(field)}")


def _less(limit: int | None, spent: int) -> int | None:
    return None if limit is None else max(0, limit - spent)
