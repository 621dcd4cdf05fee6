"""Commands in comments: carried out once, by people who may, and answered in one comment that notifies nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from pressplay.gateway.signer.client import Signer
from pressplay.github.client import GitHub
from pressplay.github.sticky import MARK
from pressplay.ledger.calls import Limits
from pressplay.ledger.ends import End
from pressplay.ledger.flows import MOST_WITHOUT_A_PERSON, FlowRow, Flows, Submitted, Wanted, want
from pressplay.protocol.control import UsageTotals
from pressplay.protocol.inbox import EVENTS
from tests.unit.a_gateway import BRINGER, Platform, platform
from tests.unit.test_gates import Scene, require, scene_of


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with platform(tmp_path) as whole:
        whole.hub.make("/_hub/issues", {"repository": "acme/sums", "title": "It subtracts", "login": "ann"})
        yield scene_of(whole)


def bring(whole: Platform, told: dict[str, Any]) -> str:
    answer = whole.call("POST", EVENTS, BRINGER, told)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["effect"])


def say(scene: Scene, text: str, login: str = "ann", number: int = 0) -> str:
    """Comment at GitHub, and bring what GitHub tells of it; answers what the inbox makes of it."""
    number = number or scene.number
    comment = scene.call(f"of-{login}", "POST", f"/issues/{number}/comments", {"body": text})
    issue = scene.call(f"of-{login}", "GET", f"/issues/{number}")
    repository = {"id": identity(scene), "full_name": "acme/sums", "default_branch": "main"}
    body = {
        "action": "created",
        "issue": issue,
        "comment": comment,
        "repository": repository,
        "sender": comment["user"],
    }
    return bring(scene.whole, body)


def identity(scene: Scene) -> int:
    return int(scene.whole.hub.state.repositories["acme/sums"]["id"])


def work(scene: Scene) -> None:
    """What the gateway does beside its listeners; its clients belong to this loop then."""

    async def once() -> None:
        commands = scene.whole.gateway.commands
        async with rewired(scene) as (signer, github):
            await replace(commands, signer=signer, github=github, news=asyncio.Event()).work()

    asyncio.run(once())


@asynccontextmanager
async def rewired(scene: Scene) -> AsyncIterator[tuple[Signer, Callable[[object], GitHub]]]:
    """The signer and GitHub for a loop of the test's own."""
    signer = Signer(scene.whole.folder / "signer.sock")
    async with httpx.AsyncClient(timeout=30) as http:

        def github(token: object) -> GitHub:
            assert isinstance(token, SecretStr)
            return GitHub(http, f"{scene.whole.hub.address}/api/v3", token)

        yield signer, github
    await signer.close()


def flows(scene: Scene, *states: Any) -> list[FlowRow]:
    return Flows(scene.whole.gateway.ledger).listed(*(states or ("wanted", "made")))


def ours(scene: Scene, number: int = 0) -> list[str]:
    """Comments of our own on the subject."""
    every = scene.call("of-ann", "GET", f"/issues/{number or scene.number}/comments")
    return [str(each["body"]) for each in every if each["user"]["login"] == "pressplay[bot]"]


def test_run_starts_the_flow_of_the_newest_commit_and_a_second_time_says_that_it_is_at_work(scene: Scene) -> None:
    assert say(scene, "/pressplay run") == "command"
    work(scene)
    (flow,) = flows(scene)
    assert (flow.flow, flow.head, flow.actor, flow.generation) == ("pr-flow", scene.head, "ann", 1)
    say(scene, "/pressplay run", "bob")
    work(scene)
    assert len(flows(scene)) == 1
    (comment,) = ours(scene)
    assert "pr-flow starts." in comment
    assert "pr-flow is at work already" in comment
    assert comment.endswith(MARK)


