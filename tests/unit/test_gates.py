"""Gates as the operator asks for them: derived anew from GitHub, and written down where that is news."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from pressplay.ledger import tables
from pressplay.ledger.events import Events, Settled
from pressplay.ledger.flows import Wanted
from pressplay.protocol.gates import GATES, GateAnswer
from tests.unit.a_gateway import OPERATOR, Platform, git, platform

HERE = "/repos/acme/sums"


@dataclass
class Scene:
    """A pull request by our own App, people, and an App that checks."""

    whole: Platform
    number: int = 0
    head: str = ""
    ci: int = 0

    def as_person(self, login: str, method: str, path: str, told: Any) -> Any:
        """What somebody does at GitHub."""
        return self.call(f"of-{login}", method, path, told)

    def call(self, token: str, method: str, path: str, told: Any = None) -> Any:
        """A call of GitHub's API."""
        address = f"{self.whole.hub.address}/api/v3{HERE}{path}"
        answer = httpx.request(method, address, json=told, headers={"authorization": f"Bearer {token}"}, timeout=20)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}

    def token(self, app: int, login: str) -> str:
        """A token of an App's, as if it had been minted."""
        text = f"of-app-{app}"
        self.whole.hub.state.tokens[text] = {
            "kind": "installation", "login": login, "permissions": dict.fromkeys(
                ("contents", "pull_requests", "issues", "checks", "statuses"), "write"
            ), "app": app, "repositories": "all", "expires": time.time() + 3600,
        }  # fmt: skip
        return text

    def push(self, text: str, login: str = "pressplay[bot]", branch: str = "work") -> str:
        """A commit on a branch, pushed over HTTP; answers its id."""
        work = self.whole.folder / "work"
        token = self.token(self.whole.hub.app["id"], login) if login.endswith("[bot]") else f"of-{login}"
        url = f"{self.whole.hub.address.replace('http://', f'http://x-access-token:{token}@')}/acme/sums.git"
        if not work.exists():
            git(self.whole.folder, "clone", "--quiet", url, str(work))
        (work / "more").write_text(text)
        git(work, "add", ".")
        git(work, "commit", "--quiet", "-m", text)
        git(work, "push", "--quiet", "--force", url, f"HEAD:{branch}")
        return git(work, "rev-parse", "HEAD").strip()

    def check(self, conclusion: str | None, name: str = "tests", head: str = "", app: int = 0) -> dict[str, Any]:
        """A check run of an App's, the checking one where none is named."""
        told = {"name": name, "head_sha": head or self.head}
        told |= {"status": "completed", "conclusion": conclusion} if conclusion else {"status": "in_progress"}
        made: dict[str, Any] = self.call(self.token(app or self.ci, "ci[bot]"), "POST", "/check-runs", told)
        return made

    def review(self, login: str, event: str = "APPROVE", body: str = "So it is.") -> None:
        """A review of the head."""
        path = f"/pulls/{self.number}/reviews"
        self.as_person(login, "POST", path, {"event": event, "body": body, "commit_id": self.head})

    def ask(self, gate: str, since: float = 0.0, /, **inputs: str) -> GateAnswer:
        """What the operator is told of a gate."""
        answer = self.asked(gate, since, **inputs)
        assert answer.status_code == 200, answer.text
        return GateAnswer.model_validate_json(answer.content)

    def asked(self, gate: str, since: float = 0.0, /, **inputs: str) -> httpx.Response:
        given = {"repository": "acme/sums", "pull-request": str(self.number), "head": self.head, "timeout": "60"}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        told = {"workflow": "pr-flow-1", "node": "n1", "since": since, "inputs": given}
        return self.whole.call("POST", f"{GATES}/{gate}", OPERATOR, told)

    def lines(self) -> list[dict[str, Any]]:
        """The ledger's lines about gates and checks."""
        table = tables.actions
        with self.whole.gateway.ledger.transaction() as connection:
            rows = connection.execute(select(table).where(table.c.run.is_(None)).order_by(table.c.id)).all()
        return [{"action": row.action, **json.loads(row.detail)} for row in rows]


def scene_of(whole: Platform) -> Scene:
    """The scene at the stand-in."""
    for login, role in (("ann", "write"), ("bob", "write"), ("eve", "read")):
        whole.hub.make("/_hub/users", {"login": login, "token": f"of-{login}", "role": role})
    made = Scene(whole, ci=whole.hub.make("/_hub/apps", {"slug": "ci"})["id"])
    made.head = made.push("one")
    told = {"title": "More", "head": "work", "base": "main", "body": ""}
    made.number = made.call(made.token(whole.hub.app["id"], "pressplay[bot]"), "POST", "/pulls", told)["number"]
    return made


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with platform(tmp_path) as whole:
        yield scene_of(whole)


