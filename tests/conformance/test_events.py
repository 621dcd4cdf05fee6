"""Every example of GitHub's webhooks: none is mistaken, and the table in docs/reference/events.md says what each does.

Where a change is meant: `GOLDEN=write pytest tests/conformance/test_events.py`, then look at the difference.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import re
from collections.abc import Iterator

import pytest

from pressplay.cli.simulate import Told, what
from pressplay.gateway.flows import parameters
from pressplay.github.events import Kind, NotAnEvent, parse
from pressplay.ledger.flows import Flows
from pressplay.operator.nodes.contract import INPUTS
from pressplay.policy.flows import Context, Effect
from pressplay.protocol.inbox import EVENTS
from tests.conformance.starting import (
    ATTACKS,
    ROOT,
    attacked_each,
    attacked_everywhere,
    examples,
    flow_of,
    parsed,
    starting,
)
from tests.unit.a_gateway import BRINGER, Platform, platform
from tests.unit.test_workflows_events import let_through

PAGE = ROOT / "docs" / "reference" / "events.md"
HEAD = """\
# Events

What each example of GitHub's own webhooks (`@octokit/webhooks-examples`) starts or wakes, told by `pressplay simulate`
as for an actor with write permission. A test writes this page and holds it. Events that are not here mean nothing.

| event | what it does | flow | why |
| --- | --- | --- | --- |
"""


def outcomes() -> Iterator[tuple[str, Told]]:
    for name, body in examples():
        yield name, what(name, json.dumps(body).encode(), Context(), "write")


def test_no_example_is_taken_for_another_kind_of_event() -> None:
    ours = {kind.value for kind in Kind}
    for name, body in examples():
        taken_for = kind_of(json.dumps(body).encode())
        assert taken_for == (name if name in ours else ""), (name, body.get("action"))


def kind_of(body: bytes) -> str:
    try:
        return parse(body).kind.value
    except NotAnEvent:
        return ""


def test_what_starts_or_wakes_names_its_subject_and_what_starts_its_key() -> None:
    for name, told in outcomes():
        if told.effect in (Effect.START, Effect.WAKE):
            assert told.subjects, (name, told)
        assert bool(told.key) == (told.effect in (Effect.START, Effect.COMMAND)), (name, told)


def test_the_sensor_lets_through_what_does_something_once_and_what_starts_by_the_name_of_its_flow() -> None:
    for (name, body), (_, told) in zip(examples(), outcomes(), strict=True):
        passed = let_through(name, body.get("action"))
        assert len(passed) <= 1, (name, body.get("action"), passed)
        if told.effect != Effect.NOTHING:
            assert passed, (name, body.get("action"), "means something and would not arrive")
        if told.effect == Effect.START:
            assert passed == [told.flow], (name, body.get("action"))


def test_the_page_of_events_says_what_each_does() -> None:
    rows = {
        (told.event.replace(".", " "), told.effect, told.flow, told.why)
        for _, told in outcomes()
        if told.event
    }  # fmt: skip
    page = HEAD + "".join(f"| {' | '.join(row)} |\n" for row in sorted(rows))
    if os.environ.get("GOLDEN") == "write":
        PAGE.write_text(page)
    assert PAGE.read_text() == page


# What an alert is called in a flow of its own.
ALERT = r"(code_scanning|dependabot|secret_scanning)_alert:[0-9]{1,16}"


def test_a_text_of_an_event_changes_nothing_of_the_flow_that_it_starts() -> None:
    texts = itertools.cycle(ATTACKS)
    for name, body in starting():
        for _ in ATTACKS:
            event, hostile = parsed(body), parsed(attacked_everywhere(body, texts))
            assert event is not None
            assert hostile is not None
            assert flow_of(hostile) == flow_of(event), (name, body.get("action"))


def test_whatever_stands_in_any_text_of_an_event_only_ids_names_and_commits_reach_a_workflow() -> None:
    texts, begun = itertools.cycle(ATTACKS), 0
    for _, body in starting():
        for changed in attacked_each(body, texts):
            event = parsed(changed)
            row = flow_of(event) if event is not None else None
            if row is None:
                continue
            begun += 1
            for name, value in parameters(row).items():
                assert re.fullmatch(ALERT if name == "alert" else INPUTS[name][0], value), (row.flow, name, value)
    assert begun > 1_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A gateway, and at the stand-in every repository of the examples with every actor as somebody who may write."""
    with platform(tmp_path_factory.mktemp("gateway")) as made:
        events = [event for _, body in examples() if (event := parsed(body)) is not None]
        for name in {event.repository for event in events}:
            made.hub.repository(name, {"README": "one\n"})
        for login in {event.actor for event in events if event.actor_type == "User"}:
            made.hub.make("/_hub/users", {"login": login, "token": f"of-{login}", "role": "write"})
        yield made


def test_every_example_comes_to_what_it_should_in_the_real_inbox(whole: Platform) -> None:
    headers = {"authorization": f"Bearer {BRINGER}"}
    for name, body in examples():
        sent = json.dumps(body).encode()
        answer = whole.http.post(EVENTS, content=sent, headers=headers)
        assert answer.status_code == 202, (name, body.get("action"), answer.text)
        told, event = what(name, sent, Context(), "write"), parsed(body)
        expected = told.effect
        if told.effect == Effect.START and event is not None and event.actor_type == "Bot":
            expected = "refused"
        assert answer.json()["effect"] == expected, (name, body.get("action"), answer.json())
    keys = {told.key for _, told in outcomes() if told.effect == Effect.START}
    assert {flow.key for flow in Flows(whole.gateway.ledger).listed("wanted")} == keys


def test_all_examples_doubled_and_in_any_order_start_each_flow_once(whole: Platform) -> None:
    shuffled = [json.dumps(body).encode() for _, body in examples()] * 2
    random.Random(11).shuffle(shuffled)  # noqa: S311 - the same order each time
    for body in shuffled:
        answer = whole.http.post(EVENTS, content=body, headers={"authorization": f"Bearer {BRINGER}"})
        assert answer.status_code == 202
    keys = [flow.key for flow in Flows(whole.gateway.ledger).listed("wanted")]
    assert sorted(keys) == sorted({told.key for _, told in outcomes() if told.effect == Effect.START})
