"""Runs that read words of who may not write are tainted, and whoever goes on with them: a person answers for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pressplay.ledger.taints import Successor, Taints
from pressplay.protocol.changeset import Changeset
from tests.unit.a_gateway import OPERATOR, changed, platform
from tests.unit.test_commands import flows, identity, ours, say, work
from tests.unit.test_gates import Scene, failed_job, require, scene_of, triaged

STRANGE = "by eve, who may not write in acme/sums"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with platform(tmp_path) as whole:
        made = scene_of(whole)
        # Number 2 is a stranger's, 3 is Ann's.
        for login in ("eve", "ann"):
            made.as_person(login, "POST", "/issues", {"title": f"Of {login}", "body": "It is slow."})
        yield made


def admit(scene: Scene, uid: str, flow: int | None = None, **spec: Any) -> str | None:
    """Admit a run; answers why it is tainted."""
    scene.whole.cluster.tokens[f"token-{uid}"] = uid
    told = {"repository": "acme/sums", "persona": "rex", **spec}
    body = {"uid": uid, "namespace": "team", "name": uid, "kind": "CodeRun", "spec": told, "flow": flow}
    answer = scene.whole.call("POST", "/control/admissions", OPERATOR, body)
    assert answer.status_code == 200, answer.text
    why = answer.json()["tainted"]
    return str(why) if why is not None else None


def record(scene: Scene, uid: str) -> dict[str, Any]:
    found: dict[str, Any] = scene.whole.call("GET", f"/control/runs/{uid}", OPERATOR).json()
    return found


def hand_over(scene: Scene, uid: str, **more: Any) -> dict[str, Any]:
    row = scene.whole.gateway.ledger.run(uid)
    assert row is not None
    changes = Changeset(base=row.admission.base_sha, files=(changed(f"src/{uid}.py"),))
    answer = scene.whole.hand_over(uid, changes, **more)
    assert answer.status_code == 200, answer.text
    accepted: dict[str, Any] = answer.json()
    return accepted


def test_a_stranger_s_issue_taints_the_run_and_its_pull_request_says_so(scene: Scene) -> None:
    assert admit(scene, "clean", issue=3) is None
    why = admit(scene, "one", issue=2)
    assert why == f"the text of #2 is {STRANGE}"
    assert record(scene, "one")["tainted"] == why
    assert scene.whole.gateway.ledger.actions("one").count(("gateway", "tainted")) == 1
    number = hand_over(scene, "one")["pull_request"]
    body = scene.call("of-ann", "GET", f"/pulls/{number}")["body"]
    assert f"**Tainted.** the text of #\u20602 is {STRANGE}." in body
    assert "`/pressplay approve`" in body
    clean = hand_over(scene, "clean")["pull_request"]
    assert "Tainted" not in scene.call("of-ann", "GET", f"/pulls/{clean}")["body"]


def test_what_an_agent_reads_on_the_way_taints_its_run_before_it_is_told(scene: Scene) -> None:
    assert admit(scene, "one", task="Look around.") is None
    assert scene.whole.call("GET", "/run/issues/3", "token-one").json()["author"] == "ann"
    assert record(scene, "one")["tainted"] is None
    assert scene.whole.call("GET", "/run/issues/2", "token-one").json()["author"] == "eve"
    assert record(scene, "one")["tainted"] == f"the text of #2 is {STRANGE}"


def test_a_taint_passes_on_to_whoever_goes_on_with_the_work(scene: Scene) -> None:
    admit(scene, "one", issue=2)
    number = hand_over(scene, "one")["pull_request"]
    why = f"the text of #2 is {STRANGE}; it came from the run team/one"
    branch = "pressplay/one-one"
    for uid, spec in {
        "of-its-pull-request": {"pullRequest": number},
        "that-continues": {"task": "Go on.", "continueFrom": "one"},
        "on-its-branch": {"task": "More.", "branch": branch},
        "beside-it": {"task": "More.", "base": branch},
    }.items():
        assert admit(scene, uid, **spec) == why, uid
    # From there on, too, and the run that has read it is named.
    assert admit(scene, "again", task="Go on.", continueFrom="that-continues") == why
    assert admit(scene, "elsewhere", task="Something else.") is None
    # Who reads a pull request of such a run is told what the stranger wanted.
    scene.whole.call("GET", f"/run/pulls/{number}", "token-elsewhere")
    assert record(scene, "elsewhere")["tainted"] == why


def test_a_taint_passes_on_to_the_later_steps_of_a_flow(scene: Scene) -> None:
    say(scene, "/pressplay run")
    work(scene)
    (flow,) = flows(scene)
    assert admit(scene, "one", flow.identity, task="Look around.") is None
    scene.whole.call("GET", "/run/issues/2", "token-one")
    assert "team/one" in str(admit(scene, "two", flow.identity, task="Go on."))
    assert "team/one" in str(admit(scene, "three", None, pullRequest=scene.number, persona="qa"))


def test_a_run_that_is_continued_while_it_still_reads_taints_its_successor(scene: Scene) -> None:
    admit(scene, "one", task="Look around.")
    assert admit(scene, "two", task="Go on.", continueFrom="one") is None
    scene.whole.call("GET", "/run/issues/2", "token-one")
    entry = {"sequence": 0, "attempt": 1, "kind": "note", "body": {"a": 1}}
    scene.whole.call("POST", "/run/transcript", "token-one", {"entries": [entry]})
    assert record(scene, "two")["tainted"] is None
    scene.whole.call("GET", "/run/transcript", "token-two")
    assert "team/one" in record(scene, "two")["tainted"]


def tainted(scene: Scene) -> None:
    """Have a tainted run work on the pull request, and push to it."""
    admit(scene, "strange", task="Look around.", branch="work")
    scene.whole.call("GET", "/run/issues/2", "token-strange")
    assert hand_over(scene, "strange")["pull_request"] == scene.number
    scene.head = scene.call("of-ann", "GET", f"/pulls/{scene.number}")["head"]["sha"]


def test_a_pull_request_that_was_there_is_told_once_that_it_is_tainted(scene: Scene) -> None:
    tainted(scene)
    assert [each.startswith("**Tainted.**") for each in ours(scene)] == [True]
    admit(scene, "more", pullRequest=scene.number)
    hand_over(scene, "more")
    assert len(ours(scene)) == 1


def test_checks_of_a_tainted_commit_pass_only_with_a_person_s_word(scene: Scene) -> None:
    require(scene, {"context": "tests", "app_id": scene.ci})
    tainted(scene)
    scene.check("success")
    waits = scene.ask("checks")
    assert (waits.verdict, waits.outputs) == (None, {})
    assert f"but the work is tainted: the text of #2 is {STRANGE}" in waits.message
    scene.review("eve")
    assert scene.ask("checks").verdict is None
    scene.review("ann")
    assert scene.ask("checks").verdict == "passed"
    # Of the next commit nobody has said anything.
    scene.head = scene.push("on top")
    scene.check("success")
    assert scene.ask("checks").verdict is None
    scene.review("bob", "REQUEST_CHANGES")
    assert scene.ask("checks").verdict == "failed"


def test_no_check_of_a_tainted_commit_is_run_again_without_a_person(scene: Scene) -> None:
    tainted(scene)
    failed_job(scene, ("success",))
    found = triaged(scene)
    assert (found.verdict, "no check is run again: the text of #2" in found.message) == ("ours", True)
    assert "check-rerun" not in [each["action"] for each in scene.lines()]
    scene.review("ann")
    assert triaged(scene).verdict is None
    assert triaged(scene).verdict == "flaky"


# The command


def test_approve_passes_the_gate_of_the_commit_that_it_is_said_of(scene: Scene) -> None:
    assert scene.ask("approval").verdict is None
    assert say(scene, f"/pressplay approve {scene.head[:10]}") == "command"
    work(scene)
    assert f"{scene.head[:12]} is approved" in ours(scene)[0]
    assert scene.ask("approval").outputs == {"verdict": "approved", "actor": "ann"}
    wakes = scene.whole.call("GET", "/control/flows", OPERATOR).json()["wakes"]
    assert f"ann approves {scene.head[:12]}" in [each["why"] for each in wakes]
    # It is no review, and nothing about a commit that comes later.
    assert scene.ask("reviews").verdict is None
    scene.head = scene.push("two")
    assert scene.ask("approval").verdict is None


def test_an_approval_counts_as_long_as_who_gave_it_may_write_and_takes_nothing_back(scene: Scene) -> None:
    say(scene, f"/pressplay approve {scene.head}")
    work(scene)
    scene.whole.hub.make("/_hub/collaborators", {"repository": "acme/sums", "login": "ann", "role": "read"})
    assert scene.ask("approval").verdict is None
    scene.whole.hub.make("/_hub/collaborators", {"repository": "acme/sums", "login": "ann", "role": "write"})
    assert scene.ask("approval").verdict == "approved"
    scene.review("bob", "REQUEST_CHANGES")
    assert scene.ask("approval").verdict == "rejected"


def test_who_made_the_commit_or_asked_for_the_work_does_not_approve_it(scene: Scene) -> None:
    say(scene, "/pressplay run")
    say(scene, "/pressplay approve now")
    work(scene)
    assert "ann asked for this work: somebody else" in ours(scene)[0]
    scene.head = scene.push("by bob", "bob")
    say(scene, f"/pressplay approve {scene.head}", "bob")
    work(scene)
    assert "bob had a hand in" in ours(scene)[0]
    assert scene.ask("approval").verdict is None


def test_a_commit_that_nobody_named_is_the_newest_where_it_was_there_when_that_was_said(scene: Scene) -> None:
    moves = scene.whole.hub.state.repositories["acme/sums"]["moves"]
    assert moves[-1]["after"] == scene.head
    moves[-1]["timestamp"] = "2999-01-01T00:00:00Z"
    say(scene, "/pressplay approve")
    work(scene)
    assert f"name it: `/pressplay approve {scene.head[:12]}`" in ours(scene)[0]
    assert scene.ask("approval").verdict is None
    moves[-1]["timestamp"] = "2020-01-01T00:00:00Z"
    say(scene, "/pressplay approve ")
    work(scene)
    assert scene.ask("approval").verdict == "approved"


@pytest.mark.parametrize("named", ["deadbeef", "abc", "lgtm"])
def test_what_names_another_commit_approves_nothing(scene: Scene, named: str) -> None:
    say(scene, f"/pressplay approve {named}")
    work(scene)
    assert "that is not the newest commit" in ours(scene)[0]
    assert scene.ask("approval").verdict is None


def test_an_issue_has_nothing_to_approve(scene: Scene) -> None:
    say(scene, "/pressplay approve", number=3)
    work(scene)
    assert "this is an issue" in ours(scene, 3)[0]


def test_a_taint_stays_with_its_repository(scene: Scene) -> None:
    admit(scene, "one", issue=2)
    taints = Taints(scene.whole.gateway.ledger)
    assert taints.passed_on(Successor(identity(scene), ("issue:2",))) is not None
    assert taints.passed_on(Successor(identity(scene) + 1, ("issue:2",))) is None
    assert taints.passed_on(Successor(identity(scene), ("",), ("",))) is None
