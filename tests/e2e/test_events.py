"""GitHub's events on their way through Argo Events into the ledger: once each, none lost, none forged."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import uuid4

import pytest

from localdemo.objects import SYSTEM
from localdemo.standins import StandIns, archive_of
from tests.e2e.support.arrivals import GATEWAY, SENSOR, Arrivals, digest_of
from tests.e2e.support.kube import Kube
from tests.e2e.support.waiting import until
from tests.e2e.support.webhooks import Delivery, example

# They count restarts, and take the inbox away.
pytestmark = pytest.mark.alone

TWENTY_MEGABYTES = 20 * 1024 * 1024
LARGEST = 25_000_000


@pytest.fixture(scope="module")
def arrivals(kube: Kube, platform: StandIns) -> Arrivals:
    """The way, ready."""
    way = Arrivals(kube)
    way.await_ready()
    return way


def another(event: str, padding: int = 0) -> Delivery:
    """An example that nobody has sent yet: its body is another one, too."""
    told = example(event, padding)
    body = json.dumps({**json.loads(told.body), "only": str(uuid4())}).encode()
    return replace(told, body=body)


def test_a_signed_webhook_reaches_the_ledger_once(arrivals: Arrivals) -> None:
    told = another("issues")
    with arrivals.door() as door:
        assert door.post(told) == 200
    event = arrivals.await_kept([digest_of(told.body)])[digest_of(told.body)]
    assert (event.kind, event.times, event.effect) == ("issues", 1, "wake")


def test_a_forged_webhook_does_not(arrivals: Arrivals) -> None:
    forged, next_one = another("issues"), another("issues")
    with arrivals.door() as door:
        assert door.post(forged, secret="a guess") == 400
        assert door.post(next_one) == 200
    # What was sent later is there: the forged one, had it been taken, would be, too.
    assert digest_of(forged.body) not in arrivals.await_kept([digest_of(next_one.body)])


def test_the_same_body_is_one_event_whatever_its_headers_say(arrivals: Arrivals) -> None:
    told = another("issue_comment")
    digest = digest_of(told.body)
    with arrivals.door() as door:
        for each in (told, replace(told, delivery=str(uuid4())), replace(told, event="pull_request_review")):
            assert door.post(each) == 200
    arrivals.await_kept([digest])
    until("it to have come three times", lambda: arrivals.kept()[digest].times == 3, seconds=60)
    assert arrivals.kept()[digest].kind == "issue_comment"


def test_a_webhook_of_twenty_megabytes_arrives_and_one_too_large_is_refused_at_the_door(arrivals: Arrivals) -> None:
    large, too_large = another("push", TWENTY_MEGABYTES), another("push", LARGEST)
    before = arrivals.restarts()
    with arrivals.door() as door:
        assert door.post(large) == 200
        # GitHub notes such a delivery as failed; what it told is read from GitHub's state.
        assert door.post(too_large) == 400
    assert arrivals.await_kept([digest_of(large.body)])[digest_of(large.body)].times == 1
    assert arrivals.restarts() == before


def test_nothing_is_lost_with_a_sensor_that_is_killed(arrivals: Arrivals) -> None:
    told = [another("issues") for _ in range(30)]
    with arrivals.door() as door:
        for number, each in enumerate(told):
            assert door.post(each) == 200
            if number in (5, 15):
                arrivals.kube.delete("Pod", arrivals.pod(SENSOR)["metadata"]["name"], SYSTEM, grace=0)
    there = arrivals.await_kept([digest_of(each.body) for each in told])
    assert {there[digest_of(each.body)].effect for each in told} == {"wake"}


def test_nothing_is_lost_while_the_inbox_is_away(arrivals: Arrivals) -> None:
    told = [another("issues") for _ in range(5)]
    with arrivals.kube.scaled("Deployment", "pressplay-gateway", SYSTEM, 0):
        until("the gateway to be gone", lambda: not arrivals.kube.list("Pod", SYSTEM, GATEWAY), seconds=120)
        with arrivals.door() as door:
            assert [door.post(each) for each in told] == [200] * len(told)
    there = arrivals.await_kept([digest_of(each.body) for each in told])
    assert {there[digest_of(each.body)].effect for each in told} == {"wake"}


def test_what_happens_at_the_stand_in_arrives_signed_by_it(arrivals: Arrivals, platform: StandIns) -> None:
    name = f"acme/arrivals-{uuid4().hex[:8]}"
    platform.repository(name, archive_of({"README": "one\n"}))
    platform.hub("POST", "/_hub/issues", {"repository": name, "title": "{{=1}} ''' $(id)"})
    event = until(
        "the issue to arrive", lambda: next((e for e in arrivals.kept().values() if e.repository == name), None),
        seconds=60,
    )  # fmt: skip
    assert event.kind == "issues"
