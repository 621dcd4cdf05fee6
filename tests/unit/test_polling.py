"""Events without ingress: polling comes to the same as webhooks do; the sweep finds what webhooks lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pressplay.gateway.assemble import assemble
from pressplay.gateway.inbox import Inbox
from pressplay.gateway.metrics import Metrics
from pressplay.gateway.polling import Polling, Sweep, failed
from pressplay.gateway.settings import from_environment
from pressplay.ledger import tables
from pressplay.ledger.commands import CommandLog
from pressplay.ledger.events import Events
from pressplay.ledger.flows import Flows
from pressplay.ledger.polls import Polls
from pressplay.ledger.store import Ledger
from pressplay.protocol.inbox import EVENTS
from pressplay.protocol.signer import Delivery
from tests.conformance.hub import Receiver
from tests.serving import served
from tests.unit.a_gateway import AGENTS, BRINGER, Cluster, platform
from tests.unit.test_commands import rewired
from tests.unit.test_gates import Scene, scene_of


@dataclass
class Ways:
    """The same repository, watched by a gateway with webhooks and by one that polls, each with its own ledger."""

    scene: Scene
    receiver: Receiver
    ledger: Ledger
    brought: int = 0

    def poll(self, *, said: bool = True, ledger: Ledger | None = None) -> None:
        """One look of the gateway that polls, or of another one."""
        asyncio.run(self._poll(said, ledger or self.ledger))

    async def _poll(self, said: bool, ledger: Ledger) -> None:
        async with rewired(self.scene) as (signer, github):
            inbox = Inbox(Events(ledger), signer, github, Path("/nowhere"), asyncio.Event(), Metrics())
            await Polling(inbox, Polls(ledger), signer, github, said, 30.0).work()

    def hooks(self) -> None:
        """Bring the webhooks that came to the other gateway."""
        deliveries = self.scene.whole.hub.state.deliveries
        self.receiver.until(lambda: len(self.receiver.came) >= len(deliveries), "all webhooks")
        for _, body in self.receiver.came[self.brought :]:
            answer = self.scene.whole.http.post(EVENTS, content=body, headers={"authorization": f"Bearer {BRINGER}"})
            assert answer.status_code == 202, answer.text
        self.brought = len(self.receiver.came)

    def result(self, ledger: Ledger) -> tuple[Any, Any, Any]:
        """Flows with their states, refusals, and commands that are due."""
        rows = Flows(ledger).listed("wanted", "made", "stopping", "ended")
        with ledger.transaction() as connection:
            table = tables.events.c
            refused = connection.execute(select(table.actor, table.kind).where(table.effect == "refused")).all()
        flows = {(each.key, each.generation, each.state, each.actor, each.head) for each in rows}
        return flows, {tuple(row) for row in refused}, len(CommandLog(ledger).due())

    def both(self) -> None:
        """Both ways have come to the same."""
        self.hooks()
        self.poll()
        flows, *others = self.result(self.ledger)
        wanted, *as_well = self.result(self.scene.whole.gateway.ledger)
        assert flows ^ wanted == set()
        assert others == as_well


@pytest.fixture
def ways(tmp_path: Path) -> Iterator[Ways]:
    with ExitStack() as stack:
        whole = stack.enter_context(platform(tmp_path))
        scene = scene_of(whole)
        scene.ci = whole.hub.make("/_hub/apps", {"slug": "ci"})["id"]
        receiver = Receiver()
        address = stack.enter_context(served(receiver))
        told = {"app_id": whole.hub.app["id"], "url": f"{address}/hook", "secret": "x"}
        ledger = Ledger(f"sqlite:///{tmp_path}/polled.db")
        stack.callback(ledger.close)
        made = Ways(scene, receiver, ledger)
        # What there was before is no news.
        made.poll()
        whole.hub.make("/_hub/hooks", told)
        yield made


def test_polling_comes_to_the_same_flows_refusals_and_commands_as_webhooks(ways: Ways) -> None:
    scene = ways.scene
    number = scene.number
    ways.both()
    assert ways.result(ways.ledger)[0] == set()
    scene.head = scene.push("two")
    ways.both()
    scene.head = scene.push("three", "ann")
    ways.both()
    scene.call("of-ann", "POST", f"/issues/{number}/comments", {"body": "Why so?"})
    scene.call("of-ann", "POST", f"/issues/{number}/comments", {"body": "/pressplay run"})
    scene.call("of-eve", "POST", f"/issues/{number}/comments", {"body": "/pressplay stop"})
    ways.both()
    scene.review("bob", "REQUEST_CHANGES", "Not yet.")
    ways.both()
    scene.check("failure")
    scene.check("failure", name="verdict", app=scene.whole.hub.app["id"])
    ways.both()
    issue = scene.call("of-eve", "POST", "/issues", {"title": "It subtracts"})
    scene.call("of-ann", "POST", f"/issues/{issue['number']}/labels", {"labels": ["pressplay"]})
    ways.both()
    scene.call("of-ann", "PATCH", f"/pulls/{number}", {"state": "closed"})
    ways.both()
    flows, refused, commands = ways.result(ways.ledger)
    assert {key.split(":")[3] for key, *_ in flows} == {"pr-flow", "comment-flow", "ci-flow", "issue-flow"}
    assert {state for key, _, state, *_ in flows if ":pr:" in key} == {"stopping"}
    assert ({actor for actor, _ in refused}, commands) == ({"eve"}, 1)


@pytest.mark.parametrize("polled_first", [True, False], ids=["polled first", "told first"])
def test_what_somebody_says_counts_once_when_it_comes_both_ways(ways: Ways, *, polled_first: bool) -> None:
    """As where the mode is changed, and GitHub brings again what had failed: also when all that it started is over."""
    scene, ledger = ways.scene, ways.scene.whole.gateway.ledger
    ways.poll(ledger=ledger)
    scene.call("of-ann", "POST", f"/issues/{scene.number}/comments", {"body": "Why so?"})
    scene.review("bob", "REQUEST_CHANGES", "Not yet.")
    steps = [lambda: ways.poll(ledger=ledger), ways.hooks]
    for step in steps if polled_first else reversed(steps):
        step()
        flows = Flows(ledger).listed("wanted", "made", "stopping", "ended")
        assert [(each.flow, each.generation) for each in flows] == [("comment-flow", 1)]
        for each in flows:
            Flows(ledger).ended(each.identity)
    # What is said later is something else.
    scene.call("of-ann", "POST", f"/issues/{scene.number}/comments", {"body": "And now?"})
    ways.hooks()
    assert [each.generation for each in Flows(ledger).listed("wanted")] == [2]


def test_a_check_on_a_stranger_s_fork_starts_nothing_either_way(ways: Ways) -> None:
    scene, hub = ways.scene, ways.scene.whole.hub
    hub.repository("eve/sums", {"README": "one\n"})
    # As a fork's branch is called by whoever made it, so that it looks like one of ours.
    scene.head = scene.push("two", "ann", "pressplay/mine")
    told = {"title": "More", "head": "pressplay/mine", "base": "main", "body": ""}
    number = scene.call("of-ann", "POST", "/pulls", told)["number"]
    hub.state.repositories["acme/sums"]["pulls"][str(number)]["from"] = "eve/sums"
    ways.poll()
    scene.check("failure")
    ways.poll()
    flows, *_ = ways.result(ways.ledger)
    assert {key for key, *_ in flows if "ci-flow" in key} == set()
    with ways.ledger.transaction() as connection:
        assert "check_run" in connection.execute(select(tables.events.c.kind)).scalars().all()


def test_a_second_look_brings_nothing_and_asks_for_little(ways: Ways) -> None:
    ways.scene.push("two")
    ways.poll()
    with ways.ledger.transaction() as connection:
        before = connection.execute(select(tables.events.c.digest, tables.events.c.times)).all()
    asked = len(ways.scene.whole.hub.state.tokens)
    ways.poll()
    with ways.ledger.transaction() as connection:
        assert connection.execute(select(tables.events.c.digest, tables.events.c.times)).all() == before
    assert len(ways.scene.whole.hub.state.tokens) == asked


def test_what_comes_while_github_limits_is_brought_afterwards(ways: Ways) -> None:
    ways.scene.push("two")
    limited = {"match": "GET .*/pulls$", "status": 429, "retry_after": 600, "count": 1}
    ways.scene.whole.hub.make("/_hub/faults", limited)
    ways.poll()
    assert ways.result(ways.ledger)[0] == set()
    ways.poll()
    assert len(ways.result(ways.ledger)[0]) == 1


def test_an_edit_of_an_earlier_comment_is_no_command(ways: Ways) -> None:
    made = ways.scene.call("of-ann", "POST", f"/issues/{ways.scene.number}/comments", {"body": "Hello"})
    ways.poll()
    time.sleep(1.1)  # GitHub's times are of whole seconds
    told = {"body": "/pressplay stop"}
    ways.scene.call("of-ann", "PATCH", f"/issues/comments/{made['id']}", told)
    ways.poll()
    assert CommandLog(ways.ledger).due() == []


def test_many_repositories_are_looked_at_less_often_and_not_listed_each_time(ways: Ways) -> None:
    async def looks() -> list[float]:
        async with rewired(ways.scene) as (signer, github):
            inbox = Inbox(Events(ways.ledger), signer, github, Path("/nowhere"), asyncio.Event(), Metrics())
            polling = Polling(inbox, Polls(ways.ledger), signer, github, said=True, seconds=1.0)
            first = await polling.work()
            unlisted = {"match": "GET .*/app/installations$", "status": 503, "count": 9}
            await asyncio.to_thread(ways.scene.whole.hub.make, "/_hub/faults", unlisted)
            await asyncio.to_thread(ways.scene.push, "two", "ann")
            return [first, await polling.work()]

    assert asyncio.run(looks()) == [5.0, 5.0]
    assert len(ways.result(ways.ledger)[0]) == 1


def sweep(ways: Ways, later: float = 0.0) -> None:
    """What a gateway with webhooks does now and then."""

    async def once() -> None:
        async with rewired(ways.scene) as (signer, github):
            whole = ways.scene.whole.gateway
            inbox = replace(whole.inbox, signer=signer, github=github, news=asyncio.Event(), tasks={})
            polls = Polls(whole.ledger)
            polling = Polling(inbox, polls, signer, github, said=False, seconds=30.0)
            await Sweep(polling, polls, signer, lambda: time.time() + later).work()

    asyncio.run(once())


def test_the_sweep_finds_a_commit_whose_webhook_was_lost_and_wakes_whoever_waits(ways: Ways) -> None:
    sweep(ways)
    head = ways.scene.push("two")
    sweep(ways)
    (flow,) = Flows(ways.scene.whole.gateway.ledger).listed("wanted")
    assert flow.head == head
    flows = Flows(ways.scene.whole.gateway.ledger)
    flows.forget_wakes([each.identity for each in flows.wakes()])
    sweep(ways)
    assert [each.subject for each in flows.wakes()] == [f"pr:{ways.scene.number}"]


def test_a_comment_whose_webhook_failed_is_delivered_again_and_only_until_it_arrives(ways: Ways) -> None:
    ways.receiver.status = 500
    ways.scene.call("of-ann", "POST", f"/issues/{ways.scene.number}/comments", {"body": "/pressplay why"})
    ways.receiver.until(lambda: len(ways.receiver.came) == 1, "the comment's webhook")
    settled(ways)
    sweep(ways)
    assert len(ways.receiver.came) == 1, "one that was sent a moment ago may be on its way"
    ways.receiver.status = 204
    sweep(ways, later=120.0)
    ways.receiver.until(lambda: len(ways.receiver.came) == 2, "the second attempt")
    settled(ways)
    sweep(ways, later=120.0)
    assert [each["redelivery"] for each in ways.scene.whole.hub.state.deliveries] == [False, True]
    ways.hooks()
    assert len(CommandLog(ways.scene.whole.gateway.ledger).due()) == 1


def settled(ways: Ways) -> None:
    """Wait until the stand-in knows what became of all deliveries."""
    deliveries = ways.scene.whole.hub.state.deliveries
    ways.receiver.until(lambda: all(each["status"] != "PENDING" for each in deliveries), "what became of deliveries")


def test_a_delivery_that_fails_again_and_again_is_given_up() -> None:
    def attempts(count: int, *, arrived: bool = False) -> list[Delivery]:
        return [
            Delivery(id=number, guid="g", delivered_at="2026-01-01T00:00:00Z", arrived=arrived and number == 0)
            for number in range(count)
        ]

    assert [each.id for each in failed(attempts(3), 2e9)] == [0]
    assert failed(attempts(4), 2e9) == []
    assert failed(attempts(2, arrived=True), 2e9) == []


@pytest.mark.parametrize(("mode", "kind"), [("", None), ("off", None), ("poll", Polling), ("webhook", Sweep)])
def test_the_gateway_asks_by_itself_as_its_settings_say(tmp_path: Path, mode: str, kind: type | None) -> None:
    variables = {
        "PRESSPLAY_LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db", "PRESSPLAY_AGENTS": str(AGENTS),
        "PRESSPLAY_EVENTS_MODE": mode,
    }  # fmt: skip
    made = assemble(from_environment(variables), Cluster())
    assert (type(made.watching) if made.watching else None) is kind
    made.ledger.close()
