"""Personas that would answer each other for ever: their day ends by itself, and whoever asks is told why.

Triage mends, QA tests what Triage mended, and on each of their pushes the project's check fails anew. All of it comes
as webhooks of the stand-in's.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from localdemo.objects import FLOWS
from localdemo.standins import StandIns, archive_of
from localkube.state import ClusterRecord
from pressplay.ledger.events import PARKED
from pressplay.ledger.flows import MOST_WITHOUT_A_PERSON
from pressplay.resources import names
from tests.e2e.support.arrivals import Arrivals, digest_of
from tests.e2e.support.commands import pressplay
from tests.e2e.support.kube import Kube
from tests.e2e.support.people import Person, comments
from tests.e2e.support.started import Started, repository_id
from tests.e2e.support.waiting import until
from tests.e2e.support.webhooks import Delivery

pytestmark = pytest.mark.timeout(480, func_only=True)

TITLE = "Answer each other for ever"
# Of a day of them most are told of commits that are not the newest any more: triage ends these at once.
EARLIER = MOST_WITHOUT_A_PERSON - 4
FAILS = {"name": "unit", "conclusion": "failure", "log": "it failed\n", "again": ["failure"]}
TRIAGE = f"""
match: {TITLE}
system: You are Triage.
turns:
  - tools:
      - {{name: shell, arguments: {{command: "date +%N >> sums.py"}}}}
      - {{name: finish, arguments: {{title: Mend the check, summary: Once more., body: ""}}}}
"""
QA = f"""
match: {TITLE}
system: You are QA.
turns:
  - tools:
      - {{name: shell, arguments: {{command: "date +%N >> test_sums.py"}}}}
      - {{name: finish, arguments: {{title: Test it, verdict: pass, summary: Tested., body: "", comment: ""}}}}
"""
PARKED_SECONDS, END_SECONDS, ANSWER_SECONDS = 300.0, 90.0, 60.0


def test_personas_that_answer_each_other_are_parked_and_why_says_so(
    kube: Kube, cluster: ClusterRecord, platform: StandIns
) -> None:
    arrivals = Arrivals(kube)
    arrivals.await_ready()
    for name, text in {"triage": TRIAGE, "qa": QA}.items():
        platform.script(f"loops-{name}.yaml", text)
    repository = f"acme/loops-{uuid4().hex[:6]}"
    platform.repository(repository, archive_of({"sums.py": "def add(a, b):\n    return a + b\n"}))
    grace = Person(platform, "grace").exists()
    grace.push(repository, {"work": {"more.py": "more = 1\n"}})
    number = grace.open(repository, "work", TITLE)
    flows = Started(kube, repository_id(platform, repository), f"pr:{number}")
    flows.await_one()
    bring_earlier_failures(arrivals, platform, repository, number)
    # From now on each push is checked, and fails; the first time as if it had been pushed just now.
    platform.hub("POST", "/_hub/workflows", {"repository": repository, "name": "ci", "jobs": [FAILS]})
    told = {"repository": repository, "branch": "work", "name": "ci", "jobs": [FAILS]}
    platform.hub("POST", "/_hub/workflow-runs", told)

    parked = until(
        "events to be parked", lambda: effects(arrivals, repository).count(PARKED), seconds=PARKED_SECONDS,
        seen=lambda: (effects(arrivals, repository), flows.story()),
    )  # fmt: skip
    assert parked
    last = flows.await_end()
    by_themselves = [each for each in flows.workflows() if each["metadata"]["labels"][names.FLOW] == "ci-flow"]
    assert len(by_themselves) == MOST_WITHOUT_A_PERSON
    why = f"{MOST_WITHOUT_A_PERSON} flows of pr:{number} began within a day without a person"
    where = ("--namespace", FLOWS, "--kubeconfig", str(cluster.kubeconfig))
    assert f"parked: {why}" in pressplay("why", last["metadata"]["name"], *where)
    # The ledger hears of a flow's end somewhat later than people do.
    until("the ledger to know of all ends", lambda: not alive(arrivals, flows.repository_id), seconds=END_SECONDS)
    grace.comment(repository, number, "/pressplay why")
    until("the answer", lambda: said(platform, repository, number, f"parked: {why}"), seconds=ANSWER_SECONDS,
          seen=lambda: comments(platform, repository, number))  # fmt: skip


def bring_earlier_failures(arrivals: Arrivals, hub: StandIns, repository: str, number: int) -> None:
    """Have the checks of earlier commits fail, as GitHub tells of it."""
    bodies = [json.dumps(failure(hub, repository, number, f"{uuid4().hex}00000000")).encode() for _ in range(EARLIER)]
    with arrivals.door() as door:
        assert {door.post(Delivery("check_run", body, str(uuid4()))) for body in bodies} == {200}
    arrivals.await_kept([digest_of(body) for body in bodies])


def failure(hub: StandIns, repository: str, number: int, head: str) -> dict[str, Any]:
    """The webhook of a check that failed on an earlier commit of a pull request."""
    known = hub.hub("GET", f"/api/v3/repos/{repository}")
    runner = {"id": 15368, "slug": "github-actions"}
    run = {
        "id": 1, "name": "unit", "head_sha": head, "conclusion": "failure", "status": "completed", "app": runner,
        "check_suite": {"head_branch": "work"}, "pull_requests": [{"number": number}],
    }  # fmt: skip
    sender = {"login": known["owner"]["login"], "type": "User"}
    return {"action": "completed", "check_run": run, "repository": known, "sender": sender}


def effects(arrivals: Arrivals, repository: str) -> list[str | None]:
    """What the events of a repository did."""
    return [each.effect for each in arrivals.kept().values() if each.repository == repository]


def alive(arrivals: Arrivals, repository_id: int) -> int:
    """How many flows of a repository have not ended, as the ledger has it."""
    rows = arrivals.rows("select repository_id, state from flows")
    return sum(identity == repository_id and state != "ended" for identity, state in rows)


def said(hub: StandIns, repository: str, number: int, text: str) -> bool:
    """Whether somebody says this on a pull request."""
    return any(text in each["body"] for each in comments(hub, repository, number))
