"""Flows in the ledger, as the operator is told of them: one a key, stopped when stale, once more for what came late."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select, text

from pressplay.gateway.flows import WINDOWS
from pressplay.ledger import ends, tables
from pressplay.ledger.ends import End, Ends
from pressplay.ledger.events import Events, Settled
from pressplay.ledger.flows import MOST_WITHOUT_A_PERSON, Current, Flows, Submitted, Wanted
from pressplay.ledger.store import Ledger
from pressplay.protocol.control import AdmissionRequest
from pressplay.protocol.flows import FLOWS, WAKES, Due
from tests.unit.a_gateway import OPERATOR, Platform, platform
from tests.unit.test_operator_build import ADMISSION

REPOSITORY = ("acme/sums", 5)
OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield made
    made.close()


class Clock:
    """Seconds since 1970 that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def flows(ledger: Ledger, clock: Clock) -> Flows:
    return Flows(ledger, clock)


class Inbox:
    """Events that come one after another, each with a body of its own."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._events = Events(ledger, clock)
        self._numbers = itertools.count()

    def event(self, told: Settled) -> int | None:
        """Settle a new event; answers the id of the flow that it starts."""
        kept = self._events.receive(f"{next(self._numbers)}".encode(), "issues", "opened", REPOSITORY, "ann")
        started = self._events.settle(kept.digest, told)
        return started.identity if started else None


@pytest.fixture
def inbox(ledger: Ledger, clock: Clock) -> Inbox:
    return Inbox(ledger, clock)


def starts(flow: str, head: str | None = None, *, again: bool = False, current: Current | None = None) -> Settled:
    wanted = Wanted(flow, f"5:pr:7:{flow}:{head or ''}", "pr:7", head, again)
    return Settled("start", "why", REPOSITORY, "ann", wanted, subject="pr:7", current=current)


def test_a_newer_commit_stops_the_flow_on_the_older_one_and_nothing_else(flows: Flows, inbox: Inbox) -> None:
    older = inbox.event(starts("pr-flow", OLD, current=Current(open=True, head=OLD)))
    comments = inbox.event(starts("comment-flow"))
    newer = inbox.event(starts("pr-flow", NEW, current=Current(open=True, head=NEW)))
    assert [row.identity for row in flows.listed("stopping")] == [older]
    assert [row.identity for row in flows.listed("wanted")] == [comments, newer]


def test_an_older_commit_that_is_told_of_late_stops_itself(flows: Flows, inbox: Inbox) -> None:
    newer = inbox.event(starts("pr-flow", NEW, current=Current(open=True, head=NEW)))
    late = inbox.event(starts("pr-flow", OLD, current=Current(open=True, head=NEW)))
    assert [row.identity for row in flows.listed("wanted")] == [newer]
    assert [row.identity for row in flows.listed("stopping")] == [late]


def test_a_closed_pull_request_stops_all_of_its_flows(flows: Flows, inbox: Inbox) -> None:
    first = inbox.event(starts("pr-flow", OLD))
    second = inbox.event(starts("comment-flow"))
    assert first is not None
    flows.made(first)
    inbox.event(Settled("wake", "closed", REPOSITORY, "ann", subject="pr:7", current=Current(open=False, head=OLD)))
    assert [row.identity for row in flows.listed("stopping")] == [first, second]
    # That its Workflow was made a moment ago does not bring it back.
    flows.made(first)
    assert flows.listed("made") == []


def test_what_is_said_while_comments_are_answered_is_answered_afterwards(flows: Flows, inbox: Inbox) -> None:
    first = inbox.event(starts("comment-flow", again=True))
    assert first is not None
    # Before it is made, more of the same belongs to it.
    assert inbox.event(starts("comment-flow", again=True)) is None
    flows.made(first)
    assert inbox.event(starts("comment-flow", again=True)) is None
    following = flows.ended(first)
    assert following is not None
    assert (following.generation, following.state) == (2, "wanted")
    assert flows.ended(first) is None
    flows.made(following.identity)
    assert flows.ended(following.identity) is None
    assert inbox.event(starts("comment-flow", again=True)) is not None


def test_a_flow_that_is_retried_is_live_again_and_tells_its_next_end(
    flows: Flows, inbox: Inbox, ledger: Ledger
) -> None:
    first = inbox.event(starts("pr-flow", OLD))
    assert first is not None
    flows.made(first)
    flows.ended(first, End("pr-flow-1", "Failed", ("qa: no",)))
    assert flows.retried(first) is None
    assert [row.identity for row in flows.listed("made")] == [first]
    flows.ended(first, End("pr-flow-1", "Succeeded"))
    [end] = Ends(ledger).latest(REPOSITORY[1], "pr:7")
    assert (end.end.phase, end.end.why) == ("Succeeded", ())
    # Who read that it failed is told.
    assert Ends(ledger).untold() == [(*REPOSITORY, "pr:7")]


def test_a_flow_that_another_generation_has_followed_is_not_retried(flows: Flows, inbox: Inbox) -> None:
    first = inbox.event(starts("comment-flow", again=True))
    assert first is not None
    flows.made(first)
    inbox.event(starts("comment-flow", again=True))
    second = flows.ended(first)
    assert second is not None
    flows.made(second.identity)
    flows.ended(second.identity)
    other = flows.retried(first)
    assert other is not None
    assert other.identity == second.identity
    assert flows.listed("made") == []


def test_a_flow_is_not_retried_beside_one_that_took_its_place(flows: Flows, inbox: Inbox) -> None:
    first = inbox.event(starts("pr-flow", OLD))
    assert first is not None
    flows.ended(first)
    second = inbox.event(starts("pr-flow", NEW))
    other = flows.retried(first)
    assert other is not None
    assert other.identity == second
    assert flows.listed("made") == []


def test_a_flow_of_a_commit_that_has_ended_does_not_begin_again(flows: Flows, inbox: Inbox) -> None:
    first = inbox.event(starts("pr-flow", OLD))
    assert first is not None
    flows.ended(first)
    assert inbox.event(starts("pr-flow", OLD)) is None
    assert flows.listed("wanted", "made") == []


def test_comments_that_come_close_to_one_another_are_waited_for(flows: Flows, inbox: Inbox, clock: Clock) -> None:
    first = inbox.event(starts("comment-flow", again=True))
    other = inbox.event(starts("pr-flow", OLD))
    assert [row.identity for row in flows.due(WINDOWS)] == [other]
    clock.now += WINDOWS["comment-flow"]
    assert [row.identity for row in flows.due(WINDOWS)] == [first, other]


def test_a_wake_that_comes_while_somebody_looks_is_not_forgotten_with_the_one_before(
    flows: Flows, inbox: Inbox
) -> None:
    inbox.event(Settled("wake", "a check reports", REPOSITORY, "ann", wakes=("pr:7",)))
    (seen,) = flows.wakes()
    inbox.event(Settled("wake", "another reports", REPOSITORY, "ann", wakes=("pr:7",)))
    flows.forget_wakes([seen.identity])
    (left,) = flows.wakes()
    assert left.why == "another reports"
    flows.forget_wakes([left.identity])
    assert flows.wakes() == []


def ours(flow: str, head: str | None = None, branch: str = "") -> Settled:
    """What our own doing wants."""
    wanted = Wanted(flow, f"5:pr:7:{flow}:{head or ''}", "pr:7", head, by_person=False, yields=True, branch=branch)
    return Settled("start", "why", REPOSITORY, "pressplay[bot]", wanted)


def test_what_a_flow_s_own_runs_push_begins_no_second_one(flows: Flows, inbox: Inbox) -> None:
    first = inbox.event(starts("pr-flow", OLD))
    assert first is not None
    assert inbox.event(ours("pr-flow", NEW)) is None
    assert [wake.subject for wake in flows.wakes()] == ["pr:7"]
    flows.ended(first)
    # When it has ended, what is pushed is looked at as anybody's.
    assert inbox.event(ours("pr-flow", NEW)) is not None


def test_a_pull_request_that_a_run_of_a_flow_opened_wakes_that_flow(flows: Flows, inbox: Inbox, ledger: Ledger) -> None:
    issue = Settled("start", "labelled", REPOSITORY, "ann", Wanted("issue-flow", "5:issue:3:issue-flow", "issue:3"))
    first = inbox.event(issue)
    assert first is not None
    with ledger.transaction() as connection:
        row = {"run": "u-1", "flow": first, "repository_id": 5, "branch": "pressplay/three"}
        connection.execute(insert(tables.flow_runs).values(row))
    assert inbox.event(ours("pr-flow", OLD, "pressplay/three")) is None
    assert [wake.subject for wake in flows.wakes()] == ["issue:3"]
    # And so does whatever else happens on its branch.
    flows.forget_wakes([wake.identity for wake in flows.wakes()])
    inbox.event(Settled("wake", "a check", REPOSITORY, "ci", wakes=("pr:7",), branch="pressplay/three"))
    assert sorted(wake.subject for wake in flows.wakes()) == ["issue:3", "pr:7"]


def test_what_a_flow_s_run_has_left_begins_no_second_one_however_late_it_is_told(
    flows: Flows, inbox: Inbox, ledger: Ledger
) -> None:
    """GitHub's word of a push may be lost for as long as a flow takes; the sweep brings it then."""
    first = inbox.event(starts("pr-flow", OLD))
    assert first is not None
    left = {"digest": "", "state": "done", "time": 0.0, "body": b"", "head": NEW}
    with ledger.transaction() as connection:
        row = {"run": "u-1", "flow": first, "repository_id": 5, "branch": "seven"}
        connection.execute(insert(tables.flow_runs).values(row))
        connection.execute(insert(tables.outputs).values(run="u-1", **left))
    flows.ended(first)
    assert inbox.event(ours("pr-flow", NEW, "seven")) is None
    assert [wake.subject for wake in flows.wakes()] == ["pr:7"]
    # A person who wants it gets it.
    assert inbox.event(starts("pr-flow", NEW)) is not None


