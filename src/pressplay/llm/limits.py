"""Limits on what calls may take: looked at before each call, with the most that the call can take reserved.

Pure: what was spent, the worst case of the next call and the budget go in; nothing or a `BudgetExceeded` that says
which limit comes out. `Account` keeps the sum for one run and asks before every attempt, so that a retry is looked at
like a first try. Must not know whose budgets they are or where sums are kept for good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from pressplay.llm.bound import Counted, nearer
from pressplay.llm.catalogue import NO_MONEY, Catalogue, MicroDollars
from pressplay.llm.messages import Request
from pressplay.llm.usage import NOTHING, Usage


class Limit(StrEnum):
    """What can run out."""

    STEPS = "steps"
    TIME = "time"
    TOKENS = "tokens"
    MONEY = "money"


@dataclass(frozen=True)
class Budget:
    """What may be spent. None: no limit of this kind.

    Attributes:
        money: micro-dollars.
        seconds: of wall clock.
        name: what the budget is called where it is told that it is exceeded.
    """

    tokens: int | None = None
    money: MicroDollars | None = None
    steps: int | None = None
    seconds: float | None = None
    name: str = "run"


@dataclass(frozen=True)
class Spent:
    """What has been spent of a budget."""

    tokens: int = 0
    money: MicroDollars = NO_MONEY
    steps: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class WorstCase:
    """The most that one call can take."""

    tokens: int
    money: MicroDollars


class BudgetExceeded(Exception):
    """The next call could go beyond a budget, so it is not made.

    Attributes:
        limit: which limit.
        budget: the budget that it belongs to.
        spent: what had been spent of it.
    """

    def __init__(self, limit: Limit, budget: Budget, spent: Spent, worst: WorstCase) -> None:
        self.limit = limit
        self.budget = budget
        self.spent = spent
        self.worst = worst
        super().__init__(f"{_told(limit, budget, spent, worst)}\n  raise `budget.{limit}` of the {budget.name}")


def check_before_call(spent: Spent, worst_case: WorstCase, budget: Budget) -> None:
    """Let a call pass only if it cannot go beyond the budget, even at its worst.

    Raises:
        BudgetExceeded: with the first limit that stands in the way, in the order of `Limit`.
    """
    after: tuple[tuple[Limit, float, float | None], ...] = (
        (Limit.STEPS, spent.steps + 1, budget.steps),
        # What a call will take in seconds nobody knows: the time must not be over when it begins.
        (Limit.TIME, spent.seconds, budget.seconds),
        (Limit.TOKENS, spent.tokens + worst_case.tokens, budget.tokens),
        (Limit.MONEY, spent.money + worst_case.money, budget.money),
    )
    for limit, needed, allowed in after:
        if allowed is not None and needed > allowed:
            raise BudgetExceeded(limit, budget, spent, worst_case)


def _told(limit: Limit, budget: Budget, spent: Spent, worst: WorstCase) -> str:
    match limit:
        case Limit.STEPS:
            return f"{spent.steps} of {budget.steps} steps of the {budget.name} are taken"
        case Limit.TIME:
            return f"{spent.seconds:.0f} of {budget.seconds:.0f} seconds of the {budget.name} are over"
        case Limit.TOKENS:
            return (
                f"{spent.tokens:,} of {budget.tokens:,} tokens of the {budget.name} are spent, "
                f"and the next call can take {worst.tokens:,}"
            )
        case Limit.MONEY:
            return (
                f"{dollars(spent.money)} of {dollars(budget.money or NO_MONEY)} of the {budget.name} are spent, "
                f"and the next call can cost {dollars(worst.money)}"
            )


def dollars(amount: MicroDollars) -> str:
    """An amount for people, to the hundredth of a cent; never less than it is."""
    hundredths, rest = divmod(amount, 100)
    hundredths += 1 if rest else 0
    return f"${hundredths // 10_000:,}.{hundredths % 10_000:04d}"


class Account:
    """What one run spends, under all the budgets that hold for it at once (its own, its phase's, the project's).

    It is for one conversation: from the second call on, the vendor's count of the call before makes the bound nearer.
    Implements what `retry` asks before and tells after every attempt.

    Args:
        catalogue: for prices.
        budgets: each is checked; the first that is exceeded is told.
        prompt_at_most: a bound of the tokens of a request's prompt, by the request alone (the model's).
        now: a clock of seconds.
        spent: what earlier attempts of the run took, where it is resumed.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        budgets: tuple[Budget, ...],
        prompt_at_most: Callable[[Request], int],
        now: Callable[[], float],
        spent: Spent | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._budgets = budgets
        self._prompt_at_most = prompt_at_most
        self._now = now
        self._earlier = spent or Spent()
        self._began = now()
        self._spent = self._earlier
        self._size = 0
        # By model, since each has a tokenizer of its own.
        self._counted: dict[str, Counted] = {}
        self.usage: dict[str, Usage] = {}

    @property
    def spent(self) -> Spent:
        """What has been spent so far, the time included."""
        return replace(self._spent, seconds=self._earlier.seconds + self._now() - self._began)

    def before(self, model: str, request: Request) -> None:
        """Before an attempt.

        Raises:
            BudgetExceeded: the attempt could go beyond a budget.
        """
        info = self._catalogue.find(model)
        self._size = self._prompt_at_most(request)
        prompt = nearer(self._size, self._counted.get(model))
        worst = WorstCase(
            tokens=prompt + request.max_output_tokens, money=info.cost_at_most(prompt, request.max_output_tokens)
        )
        for budget in self._budgets:
            check_before_call(self.spent, worst, budget)

    def after(self, model: str, usage: Usage, *, answered: bool) -> None:
        """After an attempt: what it took, and whether it was a step (an attempt that broke off is none)."""
        cost = self._catalogue.find(model).cost(usage)
        if answered:
            self._counted[model] = Counted(size=self._size, tokens=usage.prompt)
        self.usage[model] = self.usage.get(model, NOTHING) + usage
        self._spent = replace(
            self._spent,
            tokens=self._spent.tokens + usage.total,
            money=MicroDollars(self._spent.money + cost),
            steps=self._spent.steps + (1 if answered else 0),
        )
