"""The one way in for events: kept before anything else, dealt with once, started by people with write permission."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from pressplay.ledger import tables
from pressplay.ledger.flows import Flows
from pressplay.protocol.inbox import DEAD_LETTERS, EVENTS, LARGEST_BROUGHT, MINIMAL, Outcome
from tests.unit.a_gateway import BRINGER, Platform, platform

HEAD = "a" * 40
US = {"login": "pressplay[bot]", "type": "Bot"}


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path) as made:
        for login, role in (("ann", "write"), ("bob", "read")):
            made.hub.make("/_hub/users", {"login": login, "token": f"of-{login}", "role": role})
        yield made


@pytest.fixture
def inbox(whole: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=whole.address, timeout=30) as http:
        yield http


def bring(inbox: httpx.Client, told: dict[str, Any], **headers: str) -> Outcome:
    sent = {"authorization": f"Bearer {BRINGER}", **headers}
    answer = inbox.post(EVENTS, content=json.dumps(told).encode(), headers=sent)
    assert answer.status_code == 202, answer.text
    return Outcome.model_validate_json(answer.content)


def opened(whole: Platform, login: str = "ann", head: str = HEAD, **more: Any) -> dict[str, Any]:
    identity = whole.hub.state.repositories["acme/sums"]["id"]
    sender = {"login": login, "type": "Bot" if login.endswith("[bot]") else "User"}
    repo = {"id": identity}
    pull = {
        "number": 3, "user": sender, "draft": False, "head": {"sha": head, "ref": "work", "repo": repo},
        "base": {"ref": "main", "repo": repo},
    }  # fmt: skip
    repository = {"id": identity, "full_name": "acme/sums", "default_branch": "main"}
    return {"action": "opened", "number": 3, "pull_request": pull, "repository": repository, "sender": sender, **more}


def count(whole: Platform, table: Any) -> int:
    with whole.gateway.ledger.transaction() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_an_event_starts_its_flow_once_however_often_it_comes(whole: Platform, inbox: httpx.Client) -> None:
    first = bring(inbox, opened(whole))
    assert (first.effect, first.flow, first.new) == ("start", "pr-flow", True)
    for headers in ({}, {"x-github-delivery": "another-id"}, {"x-github-event": "issues"}):
        again = bring(inbox, opened(whole), **headers)
        assert (again.effect, again.flow, again.new) == ("start", None, False)
    # Another body about the same commit: another event, the same flow.
    other = bring(inbox, opened(whole, action="reopened"))
    assert (other.new, other.flow) == (True, None)
    (flow,) = Flows(whole.gateway.ledger).listed("wanted")
    assert (flow.subject, flow.head, flow.actor, flow.generation) == ("pr:3", HEAD, "ann", 1)
    assert bring(inbox, opened(whole, head="b" * 40)).flow == "pr-flow"


@pytest.mark.parametrize(
    ("login", "effect", "words"),
    [
        ("ann", "start", ""), ("acme", "start", ""), ("bob", "refused", "bob has read permission"),
        ("nobody", "refused", "nobody has no permission"), ("pressplay[bot]", "start", ""),
        ("other[bot]", "refused", "an App that is not ours"),
    ],
)  # fmt: skip
def test_only_people_who_may_write_start_something(
    whole: Platform, inbox: httpx.Client, login: str, effect: str, words: str
) -> None:
    found = bring(inbox, opened(whole, login))
    assert found.effect == effect
    assert words in found.why
    assert len(Flows(whole.gateway.ledger).listed("wanted")) == (effect == "start")
    wakes = Flows(whole.gateway.ledger).wakes()
    assert [wake.subject for wake in wakes] == ([] if effect == "start" else ["pr:3"])


def test_permission_is_asked_for_when_it_counts_and_not_believed_from_the_event(
    whole: Platform, inbox: httpx.Client
) -> None:
    told = opened(whole, "bob")
    told["pull_request"]["author_association"] = "OWNER"
    assert bring(inbox, told).effect == "refused"
    whole.hub.make("/_hub/collaborators", {"repository": "acme/sums", "login": "bob", "role": "write"})
    assert bring(inbox, opened(whole, "bob", head="c" * 40)).effect == "start"


def test_an_event_that_comes_while_github_is_away_is_kept_and_dealt_with_later(
    whole: Platform, inbox: httpx.Client
) -> None:
    fault = {"match": "collaborators", "status": 503, "count": 3}
    whole.hub.make("/_hub/faults", fault)
    body = json.dumps(opened(whole)).encode()
    answer = inbox.post(EVENTS, content=body, headers={"authorization": f"Bearer {BRINGER}"})
    assert (answer.status_code, answer.json()["reason"]) == (503, "GitHubUnavailable")
    assert count(whole, tables.events) == 1
    assert Flows(whole.gateway.ledger).listed("wanted") == []
    # It is brought again by who brought it; and were it not, it would be found.
    assert Outcome.model_validate_json(
        inbox.post(EVENTS, content=body, headers={"authorization": f"Bearer {BRINGER}"}).content
    ).flow == "pr-flow"  # fmt: skip
    assert whole.gateway.inbox.events.unsettled() == []


@pytest.mark.parametrize(("login", "effect"), [("pressplay[bot]", "start"), ("other[bot]", "refused")])
def test_whether_an_app_is_ours_is_asked_until_github_tells(
    whole: Platform, inbox: httpx.Client, login: str, effect: str
) -> None:
    whole.hub.make("/_hub/faults", {"match": "GET /api/v3/app", "status": 503, "count": 1})
    body = json.dumps(opened(whole, login)).encode()
    answer = inbox.post(EVENTS, content=body, headers={"authorization": f"Bearer {BRINGER}"})
    assert (answer.status_code, answer.json()["reason"]) == (503, "GitHubUnavailable")
    assert whole.gateway.inbox.events.unsettled() != []
    assert bring(inbox, opened(whole, login)).effect == effect
    assert whole.gateway.inbox.events.unsettled() == []


def test_what_argo_events_made_of_a_body_is_the_same_event(whole: Platform, inbox: httpx.Client) -> None:
    first = bring(inbox, opened(whole))
    for delivery, event in (("one", "pull_request"), ("two", "push")):
        again = bring(inbox, {**opened(whole), "X-GitHub-Delivery": delivery, "X-GitHub-Event": event})
        assert (again.digest, again.new) == (first.digest, False)
    assert count(whole, tables.events) == 1


def test_who_wants_no_answer_gets_none_and_what_he_brought_is_dealt_with(whole: Platform, inbox: httpx.Client) -> None:
    headers = {"authorization": BRINGER, "prefer": MINIMAL}
    for _ in range(2):
        answer = inbox.post(EVENTS, content=json.dumps(opened(whole)).encode(), headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")
    flow = wanted_in(whole, seconds=10)
    assert (flow.subject, flow.actor) == ("pr:3", "ann")
    until(lambda: metric(whole, "pull_request", "start"), "the event to be counted")
    assert metric(whole, "pull_request", "start") == 1


def test_who_wants_no_answer_is_not_told_that_github_is_away(whole: Platform, inbox: httpx.Client) -> None:
    whole.hub.make("/_hub/faults", {"match": "collaborators", "status": 503, "count": 3})
    headers = {"authorization": BRINGER, "prefer": MINIMAL}
    assert inbox.post(EVENTS, content=json.dumps(opened(whole)).encode(), headers=headers).status_code == 204
    until(lambda: not whole.gateway.inbox.tasks, "the first try to end")
    assert len(whole.gateway.inbox.events.unsettled()) == 1
    assert bring(inbox, opened(whole)).flow == "pr-flow"


def test_a_dead_letter_is_dealt_with_if_it_can_be(whole: Platform, inbox: httpx.Client) -> None:
    body, headers = json.dumps(opened(whole)).encode(), {"authorization": BRINGER}
    assert inbox.post(DEAD_LETTERS, content=body, headers=headers).status_code == 204
    assert wanted_in(whole, seconds=10).subject == "pr:3"


def test_a_dead_letter_that_breaks_the_inbox_is_kept_for_people(
    whole: Platform, inbox: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: bytes) -> None:
        raise AssertionError("a bug")

    monkeypatch.setattr("pressplay.gateway.inbox.parse", broken)
    body, headers = json.dumps(opened(whole)).encode(), {"authorization": BRINGER}
    closing = {**headers, "connection": "close"}
    assert inbox.post(EVENTS, content=body, headers=closing).status_code == 500
    assert inbox.post(DEAD_LETTERS, content=body, headers=headers).status_code == 204
    with whole.gateway.ledger.transaction() as connection:
        (row,) = connection.execute(select(tables.events)).all()
    assert row.effect == "dead"
    assert metric(whole, "", "dead") == 1


def test_a_dead_letter_takes_the_secret_too(inbox: httpx.Client) -> None:
    assert inbox.post(DEAD_LETTERS, content=b"{}", headers={"authorization": "a guess"}).status_code == 401


def test_what_no_webhook_can_be_is_refused_for_its_size(whole: Platform, inbox: httpx.Client) -> None:
    body, headers = b"x" * (LARGEST_BROUGHT + 1), {"authorization": BRINGER}
    assert inbox.post(EVENTS, content=body, headers=headers).status_code == 413
    assert count(whole, tables.events) == 0


def wanted_in(whole: Platform, seconds: float) -> Any:
    until(lambda: Flows(whole.gateway.ledger).listed("wanted"), "a wanted flow", seconds)
    (flow,) = Flows(whole.gateway.ledger).listed("wanted")
    return flow


def until(look: Any, what: str, seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < ends, f"waited {seconds} s for {what}"
        time.sleep(0.01)


def metric(whole: Platform, kind: str, effect: str) -> float:
    return float(whole.gateway.inbox.metrics.events.labels(kind, effect)._value.get())


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Bearer token-of-the-operator"])
def test_nobody_else_brings_events(whole: Platform, inbox: httpx.Client, given: str) -> None:
    answer = inbox.post(EVENTS, content=json.dumps(opened(whole)).encode(), headers={"authorization": given})
    assert answer.status_code == 401
    assert count(whole, tables.events) == 0


def test_events_that_are_shuffled_and_doubled_come_to_one_flow_a_key(whole: Platform, inbox: httpx.Client) -> None:
    heads = [f"{number:040x}" for number in range(1, 6)]
    told = [opened(whole, head=head, action=action) for head in heads for action in ("opened", "synchronize")]
    told += told
    random.Random(7).shuffle(told)  # noqa: S311 - the same order each time

    async def at_once() -> None:
        headers = {"authorization": f"Bearer {BRINGER}"}
        async with httpx.AsyncClient(base_url=inbox.base_url, timeout=60, headers=headers) as http:
            answers = await asyncio.gather(*(http.post(EVENTS, content=json.dumps(each)) for each in told))
        assert {answer.status_code for answer in answers} == {202}

    asyncio.run(at_once())
    flows = Flows(whole.gateway.ledger).listed("wanted")
    assert sorted(str(flow.head) for flow in flows) == heads
    assert count(whole, tables.events) == len(heads) * 2


@pytest.mark.parametrize("number", [2**53, 2**63, 1e300])
def test_numbers_that_are_no_ids_of_github_s_are_no_fault(whole: Platform, inbox: httpx.Client, number: float) -> None:
    told = opened(whole)
    assert bring(inbox, {**told, "repository": {**told["repository"], "id": number}}).effect == "nothing"
    assert bring(inbox, {**told, "pull_request": {**told["pull_request"], "number": number}}).effect == "nothing"


def test_what_no_parser_takes_whole_is_kept_all_the_same(whole: Platform, inbox: httpx.Client) -> None:
    """Halves of characters and endless numbers: the body stays as it came, and is read as far as it can be."""
    body = json.dumps({**opened(whole), "title": "\ud83d", "odd": float("inf")}).replace('"work"', r'"w\ud83d"')
    answer = inbox.post(EVENTS, content=body.encode(), headers={"authorization": f"Bearer {BRINGER}"})
    assert (answer.status_code, answer.json()["effect"]) == (202, "start")


def test_what_is_no_event_is_kept_and_means_nothing(whole: Platform, inbox: httpx.Client) -> None:
    assert bring(inbox, {"zen": "Keep it logically awesome."}).effect == "nothing"
    for body in (b"", b"\xff", b"[" * 50_000):
        answer = inbox.post(EVENTS, content=body, headers={"authorization": f"Bearer {BRINGER}"})
        assert (answer.status_code, answer.json()["effect"]) == (202, "nothing")
    assert count(whole, tables.events) == 4
    assert Flows(whole.gateway.ledger).listed("wanted") == []