@pytest.mark.parametrize(
    ("repository_id", "unknown", "belongs"), [(5, False, True), (6, False, False), (5, True, False)]
)
def test_a_run_is_a_step_of_a_flow_of_its_own_repository_and_of_none_that_there_is_not(
    inbox: Inbox, ledger: Ledger, repository_id: int, *, unknown: bool, belongs: bool
) -> None:
    """A run's label is written by whoever makes it, and what a flow's run pushes is not looked at once more."""
    first = inbox.event(starts("pr-flow", OLD))
    assert first is not None
    spec = {"repository": "acme/sums", "task": "add"}
    flow = 999_999_999_999_999 if unknown else first
    request = AdmissionRequest(uid="u", namespace="team", name="u", kind="CodeRun", spec=spec, flow=flow)
    admission = ADMISSION.model_copy(update={"uid": "u", "repository_id": repository_id})
    ledger.admit(request, admission, "{}")
    with ledger.transaction() as connection:
        assert (connection.execute(select(tables.flow_runs)).first() is not None) is belongs


def test_personas_that_answer_one_another_end_somewhere_and_a_person_begins_anew(flows: Flows, inbox: Inbox) -> None:
    def a_day() -> int:
        begun = [inbox.event(ours("ci-flow", f"{number:040x}")) for number in heads]
        for identity in begun:
            if identity is not None:
                flows.ended(identity)
        return sum(each is not None for each in begun)

    heads = range(1, 100)
    assert flows.parked(5, "pr:7") == ""
    assert a_day() == MOST_WITHOUT_A_PERSON
    heads = range(100, 200)
    assert a_day() == 0
    [wake] = flows.wakes()
    assert wake.parked == flows.parked(5, "pr:7")
    assert "`/pressplay run` goes on" in wake.parked
    inbox.event(starts("pr-flow", OLD))
    assert flows.parked(5, "pr:7") == ""
    for row in flows.listed("wanted"):
        flows.ended(row.identity)
    heads = range(200, 300)
    assert a_day() == MOST_WITHOUT_A_PERSON


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path) as made:
        yield made