def test_words_after_run_reach_the_persona_as_a_comment_and_no_key_or_parameter(scene: Scene) -> None:
    hostile = "mend `$(id)` {{=sprig}} '''; @ann closes #1 \"}],\"args\":["
    say(scene, f"/pressplay run {hostile}")
    work(scene)
    (flow,) = flows(scene)
    assert (flow.flow, flow.key) == ("comment-flow", f"{identity(scene)}:pr:{scene.number}:comment-flow")
    told = scene.whole.call("GET", "/control/flows", "token-of-the-operator").text + ours(scene)[0]
    for part in ("$(id)", "sprig", "args", "@ann"):
        assert part not in told


def test_run_on_an_issue_starts_its_flow(scene: Scene) -> None:
    assert say(scene, "/pressplay run", number=1) == "command"
    work(scene)
    (flow,) = flows(scene)
    assert (flow.flow, flow.subject) == ("issue-flow", "issue:1")
    assert "issue-flow starts." in ours(scene, 1)[0]


@pytest.mark.parametrize("text", ["/pressplay run", "/pressplay stop", "/pressplay budget"])
def test_who_may_not_write_commands_nothing(scene: Scene, text: str) -> None:
    assert say(scene, text, "eve") == "refused"
    work(scene)
    assert flows(scene) == []
    assert ours(scene) == []


def test_retry_is_the_next_generation_of_what_ended_and_of_nothing_else(scene: Scene) -> None:
    say(scene, "/pressplay retry")
    work(scene)
    assert "nothing has been started here yet" in ours(scene)[0]
    say(scene, "/pressplay run")
    say(scene, "/pressplay retry ")
    work(scene)
    (first,) = flows(scene)
    assert first.generation == 1
    Flows(scene.whole.gateway.ledger).ended(first.identity)
    say(scene, "/pressplay  retry")
    work(scene)
    (second,) = flows(scene)
    assert (second.key, second.generation) == (first.key, 2)
    Flows(scene.whole.gateway.ledger).ended(second.identity)
    scene.head = scene.push("two")
    say(scene, "/pressplay retry please")
    work(scene)
    assert flows(scene) == []
    assert "starts on the newest" in ours(scene)[0]


def test_stop_marks_all_that_is_at_work_and_retry_begins_anew(scene: Scene) -> None:
    say(scene, "/pressplay run")
    work(scene)
    (flow,) = flows(scene)
    Flows(scene.whole.gateway.ledger).made(flow.identity)
    say(scene, "/pressplay stop")
    work(scene)
    assert [each.identity for each in flows(scene, "stopping")] == [flow.identity]
    assert "pr-flow is stopped" in ours(scene)[0]
    say(scene, "/pressplay stop now")
    say(scene, "/pressplay retry")
    work(scene)
    assert "nothing is at work here" in ours(scene)[0]
    assert [each.generation for each in flows(scene)] == [2]


def test_a_flow_that_went_wrong_says_so_where_people_look_and_hides_nothing_in_it(scene: Scene) -> None:
    say(scene, "/pressplay run")
    work(scene)
    (flow,) = flows(scene)
    end = End(f"pr-flow-{flow.identity}", "Failed", ("qa: CodeRun qa-0a: GaveUp: @ann closes #1 <!-- x -->",))
    Flows(scene.whole.gateway.ledger).ended(flow.identity, end)
    work(scene)
    (comment,) = ours(scene)
    assert f"pr-flow on {scene.head[:12]} went wrong (Workflow pr-flow-{flow.identity})." in comment
    assert "GaveUp" in comment
    assert "@ann closes" not in comment
    assert "pr-flow starts." in comment
    say(scene, "/pressplay retry")
    work(scene)
    Flows(scene.whole.gateway.ledger).ended(flows(scene)[0].identity, End("pr-flow-2", "Succeeded"))
    work(scene)
    assert "went wrong (" not in ours(scene)[0]


