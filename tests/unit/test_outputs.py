"""What a run hands over and how the run ends do not cross each other, and what was cut off is gone on with.

The gateway, its two helpers and the stand-in for GitHub are the real ones, on listeners.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from pressplay.gateway.answers import Rejected
from pressplay.gateway.locks import Locks
from pressplay.gateway.mirrors import Mirrors
from pressplay.gateway.outputs import Outputs
from pressplay.gateway.plan import Plan
from pressplay.gateway.quarantine.client import Quarantine, QuarantineRefused
from pressplay.gateway.references import References
from pressplay.gateway.refusals import Failure, rejected
from pressplay.gateway.signer.client import Signer, SignerRefused
from pressplay.github import errors as github
from pressplay.github.client import REVIEW_THREADS, GitHub
from pressplay.ledger import tables
from pressplay.protocol.changeset import Changeset
from pressplay.protocol.run import Output, Refusal
from pressplay.resources.reasons import Reason
from pressplay.workspace import smart_http
from pressplay.workspace.mirror import Mirror
from tests.unit.a_gateway import OPERATOR, SECONDS, Platform, changed, git, platform

OPENED = "POST .*/pulls$"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path) as there:
        yield there


def remote(made: Platform) -> Path:
    return made.hub.state.git_folder(made.hub.state.repositories["acme/sums"])


def finish(made: Platform, uid: str, reason: Reason = Reason.GAVE_UP) -> httpx.Response:
    return made.call("POST", f"/control/runs/{uid}/finish", OPERATOR, {"reason": reason, "keep_work": True})


def waited(what: str, holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < ends, f"waited {SECONDS} s until {what}"
        time.sleep(0.01)


def forget_the_persona(made: Platform, uid: str) -> None:
    """A gateway whose personas are others now."""
    row = made.gateway.ledger.run(uid)
    assert row is not None
    plan = json.dumps({**json.loads(row.plan), "persona": "gone"})
    with made.gateway.ledger.transaction() as connection:
        connection.execute(update(tables.runs).where(tables.runs.c.uid == uid).values(plan=plan))


def by_another(made: Platform, work: Callable[[Outputs], Awaitable[object]]) -> None:
    """Have another gateway on the same ledger do something."""

    async def whole() -> None:
        old = made.gateway.outputs
        async with httpx.AsyncClient() as http, httpx.AsyncClient() as web:
            quarantine, signer = Quarantine(made.folder / "quarantine.sock"), Signer(made.folder / "signer.sock")
            mirrors = Mirrors(web, quarantine, old.mirrors.web)
            references = References(old.ledger, quarantine, old.redactor)
            new = Outputs(
                old.ledger, quarantine, signer, mirrors, http, old.api, old.host, old.personas, old.redactor,
                references, old.taints,
            )  # fmt: skip
            try:
                await work(new)
            finally:
                await quarantine.close()
                await signer.close()

    asyncio.run(whole())


def recover(made: Platform) -> None:
    """What a gateway does at its start."""
    by_another(made, Outputs.recover)


def test_a_run_that_is_ended_while_its_output_is_under_way_ends_with_the_pull_request(made: Platform) -> None:
    changes = Changeset(base=made.admit("run").base_sha, files=(changed("new.py"),))
    assert made.call("PUT", "/run/work", "token-run", changes.model_dump()).status_code == 204
    made.hub.make("/_hub/faults", {"match": OPENED, "delay": 1.5})
    handing = threading.Thread(target=lambda: made.hand_over("run", changes))
    handing.start()
    waited("the branch is there", lambda: "pressplay/run" in git(remote(made), "for-each-ref"))
    told = finish(made, "run").json()
    handing.join(SECONDS)
    assert told["outcome"] == "pull_request"
    assert told["backup_branch"] is None
    assert "backup/" not in git(remote(made), "for-each-ref")


def test_what_was_let_in_before_the_end_of_a_run_and_comes_after_it_is_refused(made: Platform) -> None:
    changes = Changeset(base=made.admit("run").base_sha, files=(changed("new.py"),))
    row = made.gateway.ledger.run("run")
    assert row is not None
    assert finish(made, "run", Reason.CANCELLED).status_code == 200
    plan, output = Plan.model_validate_json(row.plan), Output(changes=changes, title="Late")
    with pytest.raises(Rejected, match="the run has ended"):
        by_another(made, lambda outputs: outputs.take(row, plan, output))
    assert "pressplay/run" not in git(remote(made), "for-each-ref")


def test_one_output_that_cannot_be_gone_on_with_does_not_keep_the_others_from_it(made: Platform) -> None:
    for uid in ("broken", "fine"):
        changes = Changeset(base=made.admit(uid).base_sha, files=(changed(f"{uid}.py"),))
        made.hub.make("/_hub/faults", {"match": OPENED, "status": 500})
        assert made.hand_over(uid, changes).status_code == 503
    forget_the_persona(made, "broken")
    assert made.gateway.ledger.unfinished_outputs() == ["broken", "fine"]
    recover(made)
    assert made.gateway.ledger.unfinished_outputs() == ["broken"]
    assert made.gateway.ledger.record("fine").outcome == "pull_request"


def test_a_cancelled_run_gets_no_pull_request_afterwards(made: Platform) -> None:
    changes = Changeset(base=made.admit("run").base_sha, files=(changed("new.py"),))
    made.hub.make("/_hub/faults", {"match": OPENED, "status": 500})
    assert made.hand_over("run", changes).status_code == 503
    finish(made, "run", Reason.CANCELLED)
    recover(made)
    assert made.gateway.ledger.record("run").outcome is None


def test_work_of_runs_that_end_within_a_second_is_kept_on_branches_of_their_own(made: Platform) -> None:
    made.gateway.outputs.now = lambda: 1_000_000_000.0
    branches = []
    for uid in ("one", "two"):
        changes = Changeset(base=made.admit(uid).base_sha, files=(changed(f"{uid}.py"),))
        assert made.call("PUT", "/run/work", f"token-{uid}", changes.model_dump()).status_code == 204
        branches.append(finish(made, uid).json()["backup_branch"])
    assert None not in branches
    assert len(set(branches)) == 2


def test_a_pull_request_from_the_default_branch_is_refused_with_the_remedy(made: Platform) -> None:
    first = git(remote(made), "rev-parse", "main").strip()
    git(remote(made), "update-ref", "refs/heads/release", first)
    more = git(remote(made), "commit-tree", f"{first}^{{tree}}", "-p", first, "-m", "more").strip()
    git(remote(made), "update-ref", "refs/heads/main", more)

    async def opened(outputs: Outputs) -> None:
        async with outputs.signer.token("default", "acme/sums", {"pull_requests": "write"}, "test") as token:
            client = GitHub(outputs.http, outputs.api, token.token)
            await client.open_pull("acme/sums", branch="main", base="release", title="Release", body="")

    by_another(made, opened)
    number = 1
    asked = {"repository": "acme/sums", "pullRequest": number, "persona": "rex"}
    body = {"uid": "u", "namespace": "team", "name": "u", "kind": "CodeRun", "spec": asked}
    answer = made.call("POST", "/control/admissions", OPERATOR, body)
    assert answer.status_code == 422
    assert "is from main, the repository's default branch" in answer.json()["message"]
    assert "open it from a branch of its own" in answer.json()["message"]


@pytest.mark.parametrize("branch", ["a..b", "a//b", "a/.b", "mend.lock", "a.lock/b", "HEAD"])
def test_a_branch_that_git_would_not_take_is_refused_before_anything_is_spent(made: Platform, branch: str) -> None:
    spec = {"repository": "acme/sums", "task": "Mend it.", "branch": branch}
    body = {"uid": "u-b", "namespace": "team", "name": "u-b", "kind": "CodeRun", "spec": spec}
    answer = made.call("POST", "/control/admissions", OPERATOR, body)
    assert (answer.status_code, answer.json()["reason"]) == (422, "InvalidRun")
    assert f"spec.branch is {branch}" in answer.json()["message"]


def test_a_persona_that_is_gone_since_the_run_was_admitted_is_named(made: Platform) -> None:
    made.admit("run")
    forget_the_persona(made, "run")
    answer = made.call("GET", "/run/brief", "token-run")
    assert (answer.status_code, answer.json()["reason"]) == (422, "UnknownPersona")
    assert "there is no persona `gone`" in answer.json()["message"]


def test_a_quarantine_that_is_away_is_no_fault_of_the_run_s(made: Platform) -> None:
    changes = Changeset(base=made.admit("run").base_sha, files=(changed("new.py"),))
    made.gateway.outputs.quarantine = Quarantine(made.folder / "nobody.sock")
    answer = made.hand_over("run", changes)
    assert (answer.status_code, answer.json()["reason"]) == (503, "GatewayUnavailable")


def test_a_namespace_s_limits_hold_for_what_persona_and_cluster_choose(tmp_path: Path) -> None:
    held = "tenants: [{namespaces: [team], maxDollars: 0.5, maxSeconds: 600}, {namespaces: [x], models: [none-*]}]"
    (tmp_path / "no-policy.yaml").write_text(held)
    with platform(tmp_path) as made:
        assert made.admit("run").seconds == 600
        row = made.gateway.ledger.run("run")
        assert row is not None
        plan = Plan.model_validate_json(row.plan)
        assert (plan.micro_dollars, plan.seconds) == (500_000, 600)
        body = {"uid": "u", "namespace": "x", "name": "u", "kind": "CodeRun"}
        asked = {"repository": "acme/sums", "task": "Mend it.", "persona": "rex"}
        answer = made.call("POST", "/control/admissions", OPERATOR, {**body, "spec": asked})
        assert (answer.status_code, answer.json()["reason"]) == (422, "UnknownModel")


def test_a_model_that_nobody_knows_is_told_with_the_field_that_names_it_and_others(tmp_path: Path) -> None:
    with platform(tmp_path) as made:
        asked = {"repository": "acme/sums", "task": "Mend it.", "persona": "rex", "model": "gpt-99"}
        body = {"uid": "u", "namespace": "team", "name": "u", "kind": "CodeRun", "spec": asked}
        answer = made.call("POST", "/control/admissions", OPERATOR, body).json()
        assert answer["reason"] == "UnknownModel"
        assert answer["message"].startswith("`model` names `gpt-99`, which is not in the list of models")
        assert "the nearest in it: " in answer["message"]


REFUSAL = Refusal(reason=Reason.APP_NOT_INSTALLED, message="install it")


@pytest.mark.parametrize(
    ("error", "reason", "later"),
    [
        (SignerRefused(404, REFUSAL), Reason.APP_NOT_INSTALLED, False),
        (SignerRefused(503, REFUSAL), Reason.APP_NOT_INSTALLED, True),
        (QuarantineRefused(507, Refusal(reason=Reason.NO_SPACE, message="full")), Reason.NO_SPACE, True),
        (github.RateLimited("slow down", after=42.0), Reason.GITHUB_UNAVAILABLE, True),
        (github.Unavailable("GitHub answered 502"), Reason.GITHUB_UNAVAILABLE, True),
        (github.NotFound("no"), Reason.REPOSITORY_NOT_FOUND, False),
        (github.Refused("no"), Reason.APP_REFUSED, False),
        (github.Invalid("no"), Reason.PUSH_REJECTED, False),
        (smart_http.Unavailable("broke"), Reason.GITHUB_UNAVAILABLE, True),
        (smart_http.RepositoryNotFound("no"), Reason.REPOSITORY_NOT_FOUND, False),
        (smart_http.Refused("no"), Reason.APP_REFUSED, False),
        (smart_http.PushRefused("a rule", moved=False), Reason.PUSH_REJECTED, False),
        (httpx.ReadError("broke"), Reason.GATEWAY_UNAVAILABLE, True),
    ],
)
def test_an_error_means_the_same_wherever_it_comes_from(error: Failure, reason: Reason, later: bool) -> None:
    told = rejected(error)
    assert isinstance(told, Rejected)
    assert (told.refusal.reason, told.status >= 500) == (reason, later)


def test_github_s_limit_is_told_with_its_time() -> None:
    assert "again in 42 s" in rejected(github.RateLimited("slow down", after=42.0)).refusal.message


def test_locks_hold_one_after_the_other_and_leave_nothing_behind() -> None:
    async def used() -> list[str]:
        locks, told = Locks(), []

        async def hold(name: str) -> None:
            async with locks.hold("run"):
                told.append(f"{name} begins")
                await asyncio.sleep(0)
                told.append(f"{name} ends")

        async with locks.hold("run"):
            waiting = asyncio.create_task(hold("given up"))
            others = [asyncio.create_task(hold(name)) for name in ("one", "two")]
            await asyncio.sleep(0)
            waiting.cancel()
            async with locks.hold("another run"):
                told.append("another run's")
        await asyncio.gather(waiting, *others, return_exceptions=True)
        assert len(locks) == 0
        return told

    assert asyncio.run(used()) == ["another run's", "one begins", "one ends", "two begins", "two ends"]


# What a persona has to say where the task stands


def said(made: Platform) -> list[str]:
    """The comments on what is numbered 1, as a person reads them."""
    headers = {"authorization": "Bearer of-ann"}
    url = f"{made.hub.address}/api/v3/repos/acme/sums/issues/1/comments"
    return [str(each["body"]) for each in httpx.get(url, headers=headers, timeout=SECONDS).json()]


@pytest.fixture
def reviewed(made: Platform) -> Platform:
    """A pull request, to be worked on by QA."""
    made.hub.make("/_hub/users", {"login": "ann", "token": "of-ann", "role": "write"})
    admission = made.admit("opens")
    assert made.hand_over("opens", Changeset(base=admission.base_sha, files=(changed("src/new.py"),))).json()
    return made


def test_a_branch_that_is_gone_leaves_the_mirror_and_stands_in_no_other_s_way(made: Platform) -> None:
    first = made.admit("first", branch="work")
    assert made.hand_over("first", Changeset(base=first.base_sha, files=(changed("new.py"),))).is_success
    begun = made.admit("second", branch="work")
    mirror = Mirror(made.mirrors, begun.repository_id)
    assert "refs/heads/work" in mirror.refs()
    git(remote(made), "update-ref", "-d", "refs/heads/work")
    git(remote(made), "update-ref", "refs/heads/work/more", begun.base_sha)
    assert made.admit("third", branch="work/more").base_sha == begun.base_sha
    assert mirror.refs().keys() == {"refs/heads/main", "refs/heads/work/more"}
    # Who began on it goes on.
    assert made.call("GET", "/run/workspace", "token-second").is_success


def refused(made: Platform, **spec: Any) -> dict[str, Any]:
    """Why a run is not admitted."""
    told = {"repository": "acme/sums", "persona": "rex", **spec}
    body = {"uid": "no", "namespace": "team", "name": "no", "kind": "CodeRun", "spec": told}
    answer = made.call("POST", "/control/admissions", OPERATOR, body)
    assert answer.status_code == 422, answer.text
    found: dict[str, Any] = answer.json()
    return found


def task_of(made: Platform, uid: str) -> str:
    """What the runner is told to do."""
    return str(made.call("GET", "/run/brief", f"token-{uid}").json()["task"])


def test_a_task_on_a_pull_request_is_told_with_what_was_said_there(reviewed: Platform) -> None:
    admission = reviewed.admit("both", task="Mend the sum.", pullRequest=1)
    assert admission.branch == reviewed.admit("opens").branch
    task = task_of(reviewed, "both")
    assert task.startswith("Mend the sum.")
    assert "A change" in task


def test_a_run_for_a_commit_that_is_not_the_newest_begins_on_the_newest_and_says_so(reviewed: Platform) -> None:
    first = reviewed.admit("opens")
    admission = reviewed.admit("late", task=None, pullRequest=1, head=first.base_sha)
    assert admission.base_sha != first.base_sha
    assert admission.notice == (
        f"{first.branch} has moved on from {first.base_sha[:12]}, so it begins on {admission.base_sha[:12]}"
    )
    assert reviewed.admit("now", task=None, pullRequest=1, head=admission.base_sha).notice == ""


def test_a_run_for_a_commit_that_is_not_on_its_branch_is_refused(reviewed: Platform) -> None:
    first = reviewed.admit("opens")
    tree = f"{first.base_sha}^{{tree}}"
    aside = git(remote(reviewed), "commit-tree", tree, "-p", first.base_sha, "-m", "aside").strip()
    for head in (aside, "c" * 40):
        told = refused(reviewed, pullRequest=1, head=head)
        assert told["reason"] == "HeadNotFound"
        assert f"spec.head is {head}, which is not on {first.branch}" in told["message"]


def test_a_run_that_goes_on_with_one_that_handed_over_works_on_its_branch_and_hears_what_it_said(
    reviewed: Platform,
) -> None:
    first = reviewed.admit("opens")
    admission = reviewed.admit("goes-on", continueFrom="opens")
    assert admission.branch == first.branch
    assert admission.base_sha != first.base_sha
    assert "What rex said at the end of its work before this" in task_of(reviewed, "goes-on")
    assert reviewed.call("GET", "/run/transcript", "token-goes-on").json()["entries"] == []


def test_a_run_that_goes_on_with_a_plan_hears_it_though_that_changed_nothing(made: Platform) -> None:
    base = made.admit("plan").base_sha
    assert made.hand_over("plan", Changeset(base=base, files=()), summary="First the tests.").is_success
    made.admit("work", continueFrom="plan")
    assert task_of(made, "work").startswith("Mend it.")
    assert "First the tests." in task_of(made, "work")


def test_a_run_that_goes_on_with_unfinished_work_begins_where_that_began(made: Platform) -> None:
    base = made.admit("parked").base_sha
    made.gateway.ledger.save_work("parked", 1, b'{"base": "%s"}' % base.encode())
    assert made.admit("again", continueFrom="parked").base_sha == base
    assert made.call("GET", "/run/work", "token-again").json() == {"base": base}


def test_who_may_touch_tests_only_says_what_must_change_where_the_task_stands_and_judges(reviewed: Platform) -> None:
    admission = reviewed.admit("qa", task=None, pullRequest=1, persona="qa")
    assert reviewed.call("GET", "/run/brief", "token-qa").json()["comments"] is True
    code = Changeset(base=admission.base_sha, files=(changed("src/new.py", b"y = 2\n"),))
    refused = reviewed.hand_over("qa", code, verdict="fail")
    assert (refused.status_code, refused.json()["violations"][0]["rule"]) == (422, "contract-path")
    assert "say in `comment` of finish what must change there" in refused.json()["message"]
    assert said(reviewed) == []

    nothing = Changeset(base=admission.base_sha)
    told = "src/new.py must handle 0. @octo/team Closes #1"
    assert reviewed.hand_over("qa", nothing, verdict="fail", comment=told).json()["outcome"] == "nothing_to_change"
    (comment,) = said(reviewed)
    assert "src/new.py must handle 0." in comment
    assert "persona qa" in comment
    assert "@octo" not in comment
    assert "Closes #1" not in comment


def test_a_comment_whose_answer_was_lost_is_made_once(reviewed: Platform) -> None:
    admission = reviewed.admit("lost", task=None, pullRequest=1, persona="qa")
    output = {"comment": "It must handle 0.", "verdict": "fail"}
    assert reviewed.hand_over("lost", Changeset(base=admission.base_sha), **output).status_code == 200
    # As a gateway leaves it that was killed after the comment was made.
    with reviewed.gateway.ledger.transaction() as connection:
        connection.execute(update(tables.outputs).values(state="received", outcome=None))
    assert reviewed.hand_over("lost", Changeset(base=admission.base_sha), **output).status_code == 200
    assert len(said(reviewed)) == 1


def test_tests_and_a_comment_are_handed_over_together(reviewed: Platform) -> None:
    admission = reviewed.admit("both", task=None, pullRequest=1, persona="qa")
    tests = Changeset(
        base=admission.base_sha, files=(changed("tests/test_new.py", b"def test_x():\n    assert 1 + 1\n"),)
    )
    accepted = reviewed.hand_over("both", tests, comment="See the test that fails.", verdict="fail").json()
    assert accepted["outcome"] == "pull_request"
    assert len(said(reviewed)) == 1


def test_a_comment_of_who_comments_nowhere_is_refused(made: Platform) -> None:
    admission = made.admit("rex")
    refused = made.hand_over("rex", Changeset(base=admission.base_sha), comment="Hello.")
    assert "Rex comments nowhere" in refused.json()["message"]
    admission = made.admit("qa", persona="qa")
    refused = made.hand_over("qa", Changeset(base=admission.base_sha), comment="Hello.")
    assert "QA has nowhere to comment in this run; say it in the body of finish" in refused.json()["message"]


# Review threads


def commented(made: Platform, body: str = "Why?", number: int = 1) -> str:
    """A review thread of Ann's on a pull request; answers its id."""
    headers = {"authorization": "Bearer of-ann"}
    with httpx.Client(base_url=f"{made.hub.address}/api/v3/repos/acme/sums", headers=headers) as github:
        head = github.get(f"/pulls/{number}").json()["head"]["sha"]
        told = {"path": "src/new.py", "line": 1, "body": body, "commit_id": head}
        assert github.post(f"/pulls/{number}/comments", json=told).status_code == 201
    return threads(made, number)[-1][0]