@pytest.fixture
def control(whole: Platform) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {OPERATOR}"}
    with httpx.Client(base_url=whole.address, timeout=30, headers=headers) as http:
        yield http


def test_the_operator_is_told_what_to_make_stop_and_wake_until_it_has(whole: Platform, control: httpx.Client) -> None:
    inbox = Inbox(whole.gateway.ledger, Clock())
    inbox.event(starts("pr-flow", OLD, current=Current(open=True, head=OLD)))
    inbox.event(starts("pr-flow", NEW, current=Current(open=True, head=NEW)))
    inbox.event(Settled("wake", "a check reports", REPOSITORY, "ann", wakes=("pr:7",)))
    # Asked twice, since an answer may be lost.
    due = told(control)
    assert told(control) == due
    assert [each.parameters["head"] for each in due.stop] == [OLD]
    (make,) = due.make
    assert make.parameters == {"repository": "acme/sums", "pull-request": "7", "head": NEW}
    assert [each.subject for each in due.wakes] == ["pr:7"]
    news(control, make.id, "made")
    news(control, due.stop[0].id, "ended")
    assert control.post(WAKES, json={"ids": [each.id for each in due.wakes]}).status_code == 204
    after = told(control)
    assert (after.make, after.stop, after.wakes) == ((), (), ())
    assert [each.id for each in after.live] == [make.id]
    news(control, make.id, "ended")
    assert told(control) == Due()


