"""Whoever a flow needs is killed while the flow stands in the middle: nothing is lost, and nothing happens twice.

Each flow is started by the webhook of a pull request. While QA is at work on it somebody is killed; in the same moment
QA goes on, hands over a commit, of which GitHub tells, and a remark, and a person asks something in a comment.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from uuid import uuid4

import pytest

from localdemo.objects import SYSTEM
from localdemo.standins import StandIns, archive_of
from localkube.state import ClusterRecord
from tests.e2e.support.arrivals import GATEWAY, OPERATOR, SENSOR, SOURCE, Arrivals
from tests.e2e.support.faults import kill_container
from tests.e2e.support.kube import Kube
from tests.e2e.support.people import Person, comments, commits
from tests.e2e.support.started import HOLD, Started, repository_id
from tests.e2e.support.waiting import until

pytestmark = [pytest.mark.alone, pytest.mark.timeout(480, func_only=True)]

# Last the gateway: it asks GitHub, when it begins, for deliveries that failed a minute ago or earlier.
VICTIMS = ("event source", "bus", "sensor", "operator", "gateway")
TITLE = "Add up while others fall"
SUMS = "def add(a, b):\n    return a + b\n"
SAID = "The sum of two numbers is right, also of negative ones."
TEST = "from sums import add\n\n\ndef test_add():\n    assert add(1, -2) == -1\n"
QA = f"""
match: {TITLE}
system: You are QA.
turns:
  - tools:
      - {{name: shell, arguments: {{command: "{HOLD}", seconds: 290}}}}
  - tools:
      - {{name: write, arguments: {{path: test_sums.py, content: {json.dumps(TEST)}}}}}
      - {{name: shell, arguments: {{command: "python3 -c 'import test_sums; test_sums.test_add()' && echo fine"}}}}
  - expect: fine
    tools:
      - name: finish
        arguments: {{title: Test sums, verdict: pass, summary: Tested., body: "", comment: "{SAID}"}}
"""
ASKED = "/pressplay why"
ANSWERED_SECONDS = 240.0
SETTLED_SECONDS = 65.0


@dataclass(frozen=True)
class Scene:
    """A repository with a pull request for each victim, all of them under QA's hands."""

    kube: Kube
    cluster: ClusterRecord
    hub: StandIns
    repository: str
    grace: Person
    numbers: dict[str, int]
    flows: dict[str, Started]

    def said(self, victim: str, text: str) -> int:
        """How many comments on the victim's pull request, by anybody but the person, have this in them."""
        found = comments(self.hub, self.repository, self.numbers[victim])
        return sum(text in each["body"] for each in found if each["user"]["login"] != self.grace.login)


@pytest.fixture(scope="module")
def scene(kube: Kube, cluster: ClusterRecord, platform: StandIns) -> Scene:
    """All flows side by side, each in the middle."""
    Arrivals(kube).await_ready()
    repository = f"acme/flow-kills-{uuid4().hex[:6]}"
    platform.repository(repository, archive_of({"README": "Sums.\n"}))
    platform.script("flow-kills-qa.yaml", QA)
    grace = Person(platform, "grace").exists()
    branches = {victim: victim.replace(" ", "-") for victim in VICTIMS}
    grace.push(repository, {branch: {"sums.py": SUMS} for branch in branches.values()})
    numbers = {victim: grace.open(repository, branch, TITLE) for victim, branch in branches.items()}
    identity = repository_id(platform, repository)
    flows = {victim: Started(kube, identity, f"pr:{number}") for victim, number in numbers.items()}
    for flow in flows.values():
        flow.await_held()
    return Scene(kube, cluster, platform, repository, grace, numbers, flows)


def strike(scene: Scene, victim: str) -> None:
    """Kill somebody without a word, and come back at once: nobody is there in their place yet."""
    deleted = {"event source": (SYSTEM, SOURCE), "sensor": (SYSTEM, SENSOR), "bus": ("argo-events", "app=nats")}
    if victim in deleted:
        namespace, selector = deleted[victim]
        pod = scene.kube.await_ready(namespace, selector)
        scene.kube.delete("Pod", pod["metadata"]["name"], namespace, grace=0)
        return
    selector = {"operator": OPERATOR, "gateway": GATEWAY}[victim]
    pod = scene.kube.await_ready(SYSTEM, selector)
    kill_container(scene.cluster, pod, victim)


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_flow_is_taken_to_its_end_once_when_one_that_it_needs_is_killed(scene: Scene, victim: str) -> None:
    flow, number = scene.flows[victim], scene.numbers[victim]
    strike(scene, victim)
    flow.let_go()
    scene.grace.comment(scene.repository, number, ASKED)
    ended = flow.await_end()
    assert ended["status"]["phase"] == "Succeeded", flow.story()
    assert len(flow.workflows()) == 1, flow.story()
    assert [run["spec"]["persona"] for run in flow.runs()] == ["clippy", "qa"]
    told = [message.partition("\n")[0] for message in commits(scene.hub, scene.repository, number)]
    assert told == [f"Work on {victim.replace(' ', '-')}", "Test sums"]
    assert scene.said(victim, SAID) == 1


def test_what_people_said_while_somebody_was_away_is_answered_once(scene: Scene) -> None:
    """What GitHub could not bring is asked for again, by the gateway that begins as by the one that goes on."""
    asked = [victim for victim in VICTIMS if comments(scene.hub, scene.repository, scene.numbers[victim])]
    last = time.monotonic()

    def answered() -> bool:
        return all(scene.said(victim, f"`{ASKED}`") for victim in asked)

    def answered_or_settled() -> bool:
        return answered() or time.monotonic() > last + SETTLED_SECONDS

    until("answers, or deliveries to be old enough", answered_or_settled, seconds=SETTLED_SECONDS + 10)
    if not answered():
        strike(scene, "gateway")
    until("all to be answered", answered, seconds=ANSWERED_SECONDS, seen=lambda: everything(scene))
    assert [scene.said(victim, f"`{ASKED}`") for victim in asked] == [1] * len(asked), everything(scene)


def everything(scene: Scene) -> dict[str, list[str]]:
    """What was said on each pull request."""
    return {
        victim: [each["body"] for each in comments(scene.hub, scene.repository, number)]
        for victim, number in scene.numbers.items()
    }


def test_no_event_began_anything_but_these_flows(scene: Scene) -> None:
    """GitHub has told of each commit that QA left, and of each comment, by now."""
    assert [len(flow.workflows()) for flow in scene.flows.values()] == [1] * len(VICTIMS)
