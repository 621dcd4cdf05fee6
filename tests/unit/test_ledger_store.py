"""Budgets, transcripts and outputs, on a real SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pressplay.ledger.store import BudgetExhausted, Ledger, Limits, OutOfOrder
from pressplay.protocol.control import UsageTotals
from pressplay.protocol.run import Entry
from pressplay.resources.reasons import Reason


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield made
    made.close()


def test_calls_at_once_cannot_spend_more_than_there_is(ledger: Ledger) -> None:
    def call(_: int) -> bool:
        try:
            ledger.reserve("run", 1, "m", 40, 0, Limits(tokens=100))
        except BudgetExhausted:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(call, range(8))) == 2


def test_what_a_call_took_replaces_what_was_reserved(ledger: Ledger) -> None:
    name = ledger.reserve("run", 1, "m", 1000, 500, Limits())
    ledger.settle(name, UsageTotals(input_tokens=10, output_tokens=5), 7, answered=True)
    usage, cost = ledger.totals("run")
    assert (usage.calls, usage.input_tokens, usage.output_tokens, cost) == (1, 10, 5, 7)
    assert ledger.left("run", Limits(tokens=100)).tokens == 85


def test_a_transcript_only_grows(ledger: Ledger) -> None:
    first = Entry(sequence=0, attempt=1, kind="note", body={"a": 1})
    ledger.append("run", (first,))
    assert ledger.append("run", (first,)) == 1
    with pytest.raises(OutOfOrder):
        ledger.append("run", (first.model_copy(update={"body": {"a": 2}}),))
    with pytest.raises(OutOfOrder):
        ledger.append("run", (first.model_copy(update={"sequence": 5}),))


def test_an_attempt_that_was_closed_stays_closed(ledger: Ledger) -> None:
    assert ledger.begin_attempt("run", 1)
    ledger.close_attempt("run", 1, Reason.RETRYING)
    assert not ledger.begin_attempt("run", 1)


def test_a_ledger_is_opened_again_with_what_it_had(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'again.db'}"
    one = Ledger(url)
    one.save_work("run", 1, b"work")
    one.close()
    two = Ledger(url)
    assert two.saved_work("run") == b"work"
    two.close()