def threads(made: Platform, number: int = 1) -> list[tuple[str, bool]]:
    """The threads of a pull request, and whether each is resolved."""
    variables = {"owner": "acme", "name": "sums", "number": number, "after": None}
    answer = httpx.post(
        f"{made.hub.address}/api/graphql", json={"query": REVIEW_THREADS, "variables": variables},
        headers={"authorization": "Bearer of-ann"},
    )  # fmt: skip
    nodes = answer.json()["data"]["repository"]["pullRequest"]["reviewThreads"]["nodes"]
    return [(each["id"], each["isResolved"]) for each in nodes]


def test_threads_that_are_dealt_with_are_resolved_by_the_app_and_that_is_one_line(reviewed: Platform) -> None:
    first, other = commented(reviewed), commented(reviewed, "And this?")
    admission = reviewed.admit("answers", task=None, pullRequest=1, persona="comment")
    brief = reviewed.call("GET", "/run/brief", "token-answers").json()
    assert brief["resolves"] is True
    assert f"Review thread {first} (open) at src/new.py:1" in brief["task"]
    changes = Changeset(base=admission.base_sha, files=(changed("src/new.py", b"y = 2\n"),))
    assert reviewed.hand_over("answers", changes, resolved=[first], verdict="pass").status_code == 200
    assert threads(reviewed) == [(first, True), (other, False)]
    assert reviewed.gateway.ledger.actions("answers").count(("gateway", "resolved-threads")) == 1