def require(scene: Scene, *checks: dict[str, Any], **more: Any) -> None:
    scene.whole.hub.make("/_hub/rulesets", {"repository": "acme/sums", "required_checks": checks, **more})


def test_a_required_check_is_waited_for_until_its_app_says_that_it_passed(scene: Scene) -> None:
    require(scene, {"context": "tests", "app_id": scene.ci})
    assert scene.ask("checks").verdict is None
    # Our own App, and one of the same name from elsewhere, are no evidence.
    scene.check("success", app=scene.whole.hub.app["id"])
    scene.check("success", app=scene.whole.hub.make("/_hub/apps", {"slug": "spoof"})["id"])
    waits = scene.ask("checks")
    assert (waits.verdict, waits.outputs) == (None, {})
    assert "has not reported" in waits.message
    scene.check("success")
    passed = scene.ask("checks")
    assert (passed.verdict, passed.outputs) == ("passed", {"verdict": "passed", "head": scene.head})


@pytest.mark.parametrize("conclusion", ["failure", "skipped", "neutral"])
def test_a_required_check_that_did_not_pass_fails_the_gate_and_is_named(scene: Scene, conclusion: str) -> None:
    require(scene, {"context": "tests", "app_id": scene.ci})
    scene.check(conclusion)
    found = scene.ask("checks")
    assert (found.verdict, "`tests`" in found.message) == ("failed", True)


def test_a_status_of_an_app_counts_as_that_app_s(scene: Scene) -> None:
    require(scene, {"context": "lint", "app_id": scene.ci})
    told = {"state": "success", "context": "lint"}
    scene.call("of-ann", "POST", f"/statuses/{scene.head}", told)
    assert scene.ask("checks").verdict is None
    scene.call(scene.token(scene.ci, "ci[bot]"), "POST", f"/statuses/{scene.head}", told)
    assert scene.ask("checks").verdict == "passed"


def test_a_commit_that_was_left_is_stale_and_a_closed_pull_request_closed(scene: Scene) -> None:
    older, scene.head = scene.head, scene.push("two")
    assert scene.ask("checks", head=older).verdict == "stale"
    assert scene.ask("reviews", head=older).outputs == {"verdict": "stale", "head": older}
    assert scene.ask("approval", head=older).outputs == {"verdict": "rejected", "actor": ""}
    scene.call("of-ann", "PATCH", f"/pulls/{scene.number}", {"state": "closed"})
    assert scene.ask("checks").verdict == "closed"


def test_a_person_with_write_permission_who_made_nothing_of_it_reviews(scene: Scene) -> None:
    assert scene.ask("reviews").verdict is None
    scene.review("eve")
    assert scene.ask("reviews").verdict is None
    scene.review("ann")
    assert scene.ask("reviews").verdict == "approved"
    # Permission is asked for when it counts.
    told = {"repository": "acme/sums", "login": "ann", "role": "read"}
    scene.whole.hub.make("/_hub/collaborators", told)
    assert scene.ask("reviews").verdict is None
    scene.review("bob", "REQUEST_CHANGES")
    assert scene.ask("reviews").verdict == "changes-requested"


def test_who_pushed_the_commit_does_not_approve_it(scene: Scene) -> None:
    scene.head = scene.push("by ann", "ann")
    scene.review("ann")
    assert scene.ask("reviews").verdict is None
    assert scene.ask("approval").verdict is None
    scene.review("bob")
    assert scene.ask("reviews").verdict == "approved"
    assert scene.ask("approval").outputs == {"verdict": "approved", "actor": "bob"}


def test_a_review_counts_for_its_own_commit_alone(scene: Scene) -> None:
    scene.review("ann")
    scene.head = scene.push("two")
    assert scene.ask("reviews").verdict is None
    assert scene.ask("approval").verdict is None


