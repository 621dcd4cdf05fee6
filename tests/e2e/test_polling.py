"""Events without a way in: nobody tells the product anything, it asks GitHub, and comes to the same, once each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from localdemo import platform as installed
from localdemo import vendor
from localdemo.objects import SYSTEM
from localdemo.standins import StandIns, archive_of
from localkube.progress import Progress
from localkube.state import ClusterRecord
from tests.e2e.support.arrivals import Arrivals
from tests.e2e.support.kube import Kube
from tests.e2e.support.people import Person, comments
from tests.e2e.support.started import HOLD, Started, repository_id
from tests.e2e.support.waiting import until

# It installs the product anew.
pytestmark = [pytest.mark.alone, pytest.mark.timeout(480, func_only=True)]

QUICK, SLOW = "Multiply at once", "Divide in a while"
ANSWER = "It is commutative."
EXAMINES = f"""
match: {QUICK}
system: You are QA
turns:
  - tools:
      - {{name: finish, arguments: {{title: Looked at, verdict: pass, summary: Fine., body: ""}}}}
"""
HELD = f"""
match: {SLOW}
system: You are QA
turns:
  - tools:
      - {{name: shell, arguments: {{command: "{HOLD}", seconds: 290}}}}
"""
ANSWERS = f"""
match: {QUICK}
system: You are Comment
turns:
  - tools:
      - {{name: finish, arguments: {{title: Yes, verdict: pass, summary: Said., body: "", comment: "{ANSWER}"}}}}
"""
SCRIPTS = {"qa": EXAMINES, "held": HELD, "comment": ANSWERS}
ASKED = "/pressplay why"
SECONDS = 120.0


@dataclass(frozen=True)
class Scene:
    """Two pull requests of grace's: QA takes its time with the second one."""

    hub: StandIns
    repository: str
    grace: Person
    numbers: dict[str, int]
    flows: dict[str, Started]

    def said(self, title: str, text: str) -> int:
        """How many comments of others on a pull request have a text in them."""
        found = comments(self.hub, self.repository, self.numbers[title])
        return sum(text in each["body"] for each in found if each["user"]["login"] != self.grace.login)


def install(cluster: ClusterRecord, **values: object) -> None:
    with Progress() as progress:
        installed.install(cluster, vendor.chosen({}), progress, values)


@pytest.fixture(scope="module")
def scene(kube: Kube, cluster: ClusterRecord, platform: StandIns) -> Iterator[Scene]:
    repository = f"acme/polled-{uuid4().hex[:6]}"
    platform.repository(repository, archive_of({"README": "Numbers.\n"}))
    for name, script in SCRIPTS.items():
        platform.script(f"polling-{name}.yaml", script)
    grace = Person(platform, "grace").exists()
    branches = {title: title.partition(" ")[0].lower() for title in (QUICK, SLOW)}
    grace.push(repository, {branch: {f"{branch}.py": f"{branch} = 1\n"} for branch in branches.values()})
    # The stand-in has no limit, and the repositories of all other tests.
    pace = {"PRESSPLAY_POLL_SECONDS": "2", "PRESSPLAY_POLL_SECONDS_EACH": "0"}
    often = {"env": [{"name": name, "value": value} for name, value in pace.items()]}
    install(cluster, events={"mode": "poll"}, gateway=often)
    # What it finds at its first look is no news.
    looked = f"select count(*) from polls where repository = '{repository}'"  # noqa: S608 - a name of our own
    until("the first look", lambda: Arrivals(kube).rows(looked)[0][0], seconds=SECONDS)
    numbers = {title: grace.open(repository, branch, title) for title, branch in branches.items()}
    identity = repository_id(platform, repository)
    flows = {title: Started(kube, identity, f"pr:{number}") for title, number in numbers.items()}
    yield Scene(platform, repository, grace, numbers, flows)
    install(cluster)


def names_of(flows: Started) -> list[str]:
    return [each["metadata"]["labels"]["agents.platform/flow"] for each in flows.workflows()]


def phases(flows: Started) -> list[str]:
    return [run["status"]["phase"] for run in flows.runs()]


def test_nobody_tells_the_product_anything(scene: Scene, kube: Kube) -> None:
    assert kube.list("EventSource", SYSTEM) == []
    assert kube.list("Sensor", SYSTEM) == []


def test_a_pull_request_that_is_opened_starts_its_flow_once(scene: Scene) -> None:
    flows = scene.flows[QUICK]
    assert flows.await_end()["status"]["phase"] == "Succeeded", flows.story()
    assert [run["spec"]["persona"] for run in flows.runs()] == ["clippy", "qa"]
    assert names_of(flows) == ["pr-flow"]


def test_what_a_person_says_is_answered_once(scene: Scene) -> None:
    flows = scene.flows[QUICK]
    scene.grace.comment(scene.repository, scene.numbers[QUICK], "/pressplay run Say whether it is commutative.")
    until("comment-flow", lambda: "comment-flow" in names_of(flows), seconds=SECONDS, seen=flows.story)
    assert flows.await_end()["status"]["phase"] == "Succeeded", flows.story()
    assert scene.said(QUICK, ANSWER) == 1
    assert names_of(flows) == ["pr-flow", "comment-flow"]


def test_a_command_in_a_comment_is_answered_and_a_pull_request_that_is_closed_ends_its_flow(scene: Scene) -> None:
    flows, number = scene.flows[SLOW], scene.numbers[SLOW]
    flows.await_held()
    scene.grace.comment(scene.repository, number, ASKED)
    until("the answer", lambda: scene.said(SLOW, f"`{ASKED}`"), seconds=SECONDS,
          seen=lambda: comments(scene.hub, scene.repository, number))  # fmt: skip
    scene.grace.close(scene.repository, number)
    assert flows.await_end()["status"]["phase"] == "Failed", flows.story()
    # A flow that is ended does not wait for its run, whose pod is given time to save its work.
    until("its run to be cancelled", lambda: phases(flows) == ["Succeeded", "Cancelled"], seconds=SECONDS,
          seen=flows.story)  # fmt: skip
    assert scene.said(SLOW, f"`{ASKED}`") == 1
    assert names_of(flows) == ["pr-flow"]
