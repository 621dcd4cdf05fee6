"""Every example of GitHub's webhooks, through Argo Events: it does what `pressplay simulate` says of it, once a key.

What that is stands in docs/reference/events.md. Texts that mean harm, in the place of those of all that start flows,
change nothing.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from localdemo.objects import FLOWS, SYSTEM
from localdemo.standins import StandIns
from pressplay.gateway.flows import parameters
from pressplay.resources import names
from tests.conformance.starting import ATTACKS, CANARY, attacked_everywhere, examples, flow_of, starting
from tests.e2e.support.arrivals import GATEWAY, OPERATOR, Arrivals
from tests.e2e.support.examples import (
    Example,
    assert_dealt_with,
    assert_nobody_stumbled,
    elsewhere,
    forget,
    seed,
    workflows,
)
from tests.e2e.support.kube import Kube

# They count restarts, and there are many at once.
pytestmark = [pytest.mark.alone, pytest.mark.timeout(480, func_only=True)]

AT_ONCE = 8
Bodies = Iterator[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def arrivals(kube: Kube, platform: StandIns) -> Arrivals:
    """The way, ready, and a stand-in that knows whom and what the examples are about."""
    seed(platform)
    way = Arrivals(kube)
    way.await_ready()
    return way


@pytest.fixture
def posted(kube: Kube) -> Iterator[Callable[[Bodies], list[Example]]]:
    """Webhooks about repositories that nobody has heard of; what they start is gone afterwards."""
    made: list[Example] = []

    def make(bodies: Bodies) -> list[Example]:
        made.extend(elsewhere(bodies))
        return made

    yield make
    forget(kube, made)


def test_every_example_does_what_simulate_says_of_it(
    arrivals: Arrivals, posted: Callable[[Bodies], list[Example]]
) -> None:
    before, every = arrivals.restarts(), posted(iter(examples()))
    with arrivals.door() as door:
        assert {door.post(each.delivery) for each in every} == {200}
    assert_dealt_with(arrivals, every, times=1)
    assert_nobody_stumbled(arrivals, before)


def test_all_examples_at_once_doubled_and_in_any_order_have_one_effect_a_key(
    arrivals: Arrivals, posted: Callable[[Bodies], list[Example]]
) -> None:
    before, every = arrivals.restarts(), posted(iter(examples()))
    doubled = [*every, *every]
    random.Random(7).shuffle(doubled)  # noqa: S311 - the same order each time
    with arrivals.door() as door, ThreadPoolExecutor(AT_ONCE) as several:
        assert set(several.map(lambda each: door.post(each.delivery), doubled)) == {200}
    assert_dealt_with(arrivals, every, times=2)
    assert_nobody_stumbled(arrivals, before)


def test_texts_that_mean_harm_start_the_same_flows_and_reach_none_of_them(
    arrivals: Arrivals, posted: Callable[[Bodies], list[Example]]
) -> None:
    before, texts = arrivals.restarts(), itertools.cycle(ATTACKS)
    every = posted((name, attacked_everywhere(body, texts)) for name, body in starting())
    with arrivals.door() as door:
        assert {door.post(each.delivery) for each in every} == {200}
    assert_dealt_with(arrivals, every, times=1)
    flows = [flow for each in every if each.event is not None and (flow := flow_of(each.event)) is not None]
    expected = {f"{flow.key}#1": parameters(flow) for flow in flows}
    for workflow in workflows(arrivals.kube, every):
        given = {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}
        assert given == expected[workflow["metadata"]["annotations"][names.FLOW_KEY]]
        assert CANARY not in json.dumps(workflow)
    assert CANARY not in json.dumps([arrivals.kube.list(kind, FLOWS) for kind in ("CodeRun", "Job", "Pod")])
    for selector in (GATEWAY, OPERATOR):
        pod = arrivals.pod(selector)["metadata"]["name"]
        assert arrivals.kube.execute(SYSTEM, pod, "sh", "-c", f"ls /tmp | grep {CANARY}")[0] == 1, selector
    # A command that nobody sees on the page is none.
    commanded = {row[0] for row in arrivals.rows("select repository_id from commands")}
    assert not commanded & {each.event.repository_id for each in every if each.event is not None}
    assert_nobody_stumbled(arrivals, before)