def test_threads_are_resolved_also_where_nothing_had_to_be_changed_and_an_answer_was_lost(reviewed: Platform) -> None:
    thread = commented(reviewed)
    admission = reviewed.admit("answers", task=None, pullRequest=1, persona="comment")
    nothing = Changeset(base=admission.base_sha)
    answers = [reviewed.hand_over("answers", nothing, resolved=[thread])]
    with reviewed.gateway.ledger.transaction() as connection:
        connection.execute(update(tables.outputs).where(tables.outputs.c.run == "answers").values(state="received"))
    answers.append(reviewed.hand_over("answers", nothing, resolved=[thread]))
    assert [each.json()["outcome"] for each in answers] == ["nothing_to_change"] * 2
    assert threads(reviewed) == [(thread, True)]


def test_threads_of_another_pull_request_and_such_as_there_are_not_are_refused_before_anything_is_done(
    reviewed: Platform,
) -> None:
    strange = commented(reviewed)
    second = reviewed.admit("second")
    made = reviewed.hand_over("second", Changeset(base=second.base_sha, files=(changed("src/new.py"),))).json()
    admission = reviewed.admit("answers", task=None, pullRequest=made["pull_request"], persona="comment")
    changes = Changeset(base=admission.base_sha, files=(changed("src/more.py"),))
    for named in (strange, "PRRT_nothing"):
        refused = reviewed.hand_over("answers", changes, resolved=[named])
        assert (refused.status_code, refused.json()["violations"][0]["rule"]) == (422, "effect")
        assert f"has no review thread {named}" in refused.json()["message"]
    assert reviewed.gateway.ledger.output("answers") is None
    assert threads(reviewed) == [(strange, False)]