def test_who_asked_for_the_work_does_not_answer_for_it(scene: Scene) -> None:
    identity = scene.whole.hub.state.repositories["acme/sums"]["id"]
    subject = f"pr:{scene.number}"
    wanted = Wanted("pr-flow", f"{identity}:{subject}:pr-flow:{scene.head}", subject, scene.head)
    events = Events(scene.whole.gateway.ledger)
    kept = events.receive(b"1", "pull_request", "opened", ("acme/sums", identity), "ann")
    events.settle(kept.digest, Settled("start", "", ("acme/sums", identity), "ann", wanted))
    scene.review("ann")
    assert scene.ask("approval").verdict is None
    scene.review("bob", "REQUEST_CHANGES")
    assert scene.ask("approval").outputs == {"verdict": "rejected", "actor": "bob"}


def test_as_many_approve_as_the_branch_demands(scene: Scene) -> None:
    require(scene, approvals=2)
    scene.review("ann")
    assert scene.ask("reviews").verdict is None
    scene.review("bob")
    assert scene.ask("reviews").verdict == "approved"


def test_an_evaluation_is_one_line_in_the_ledger_and_a_second_one_only_where_it_is_news(scene: Scene) -> None:
    require(scene, {"context": "tests", "app_id": scene.ci})
    scene.ask("checks")
    scene.ask("checks")
    (line,) = scene.lines()
    assert (line["action"], line["verdict"], line["asked_by"]) == ("gate-checks", None, "pr-flow-1/n1")
    scene.check("success")
    scene.ask("checks")
    assert [each["verdict"] for each in scene.lines()] == [None, "passed"]


def test_what_cannot_be_known_now_is_waited_for_with_a_time_and_words(scene: Scene) -> None:
    unknown = scene.ask("checks", repository="acme/nowhere")
    assert (unknown.verdict, unknown.again) == (None, 300.0)
    assert "acme/nowhere" in unknown.message
    gone = scene.ask("checks", pull_request="99")
    assert (gone.verdict, "pr:99" in gone.message) == (None, True)
    limited = {"match": f"GET .*/pulls/{scene.number}", "status": 429, "retry_after": 77, "count": 9}
    scene.whole.hub.make("/_hub/faults", limited)
    assert (scene.ask("checks").verdict, scene.ask("checks").again) == (None, 77.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("repository", "acme/sums/../x"), ("repository", ""), ("pull-request", "7; true"), ("pull-request", "0"),
        ("head", "main"),
    ],
)  # fmt: skip
def test_an_input_that_is_not_of_its_form_is_refused_by_name(scene: Scene, name: str, value: str) -> None:
    answer = scene.asked("checks", 0.0, **{name: value})
    assert (answer.status_code, f"inputs.{name}" in answer.text) == (400, True)


def test_where_no_commit_is_named_the_newest_is_meant_but_for_an_approval(scene: Scene) -> None:
    scene.check("success")
    assert scene.ask("checks", head="").outputs == {"verdict": "passed", "head": scene.head}
    scene.review("ann")
    assert scene.ask("reviews", head="").outputs == {"verdict": "approved", "head": scene.head}
    refused = scene.asked("approval", head="")
    assert (refused.status_code, "inputs.head" in refused.text) == (400, True)


def test_a_branch_without_a_pull_request_is_compared_with_what_came_before_on_it(scene: Scene) -> None:
    bare = scene.whole.hub.state.git_folder(scene.whole.hub.state.repositories["acme/sums"])
    head = git(bare, "rev-parse", "main").strip()
    scene.check("failure", head=head)
    inputs = {"pull_request": "", "branch": "main", "head": ""}
    assert scene.ask("triage", **inputs).verdict is None
    scene.check("failure", head=head)
    assert scene.ask("triage", **inputs).verdict == "ours"


def test_nobody_but_the_operator_asks(scene: Scene) -> None:
    told = {"workflow": "w", "node": "n", "since": 0.0, "inputs": {}}
    assert scene.whole.call("POST", f"{GATES}/checks", "token-of-a-run", told).status_code == 401


# Triage


def triaged(scene: Scene) -> GateAnswer:
    return scene.ask("triage", branch="work")


def failed_job(scene: Scene, again: tuple[str, ...] = (), log: str = "E   assert 1 == 2\n") -> int:
    """A workflow's job that fails on the head; answers its id."""
    job = {"name": "test", "conclusion": "failure", "log": log, "again": list(again)}
    told = {"repository": "acme/sums", "branch": "work", "name": "ci", "jobs": [job]}
    scene.whole.hub.make("/_hub/workflow-runs", told)
    return int(scene.whole.hub.state.repositories["acme/sums"]["check_runs"][-1]["id"])


