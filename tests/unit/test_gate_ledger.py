"""What is kept of gates: a check is run again once whoever asks, and what is old is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pressplay.ledger.gates import Check, Found, GateLog, Stood, forget
from pressplay.ledger.store import Ledger

HEAD = "a" * 40


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield made
    made.close()


def test_one_of_many_that_would_run_a_check_again_does_it(ledger: Ledger) -> None:
    log = GateLog(ledger)
    check = Check(5, HEAD, "tests " * 100, 7)
    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(lambda _: log.begin_rerun(check, 1, "then"), range(8)))
    assert sorted(begun) == [False] * 7 + [True]
    # One of another App, or on another commit, is another check.
    assert log.begin_rerun(Check(5, HEAD, "tests " * 100, 8), 1, "then")
    assert log.begin_rerun(Check(5, "b" * 40, "tests " * 100, 7), 1, "then")


def test_what_is_old_is_forgotten(ledger: Ledger) -> None:
    log = GateLog(ledger, lambda: 100.0)
    log.keep(5, "pr:7", Stood("checks", HEAD, None, "waits", 100.0), "w/n")
    log.begin_rerun(Check(5, HEAD, "tests", 7), 1, "then")
    log.keep_triage(5, HEAD, Found("ours", 1, 1, "tests", "it failed"))
    forget(ledger, 100.0)
    assert log.triage(5, HEAD) is not None
    forget(ledger, 101.0)
    assert (log.stood(5, "pr:7"), log.reruns(5, HEAD), log.triage(5, HEAD)) == ([], {}, None)