def test_who_resolves_no_threads_is_refused(reviewed: Platform) -> None:
    thread = commented(reviewed)
    admission = reviewed.admit("rex", task=None, pullRequest=1)
    assert reviewed.call("GET", "/run/brief", "token-rex").json()["resolves"] is False
    refused = reviewed.hand_over("rex", Changeset(base=admission.base_sha), resolved=[thread])
    assert "Rex resolves no threads" in refused.json()["message"]
    admission = reviewed.admit("words", persona="comment")
    refused = reviewed.hand_over("words", Changeset(base=admission.base_sha), resolved=[thread])
    assert "has no pull request whose threads it could resolve" in refused.json()["message"]


def test_who_formats_is_told_of_the_project_s_fixers_and_nobody_else(made: Platform) -> None:
    settings = {".pressplay/requirements.yaml": "format: {python: [[tox, -e, fix]]}\n"}
    made.hub.repository("acme/tidy", settings)
    for persona, names in (("clippy", {"python"}), ("rex", set())):
        made.admit(f"by-{persona}", "acme/tidy", persona=persona)
        told = made.call("GET", "/run/brief", f"token-by-{persona}").json()["fixers"]
        assert names <= {each["name"] for each in told}
        assert bool(told) is bool(names)
        assert "ruff" not in str(told)
