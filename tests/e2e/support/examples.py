"""Examples of GitHub's webhooks as they are posted: about repositories nobody has heard of, by people who may write.

At the stand-in are the repositories of all examples. Each time they have other ids, so that nothing has happened to
them yet.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from localdemo.objects import FLOWS, SYSTEM
from localdemo.standins import StandIns, archive_of
from pressplay.cli.simulate import Told, what
from pressplay.github.events import Event
from pressplay.policy.flows import Effect
from pressplay.resources import names
from tests.conformance.starting import CONTEXT, examples, parsed
from tests.e2e.support.arrivals import GATEWAY, SENSOR, Arrivals, digest_of
from tests.e2e.support.kube import Kube, Manifest
from tests.e2e.support.people import Person
from tests.e2e.support.waiting import until
from tests.e2e.support.webhooks import Delivery
from tests.unit.test_workflows_events import let_through

ARRIVE_SECONDS = 240.0
MADE_SECONDS = 90.0
LARGEST_SHIFT = 2**50


@dataclass(frozen=True)
class Example:
    """A webhook, what is said of it offline, and the event that it is; None where it is none that means something."""

    name: str
    body: bytes
    told: Told
    event: Event | None

    @property
    def digest(self) -> str:
        """By what the ledger knows it."""
        return digest_of(self.body)

    @property
    def arrives(self) -> bool:
        """Whether the Sensor lets it through."""
        return bool(let_through(self.name, json.loads(self.body).get("action")))

    @property
    def effect(self) -> str:
        """What it does: as it is said, but that Apps which are not ours start nothing."""
        by_app = self.event is not None and self.event.actor_type == "Bot"
        return "refused" if by_app and self.told.effect == Effect.START else self.told.effect

    @property
    def delivery(self) -> Delivery:
        """It, sent once."""
        return Delivery(self.name, self.body, str(uuid4()))


def elsewhere(bodies: Iterable[tuple[str, dict[str, Any]]]) -> list[Example]:
    """These webhooks, about repositories with other ids."""
    shift = secrets.randbelow(LARGEST_SHIFT)
    return [_example(name, _moved(body, shift)) for name, body in bodies]


def _example(name: str, told: dict[str, Any]) -> Example:
    body = json.dumps(told).encode()
    return Example(name, body, what(name, body, CONTEXT, "write"), parsed(told))


def _moved(body: dict[str, Any], shift: int) -> dict[str, Any]:
    repository = (body.get("repository") or {}).get("id")

    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(each) for each in value]
        if not isinstance(value, dict):
            return value
        inside = {name: moved(each) for name, each in value.items()}
        return {**inside, "id": repository + shift} if repository and value.get("id") == repository else inside

    return {**moved(body), "shifted": shift}


def seed(hub: StandIns) -> None:
    """Have the stand-in know whom and what the examples are about."""
    events = [found for _, body in examples() if (found := parsed(body)) is not None]
    for repository in {event.repository for event in events}:
        hub.repository(repository, archive_of({"README": "one\n"}))
    for login in {event.actor for event in events if event.actor_type == "User"}:
        Person(hub, login).exists("write")


def workflows(kube: Kube, every: Iterable[Example]) -> list[Manifest]:
    """The Workflows that examples have started."""
    identities = ",".join({str(each.event.repository_id) for each in every if each.event is not None})
    return kube.list("Workflow", FLOWS, f"{names.REPOSITORY_ID} in ({identities})")


def forget(kube: Kube, every: Iterable[Example]) -> None:
    """Have what examples have started be gone."""
    for workflow in workflows(kube, every):
        kube.delete("Workflow", workflow["metadata"]["name"], FLOWS)


def assert_dealt_with(arrivals: Arrivals, every: list[Example], times: int) -> None:
    """That each event stands in the ledger with its effect, and that there is one Workflow for each key."""
    expected = {each.digest: each.effect for each in every if each.arrives}
    there = arrivals.await_kept(expected, seconds=ARRIVE_SECONDS)
    assert {each.digest: there[each.digest].effect for each in every if each.digest in there} == expected
    assert all(there[digest].times >= times for digest in expected)
    keys = {f"{each.told.key}#1" for each in every if each.effect == Effect.START}

    def lacking() -> set[str]:
        return keys - set(_keys(workflows(arrivals.kube, every)))

    until("the flows to be made", lambda: not lacking(), seconds=MADE_SECONDS, seen=lacking)
    assert Counter(_keys(workflows(arrivals.kube, every))) == Counter(keys)


def _keys(made: Iterable[Manifest]) -> Iterator[str]:
    yield from (each["metadata"]["annotations"][names.FLOW_KEY] for each in made)


def assert_nobody_stumbled(arrivals: Arrivals, before: Mapping[str, int]) -> None:
    """That nothing ended or failed on the way."""
    assert arrivals.restarts() == before
    assert "Traceback" not in arrivals.kube.logs(SYSTEM, arrivals.pod(GATEWAY)["metadata"]["name"], "gateway")
    # No filter failed on any of them: it would have written the event into its log.
    assert "filter error" not in arrivals.kube.logs(SYSTEM, arrivals.pod(SENSOR)["metadata"]["name"])