def test_an_end_is_told_where_nobody_has_said_anything(scene: Scene) -> None:
    ledger = Flows(scene.whole.gateway.ledger)
    here = ("acme/sums", identity(scene))
    for end in (End("first", "Failed"), End("second", "Succeeded")):
        mine = ledger.submitted(here, Submitted(end.workflow, end.workflow, "loop-flow", f"pr:{scene.number}"))
        ledger.ended(mine.identity, end)
        work(scene)
    assert "What went wrong here before has gone well since." in ours(scene)[0]


def test_a_flow_that_a_person_submitted_is_not_retried_without_its_parameters(scene: Scene) -> None:
    ledger = Flows(scene.whole.gateway.ledger)
    here = ("acme/sums", identity(scene))
    mine = ledger.submitted(here, Submitted("u-1", "mine", "loop-flow", f"pr:{scene.number}"))
    ledger.ended(mine.identity)
    say(scene, "/pressplay retry")
    work(scene)
    assert "loop-flow was submitted by hand; submit it anew" in ours(scene)[0]
    assert flows(scene) == []


def test_the_comment_is_known_by_the_app_whatever_that_is_called_by_now(scene: Scene) -> None:
    say(scene, "/pressplay why")
    # Somebody copies the mark, before us and behind us.
    scene.call("of-ann", "POST", f"/issues/{scene.number}/comments", {"body": f"mine\n\n{MARK}"})
    work(scene)
    app = next(each for each in scene.whole.hub.state.apps.values() if each["slug"] == "pressplay")
    app["slug"] = "played"
    say(scene, "/pressplay budget")
    work(scene)
    every = scene.call("of-ann", "GET", f"/issues/{scene.number}/comments")
    of_app = [each for each in every if each["performed_via_github_app"]]
    (one,) = of_app
    assert one["performed_via_github_app"]["id"] == app["id"]
    assert "`/pressplay budget`" in one["body"]
    assert sum(each["body"].startswith("mine") for each in every) == 1


def test_why_names_the_one_thing_that_is_waited_for(scene: Scene) -> None:
    require(scene, {"context": "tests", "app_id": scene.ci})
    say(scene, "/pressplay run")
    work(scene)
    Flows(scene.whole.gateway.ledger).made(flows(scene)[0].identity)
    scene.ask("checks")
    say(scene, "/pressplay why")
    work(scene)
    assert f"pr-flow waits for checks: `tests` of App {scene.ci} has not reported." in ours(scene)[0]


def test_why_tells_that_a_day_of_answers_to_one_another_is_over_and_run_goes_on(scene: Scene) -> None:
    ledger, subject = scene.whole.gateway.ledger, f"pr:{scene.number}"
    for number in range(MOST_WITHOUT_A_PERSON):
        key = f"{identity(scene)}:{subject}:ci-flow:{number:040x}"
        wanted = Wanted("ci-flow", key, subject, f"{number:040x}", by_person=False)
        with ledger.transaction() as connection:
            row = want(connection, time.time(), key, ("acme/sums", identity(scene)), "ci", wanted)
        assert row is not None
        Flows(ledger).ended(row.identity)
    say(scene, "/pressplay why")
    work(scene)
    assert f"parked: {MOST_WITHOUT_A_PERSON} flows of {subject} began" in ours(scene)[0]
    say(scene, "/pressplay run")
    work(scene)
    assert Flows(ledger).parked(identity(scene), subject) == ""
    assert [each.flow for each in flows(scene)] == ["pr-flow"]


def test_budget_tells_what_runs_on_the_pull_request_have_cost(scene: Scene) -> None:
    ledger = scene.whole.gateway.ledger
    scene.whole.admit("one")
    call = ledger.reserve("one", 1, "m", 10, 10, Limits())
    ledger.settle(call, UsageTotals(calls=1, input_tokens=1_000, output_tokens=234), 250_000, answered=True)
    say(scene, "/pressplay budget", number=1)
    work(scene)
    assert "nothing was spent here yet" in ours(scene, 1)[0]
    scene.whole.admit("two", task=None, issue=1)
    call = ledger.reserve("two", 1, "m", 10, 10, Limits())
    ledger.settle(call, UsageTotals(calls=1, input_tokens=1_000, output_tokens=234), 250_000, answered=True)
    say(scene, "/pressplay budget please", number=1)
    work(scene)
    assert "$0.25, 1,234 tokens in 1 run." in ours(scene, 1)[0]


