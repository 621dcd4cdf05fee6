"""What brings GitHub's events to the inbox: its filters agree with what events mean, and no event's text is in it."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from pressplay.github.events import Kind
from pressplay.policy.flows import (
    ALERT_ACTIONS,
    CHECK_ACTIONS,
    ISSUE_ACTIONS,
    PULL_ACTIONS,
    SAID_ACTIONS,
    Flow,
)
from pressplay.protocol.inbox import DEAD_LETTERS, EVENTS
from pressplay.workflows.events.filters import FILTERS
from pressplay.workflows.events.objects import DataFilter, Filters
from pressplay.workflows.events.render import manifests

ROOT = Path(__file__).resolve().parents[2]
STARTS = {
    Flow.PULL_REQUEST: ((Kind.PULL_REQUEST,), PULL_ACTIONS),
    Flow.COMMENT: ((Kind.ISSUE_COMMENT, Kind.REVIEW, Kind.REVIEW_COMMENT), SAID_ACTIONS),
    Flow.ISSUE: ((Kind.ISSUES,), ISSUE_ACTIONS),
    Flow.CHECKS: ((Kind.CHECK_RUN, Kind.WORKFLOW_RUN), CHECK_ACTIONS),
    Flow.SECURITY: ((Kind.CODE_SCANNING, Kind.DEPENDABOT, Kind.SECRET_SCANNING), ALERT_ACTIONS),
}


def let_through(kind: str, action: str | None) -> list[str]:
    """The filters that an event passes, as Argo Events asks them: in order, until one says no."""
    body = {"X-GitHub-Event": kind, **({"action": action} if action is not None else {})}
    return [name for name, filters in FILTERS.items() if passes(filters, {"body": body})]


def passes(filters: Filters, data: dict[str, Any]) -> bool:
    return all(holds(each, data) for each in filters.data)


def holds(asked: DataFilter, data: dict[str, Any]) -> bool:
    found: Any = data
    for part in asked.path.split("."):
        assert part in found, f"the Sensor would log the whole event: it has no {asked.path}"
        found = found[part]
    matches = any(re.search(value, found) for value in asked.value)
    return matches == (asked.comparator is None)


@pytest.mark.parametrize("flow", STARTS)
def test_what_may_start_a_flow_passes_the_filter_of_its_name_and_no_other(flow: Flow) -> None:
    for kind, action in product(*STARTS[flow]):
        assert let_through(kind, action) == [flow.value], (kind, action)


def test_what_else_happens_to_them_wakes() -> None:
    for kinds, _ in STARTS.values():
        for kind in kinds:
            wakes = 0 if kinds == STARTS[Flow.SECURITY][0] else 1
            assert len(let_through(kind, "something_new")) == wakes, kind
    assert let_through(Kind.PUSH, None) == ["pushes-wake"]


def test_kinds_that_only_contain_the_name_of_another_go_nowhere() -> None:
    for kind in ("pull_request_review_thread", "check_suite", "deployment", "repository", "issues2", ""):
        assert let_through(kind, "created") == [], kind


def test_every_kind_that_means_something_is_asked_for() -> None:
    assert {kind for kind in Kind if not (let_through(kind, "created") or let_through(kind, "completed"))} == set()


def test_the_last_filter_stays_as_it_is() -> None:
    # Argo Events names the Sensor's place in the stream by it, and begins anew where it changes.
    name, filters = list(FILTERS.items())[-1]
    assert name == "ping"
    assert filters == Filters(data=(DataFilter(path="body.X-GitHub-Event", value=("^(ping)$",)),))


def test_the_sensor_sends_the_body_and_nothing_that_an_event_says_stands_in_a_template() -> None:
    sensor = manifests()["sensor"]
    text = json.dumps(sensor)
    assert not [
        word for word in ("{{", "dataTemplate", "contextTemplate", "parameters", '"script"', "k8s") if word in text
    ]
    (trigger,) = sensor["spec"]["triggers"]
    assert trigger["template"]["conditions"].split(" || ") == list(FILTERS)
    for each, path in ((trigger, EVENTS), (trigger["dlqTrigger"], DEAD_LETTERS)):
        http = each["template"]["http"]
        assert http["url"] == f"http://pressplay-gateway:8083{path}"
        assert {(part["src"]["dataKey"], part["dest"]) for part in http["payload"]} == {("body", "")}
        assert [part["src"]["dependencyName"] for part in http["payload"]] == list(FILTERS)
        assert each["atLeastOnce"] is True
        # Without it every answer would be success.
        assert 503 not in each["policy"]["status"]["allow"]


def test_no_secret_stands_in_the_objects_and_signatures_are_checked() -> None:
    built = manifests()
    (github,) = built["eventsource"]["spec"]["github"].values()
    assert github["webhookSecret"] == {"name": "pressplay-webhook", "key": "secret"}
    # NATS stores no record above 32 MiB; a body lies in it in base64, beside headers and envelope.
    assert github["webhook"]["maxPayloadSize"] * 4 / 3 + 200_000 < 32 * 1024 * 1024
    # With one of these it would register hooks of its own.
    assert not {"apiToken", "githubApp"} & github.keys()


def test_what_is_checked_in_is_what_is_built() -> None:
    for folder in ("workflow_templates/events", "charts/pressplay/files/events"):
        there = {file.stem: yaml.safe_load(file.read_text()) for file in (ROOT / folder).glob("*.yaml")}
        assert there == manifests(), f"{folder}: make generate"