def told(control: httpx.Client) -> Due:
    answer = control.get(FLOWS)
    assert answer.status_code == 200, answer.text
    return Due.model_validate_json(answer.content)


def news(control: httpx.Client, identity: int, state: str) -> None:
    answer = control.post(f"{FLOWS}/{identity}", json={"state": state})
    assert answer.status_code == 204, answer.text


def submitted(control: httpx.Client, uid: str = "u-1", repository: str = "acme/sums", **about: str) -> httpx.Response:
    told = {"uid": uid, "namespace": "team", "workflow": f"mine-{uid}", "flow": "loop-flow", "repository": repository}
    return control.post(FLOWS, json={**told, "parameters": about})


def test_a_flow_that_a_person_submits_is_woken_and_stopped_as_any_other(whole: Platform, control: httpx.Client) -> None:
    whole.hub.repository("acme/sums", {"a": "b"})
    known = submitted(control, **{"pull-request": "7"}).json()
    assert submitted(control, **{"pull-request": "7"}).json() == known
    assert known["subject"] == "pr:7"
    (live,) = told(control).live
    assert (live.id, live.workflow, live.repository_id) == (known["id"], "mine-u-1", known["repository_id"])
    inbox = Inbox(whole.gateway.ledger, Clock())
    here = ("acme/sums", known["repository_id"])
    inbox.event(Settled("wake", "closed", here, "ann", subject="pr:7", current=Current(open=False, head=OLD)))
    assert [each.workflow for each in told(control).stop] == ["mine-u-1"]


def test_a_flow_that_is_about_no_number_is_known_by_its_workflow(whole: Platform, control: httpx.Client) -> None:
    whole.hub.repository("acme/sums", {"a": "b"})
    assert submitted(control).json()["subject"] == "workflow:mine-u-1"
    assert submitted(control, "u-2", issue="3").json()["subject"] == "issue:3"


@pytest.mark.parametrize("repository", ["acme/none", "other/sums"])
def test_a_flow_on_what_there_is_not_is_not_taken(whole: Platform, control: httpx.Client, repository: str) -> None:
    answer = submitted(control, repository=repository)
    assert (answer.status_code, answer.json()["reason"]) == (422, "AppNotInstalled")
    assert told(control) == Due()


@pytest.mark.parametrize(("flow", "owns"), [("comment-flow", True), ("loop-flow", False)])
def test_what_a_flow_without_clippy_and_qa_pushes_has_a_flow_of_its_own(
    flows: Flows, inbox: Inbox, ledger: Ledger, flow: str, *, owns: bool
) -> None:
    mine = flows.submitted(REPOSITORY, Submitted("u-1", "mine", flow, "issue:3"))
    with ledger.transaction() as connection:
        row = {"run": "u-1", "flow": mine.identity, "repository_id": 5, "branch": "work"}
        connection.execute(insert(tables.flow_runs).values(row))
    assert (inbox.event(ours("pr-flow", NEW, "work")) is None) is owns