def test_a_run_of_a_flow_counts_for_what_the_flow_is_about(scene: Scene) -> None:
    say(scene, "/pressplay run")
    work(scene)
    spec = {"repository": "acme/sums", "pullRequest": scene.number, "persona": "qa"}
    told = {"uid": "one", "namespace": "team", "name": "one", "kind": "CodeRun", "spec": spec}
    flow = flows(scene)[0].identity
    answer = scene.whole.call("POST", "/control/admissions", "token-of-the-operator", {**told, "flow": flow})
    assert answer.status_code == 200, answer.text
    ledger = scene.whole.gateway.ledger
    call = ledger.reserve("one", 1, "m", 10, 10, Limits())
    ledger.settle(call, UsageTotals(calls=1, input_tokens=7), 10_000, answered=True)
    say(scene, "/pressplay budget")
    work(scene)
    assert "- one (qa): $0.01, 7 tokens" in ours(scene)[0]


def test_an_unknown_command_is_answered_with_those_that_there_are(scene: Scene) -> None:
    say(scene, "/pressplay dance <b>@ann</b>")
    work(scene)
    (comment,) = ours(scene)
    for verb in ("run", "retry", "stop", "why", "budget"):
        assert f"`/pressplay {verb}`" in comment
    assert "dance" not in comment


def test_the_same_comment_that_comes_two_ways_is_carried_out_once(scene: Scene) -> None:
    say(scene, "/pressplay run do it")
    work(scene)
    Flows(scene.whole.gateway.ledger).ended(flows(scene)[0].identity)
    comment = scene.call("of-ann", "GET", f"/issues/{scene.number}/comments")[0]
    issue = {"number": scene.number, "pull_request": {}, "user": {"login": "ann"}}
    repository = {"id": identity(scene), "full_name": "acme/sums"}
    told = {"action": "created", "issue": issue, "comment": {name: comment[name] for name in ("id", "body")},
            "repository": repository, "sender": {"login": "ann", "type": "User"}}  # fmt: skip
    assert bring(scene.whole, told) == "command"
    work(scene)
    assert flows(scene) == []
    assert scene.whole.gateway.commands.log.due() == []


def test_a_command_waits_while_github_is_away_and_is_carried_out_afterwards(scene: Scene) -> None:
    say(scene, "/pressplay run")
    scene.whole.hub.make("/_hub/faults", {"match": f"GET .*/pulls/{scene.number}$", "status": 503, "count": 3})
    work(scene)
    assert flows(scene) == []
    work(scene)
    assert len(flows(scene)) == 1


def test_the_comment_is_made_once_and_changed_afterwards_also_where_an_answer_was_lost(scene: Scene) -> None:
    scene.call("of-bob", "POST", f"/issues/{scene.number}/comments", {"body": f"Mine. {MARK}"})
    say(scene, "/pressplay why")
    scene.whole.hub.make("/_hub/faults", {"match": "POST .*/comments", "drop": True, "count": 1})
    work(scene)
    work(scene)
    assert len(ours(scene)) == 1
    say(scene, "/pressplay budget")
    work(scene)
    (comment,) = ours(scene)
    assert "`/pressplay why`" in comment
    assert "`/pressplay budget`" in comment


def test_nothing_starts_on_a_closed_pull_request(scene: Scene) -> None:
    scene.call("of-ann", "PATCH", f"/pulls/{scene.number}", {"state": "closed"})
    say(scene, "/pressplay run")
    work(scene)
    assert flows(scene) == []
    assert "is closed" in ours(scene)[0]
