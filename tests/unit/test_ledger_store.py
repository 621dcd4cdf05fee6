"""Budgets, transcripts and outputs, on a real SQLite file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from pressplay.ledger import tables, transcripts
from pressplay.ledger.calls import BudgetExhausted, Limits
from pressplay.ledger.events import Events, Settled
from pressplay.ledger.flows import Began, Flows
from pressplay.ledger.retention import prune, prune_events
from pressplay.ledger.store import Ledger
from pressplay.ledger.taints import Successor, Taints
from pressplay.ledger.transcripts import OutOfOrder, TooLong
from pressplay.protocol.changeset import ChangedFile, Changeset
from pressplay.protocol.control import Admission, AdmissionRequest, UsageTotals
from pressplay.protocol.run import Entry, Output
from pressplay.resources.reasons import Reason


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield made
    made.close()


def test_a_ledger_of_before_strangers_words_were_told_apart_is_brought_up_to_date(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    flow = {
        "key": "k", "generation": 1, "flow": "issue-flow", "repository": "acme/sums", "repository_id": 1,
        "subject": "issue:3", "actor": "ann", "event": "d", "state": "made", "again": False, "by_person": True,
        "created": 5,
    }  # fmt: skip
    old = Ledger(url)
    with old.transaction() as connection:
        connection.execute(insert(tables.flows).values(flow))
        for statement in (
            "drop table taints", "drop table approvals", "alter table flows drop column moment",
            "update alembic_version set version_num = '0006'",
        ):  # fmt: skip
            connection.execute(text(statement))
    old.close()
    new = Ledger(url)
    assert Flows(new).began(1, 1) == Began(5.0, "d", "issue:3")
    assert Taints(new).passed_on(Successor(1, ("issue:3",))) is None
    new.close()


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


def test_neither_transcript_nor_work_can_fill_the_disk(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcripts, "MOST_TRANSCRIPT", 1000)
    long = Entry(sequence=0, attempt=1, kind="note", body={"a": os.urandom(2000).hex()})
    ledger.append("run", (long,))
    with pytest.raises(TooLong):
        ledger.append("run", (Entry(sequence=1, attempt=1, kind="note", body={}),))
    assert ledger.append("other", (long,)) == 1
    for number in range(20):
        ledger.save_work("run", 1, b"%d" % number)
    ledger.save_work("other", 1, b"other")
    with ledger.transaction() as connection:
        kept = connection.execute(text("select run, count(*) from work group by run order by run")).all()
    assert [tuple(row) for row in kept] == [("other", 1), ("run", 5)]
    assert (ledger.saved_work("run"), ledger.saved_work("other")) == (b"19", b"other")


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


def test_what_runs_said_is_forgotten_in_time_and_what_they_did_is_not(tmp_path: Path) -> None:
    moment = [1000.0]
    ledger = Ledger(f"sqlite:///{tmp_path / 'old.db'}", now=lambda: moment[0])
    for uid in ("old", "new", "unfinished"):
        spec = {"repository": "acme/sums", "task": "add"}
        request = AdmissionRequest(uid=uid, namespace="team", name=uid, kind="CodeRun", spec=spec)
        admission = Admission(
            uid=uid, repository_id=1, repository="acme/sums", base="main", base_sha="0" * 40, branch="b",
            persona="rex", model="m", seconds=60,
        )  # fmt: skip
        ledger.admit(request, admission, "{}")
        ledger.append(uid, (Entry(sequence=0, attempt=1, kind="note", body={"a": 1}),))
        ledger.save_work(uid, 1, b"work")
        file = ChangedFile(path="a.py", mode="100644", content="eA==")
        output = Output(changes=Changeset(base="0" * 40, files=(file,)), title="Add")
        ledger.receive_output(uid, "digest", output)
        ledger.advance_output(uid, "done", outcome="pull_request", pull_request=7, url="http://hub/7")
        call = ledger.reserve(uid, 1, "m", 10, 5, Limits())
        ledger.settle(call, UsageTotals(input_tokens=10), 5, answered=True)
    ledger.finish("old", Reason.SUCCEEDED, None)
    moment[0] = 2000.0
    ledger.finish("new", Reason.SUCCEEDED, None)
    assert prune(ledger, 1500.0) == 1
    assert prune(ledger, 1500.0) == 0
    kept = {uid: (len(ledger.transcript(uid)), ledger.saved_work(uid)) for uid in ("old", "new", "unfinished")}
    assert kept == {"old": (0, None), "new": (1, b"work"), "unfinished": (1, b"work")}
    record = ledger.record("old")
    assert (record.pull_request, record.cost, record.usage.input_tokens) == (7, 5, 10)
    forgotten = ledger.output("old")
    assert forgotten is not None
    assert forgotten.output.changes.empty
    assert ("operator", "admitted") in ledger.actions("old")
    ledger.close()


def test_bodies_of_events_are_forgotten_in_time_and_the_same_event_is_still_known(tmp_path: Path) -> None:
    moment = [1000.0]
    events = Events(ledger := Ledger(f"sqlite:///{tmp_path / 'events.db'}"), now=lambda: moment[0])
    for number, body in enumerate((b"old", b"waits", b"new")):
        moment[0] = 1000.0 * (number // 2 + 1)
        digest = events.receive(body, "push", "", ("acme/sums", 1), "ann").digest
        if body != b"waits":
            events.settle(digest, Settled("nothing", "it means nothing"))
    assert (prune_events(ledger, 1500.0), prune_events(ledger, 1500.0)) == (1, 0)
    bodies = {body: events.body(hashlib.sha256(body).hexdigest()) for body in (b"old", b"waits", b"new")}
    assert bodies == {b"old": b"", b"waits": b"waits", b"new": b"new"}
    again = events.receive(b"old", "push", "", ("acme/sums", 1), "ann")
    assert (again.new, again.effect) == (False, "nothing")
    ledger.close()


def test_events_that_wait_come_page_by_page_also_those_of_one_moment(tmp_path: Path) -> None:
    events = Events(ledger := Ledger(f"sqlite:///{tmp_path / 'events.db'}"), now=lambda: 1000.0)
    kept = {events.receive(b"%d" % number, "", "", None, "").digest for number in range(7)}
    found: list[str] = []
    while page := events.unsettled(most=3, after=found[-1] if found else ""):
        assert len(page) <= 3
        found += page
    assert len(found) == 7
    assert set(found) == kept
    ledger.close()