@pytest.mark.parametrize(("flow", "begins"), [("task-flow", False), ("pr-flow", True)])
def test_a_check_that_fails_is_the_affair_of_the_flow_that_takes_its_pull_request_to_the_merge(
    flows: Flows, inbox: Inbox, ledger: Ledger, flow: str, *, begins: bool
) -> None:
    mine = flows.submitted(REPOSITORY, Submitted("u-1", "mine", flow, "workflow:mine"))
    with ledger.transaction() as connection:
        row = {"run": "u-1", "flow": mine.identity, "repository_id": 5, "branch": "work"}
        connection.execute(insert(tables.flow_runs).values(row))
    wanted = Wanted("ci-flow", "5:pr:7:ci-flow:a", "pr:7", OLD, by_person=False, branch="work")
    failed = Settled("start", "a check failed", REPOSITORY, "ci", wanted)
    assert (inbox.event(failed) is not None) is begins
    assert [wake.subject for wake in flows.wakes()] == ([] if begins else ["workflow:mine"])
    flows.ended(mine.identity)
    # When it has ended nobody else would look.
    assert begins or inbox.event(failed) is not None


def an_end(phase: Any = "Failed", *why: str) -> End:
    return End("pr-flow-0a", phase, why)


def test_of_ends_people_are_told_what_went_wrong_and_what_goes_well_again(
    flows: Flows, inbox: Inbox, ledger: Ledger
) -> None:
    kept = Ends(ledger)

    def end(head: str, told: End) -> list[tuple[str, int, str]]:
        identity = inbox.event(starts("pr-flow", head))
        assert identity is not None
        flows.ended(identity, told)
        # The watch sees it too.
        flows.ended(identity)
        due = kept.untold()
        kept.told(5, "pr:7", identity)
        return due

    here = [("acme/sums", 5, "pr:7")]
    assert end("1" * 40, an_end("Succeeded")) == []
    assert end("2" * 40, an_end("Failed", "qa: no")) == here
    assert [(each.flow, each.end.why) for each in kept.latest(5, "pr:7")] == [("pr-flow", ("qa: no",))]
    assert end("3" * 40, an_end("Succeeded")) == here
    assert end("4" * 40, an_end("Succeeded")) == []


def test_a_flow_that_begins_once_more_has_no_end_yet(flows: Flows, inbox: Inbox, ledger: Ledger) -> None:
    first = inbox.event(starts("comment-flow", again=True))
    assert first is not None
    flows.made(first)
    inbox.event(starts("comment-flow", again=True))
    following = flows.ended(first, an_end())
    assert following is not None
    assert following.workflow is None
    assert [each.identity for each in Ends(ledger).latest(5, "pr:7")] == [first]


def test_a_ledger_of_the_version_before_is_brought_to_this_shape(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/older.db"
    older = Ledger(url)
    Inbox(older, Clock()).event(starts("pr-flow", OLD))
    with older.transaction() as connection:
        for column in ends.COLUMNS:
            connection.execute(text(f"ALTER TABLE flows DROP COLUMN {column}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    older.close()
    newer = Ledger(url)
    (row,) = Flows(newer).listed("wanted")
    Flows(newer).ended(row.identity, an_end())
    assert Ends(newer).untold()
    newer.close()


@pytest.mark.parametrize("given", ["", "Bearer token-of-a-run"])
def test_nobody_but_the_operator_is_told_of_flows(whole: Platform, given: str) -> None:
    with httpx.Client(base_url=whole.address, headers={"authorization": given}) as http:
        ways: list[tuple[str, str, Any]] = [
            ("GET", FLOWS, None), ("POST", FLOWS, {"uid": "u"}), ("POST", f"{FLOWS}/1", {"state": "ended"}),
            ("POST", WAKES, {"ids": [1]}),
        ]  # fmt: skip
        for method, path, body in ways:
            answer = http.request(method, path, content=json.dumps(body) if body else None)
            assert answer.status_code == 401, path


def test_an_operator_that_waits_is_told_as_soon_as_there_is_something(whole: Platform, control: httpx.Client) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor() as aside:
        answer = aside.submit(control.get, f"{FLOWS}?wait=20")
        Inbox(whole.gateway.ledger, Clock()).event(starts("pr-flow", OLD))
        assert len(Due.model_validate_json(answer.result().content).make) == 1
    assert time.monotonic() - began < 15
    assert told(control).make


def test_an_operator_that_waits_does_not_hold_up_a_gateway_that_is_asked_to_end(
    whole: Platform, control: httpx.Client
) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor() as aside:
        answer = aside.submit(control.get, f"{FLOWS}?wait=20")
        whole.gateway.ending.set()
        assert Due.model_validate_json(answer.result().content) == Due()
    assert time.monotonic() - began < 15