def test_a_check_that_passes_when_it_is_run_again_was_flaky(scene: Scene) -> None:
    first = failed_job(scene, ("success",))
    waits = triaged(scene)
    assert (waits.verdict, waits.outputs) == (None, {})
    found = triaged(scene)
    assert found.verdict == "flaky"
    assert int(found.outputs["check"]) > first
    assert [each["action"] for each in scene.lines()].count("check-rerun") == 1


def test_a_check_that_fails_again_and_not_on_the_base_is_ours_and_its_log_is_kept_for_who_mends_it(
    scene: Scene,
) -> None:
    failed_job(scene, log="\x1b[31mE   assert 1 == 2\x1b[0m\ntoken ghp_" + "a" * 36 + "\n")
    triaged(scene)
    found = triaged(scene)
    latest = scene.whole.hub.state.repositories["acme/sums"]["check_runs"][-1]["id"]
    assert found.outputs == {"verdict": "ours", "check": str(latest), "job": str(latest)}
    # The persona that mends it is told.
    scene.whole.admit("mend", persona="triage", task=None, pullRequest=scene.number)
    brief = scene.whole.call("GET", "/run/brief", "token-mend").json()["task"]
    assert "    E   assert 1 == 2\n" in brief
    assert "ghp_aaaa" not in brief
    scene.whole.admit("other", persona="qa", task=None, pullRequest=scene.number)
    assert "assert 1 == 2" not in scene.whole.call("GET", "/run/brief", "token-other").json()["task"]


def test_a_check_that_fails_on_the_base_too_is_no_fault_of_the_change(scene: Scene) -> None:
    main = git(scene.whole.hub.state.git_folder(scene.whole.hub.state.repositories["acme/sums"]), "rev-parse", "main")
    scene.check("failure", head=main.strip())
    scene.check("failure", name="lint", head=main.strip(), app=scene.whole.hub.make("/_hub/apps", {"slug": "x"})["id"])
    failed = scene.check("failure")
    assert triaged(scene).verdict is None
    # The App that was asked begins anew and fails again.
    scene.check("failure")
    found = triaged(scene)
    assert found.verdict == "pre-existing"
    assert found.outputs["job"] == ""
    assert int(found.outputs["check"]) > failed["id"]


def test_the_base_is_compared_by_name_and_app(scene: Scene) -> None:
    main = git(scene.whole.hub.state.git_folder(scene.whole.hub.state.repositories["acme/sums"]), "rev-parse", "main")
    scene.check("failure", head=main.strip(), app=scene.whole.hub.make("/_hub/apps", {"slug": "x"})["id"])
    scene.check("failure")
    triaged(scene)
    scene.check("failure")
    assert triaged(scene).verdict == "ours"


def test_a_gateway_that_ends_before_it_asks_never_asks_twice(scene: Scene) -> None:
    failed_job(scene)
    # The answer is lost, the effect is not; and the next gateway cannot know which of the two it is.
    scene.whole.hub.make("/_hub/faults", {"match": "POST .*/rerun", "drop": True, "count": 1})
    assert triaged(scene).verdict is None
    assert triaged(scene).verdict == "ours"
    runs = scene.whole.hub.state.repositories["acme/sums"]["workflow_runs"]
    assert [each["attempt"] for each in runs] == [2]


def test_a_check_that_cannot_be_run_again_is_compared_at_once(scene: Scene) -> None:
    failed_job(scene)
    scene.whole.hub.make("/_hub/faults", {"match": "POST .*/rerun", "status": 403, "count": 1})
    assert triaged(scene).verdict == "ours"


def test_where_nothing_fails_any_more_nobody_is_set_to_work(scene: Scene) -> None:
    scene.check("success")
    scene.check("failure", name="verdict", app=scene.whole.hub.app["id"])
    assert triaged(scene).outputs == {"verdict": "none", "check": "", "job": ""}
    scene.check("failure")
    scene.call("of-ann", "PATCH", f"/pulls/{scene.number}", {"state": "closed"})
    assert triaged(scene).verdict == "none"


def test_where_nothing_is_required_a_commit_is_given_its_time_by_when_it_was_pushed(scene: Scene) -> None:
    now = time.time()
    waits = scene.ask("checks", now)
    assert (waits.verdict, 0 < waits.again <= 90) == (None, True)
    for move in scene.whole.hub.state.repositories["acme/sums"]["moves"]:
        move["timestamp"] = "2020-01-01T00:00:00Z"
    # Whoever begins to wait for it now need not wait once more.
    assert scene.ask("checks", now).verdict == "passed"
