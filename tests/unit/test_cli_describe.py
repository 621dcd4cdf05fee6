"""Runs are told in the words of their conditions, and unknown words do no harm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pressplay.cli.cost import account, total
from pressplay.cli.describe import ending, progress, row, why_now
from pressplay.cli.failures import Exit
from pressplay.cli.pods import choose, waiting_reason
from pressplay.cli.retry import build_retry
from pressplay.cli.runs import exit_of, telling
from pressplay.cli.show import age, duration, money, objects_as, table
from pressplay.resources.names import RETRY_OF

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def condition(kind: str, reason: str, status: str = "True", message: str = "") -> dict[str, Any]:
    return {
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2030-01-01T11:58:00Z",
    }  # fmt: skip


def run(*conditions: dict[str, Any], phase: str = "Running", spec: dict[str, Any] | None = None, **status: Any) -> Any:
    told = {"phase": phase, "conditions": list(conditions), **status} if conditions else {}
    return {
        "apiVersion": "agents.platform/v1",
        "kind": "CodeRun",
        "metadata": {"name": "fix", "namespace": "a", "uid": "u", "creationTimestamp": "2030-01-01T11:55:00Z"},
        "spec": {"repository": "octo/shop", "task": "Fix it", **(spec or {})},
        "status": told,
    }


DONE = run(
    condition("Running", "AgentAtWork", "False"),
    condition("Finished", "Succeeded", message="done"),
    phase="Succeeded", pullRequest=7, pullRequestUrl="https://github.com/octo/shop/pull/7", cost="0.0421",
    startTime="2030-01-01T11:56:00Z", completionTime="2030-01-01T11:57:05Z", persona="rex",
    usage={"calls": 4, "inputTokens": 100, "cacheWriteTokens": 20, "cacheReadTokens": 900, "outputTokens": 50},
)  # fmt: skip


def test_a_finished_run_tells_its_pull_request_and_its_cost() -> None:
    assert ending(DONE) == [
        "fix succeeded (Succeeded) after 1m05s",
        "  pull request  https://github.com/octo/shop/pull/7",
        "  cost          $0.0421",
    ]
    assert row(DONE, NOW) == ("fix", "CodeRun", "Succeeded", "Succeeded", "rex", "#7", "$0.0421", "5m")


@pytest.mark.parametrize(
    ("reason", "remedy"), [("AgentGaveUp", "say the task more exactly"), ("NotConverging", "split the task")]
)
def test_where_the_message_is_the_agent_s_own_the_remedy_is_ours(reason: str, remedy: str) -> None:
    failed = run(condition("Finished", reason, message="this cannot be done"), phase="Failed")
    told = why_now(failed, NOW)
    assert told[1] == "  this cannot be done"
    assert told[-1] == f"  `pressplay logs fix` shows what the agent did; {remedy}, in a new run"


def test_a_failed_run_tells_why_and_where_its_work_is() -> None:
    failed = run(
        condition("Finished", "OutputRefused", message="a workflow was changed; leave .github alone"),
        phase="Failed", backupBranch="backup/auto-save-1",
    )  # fmt: skip
    assert "  a workflow was changed; leave .github alone" in ending(failed)
    assert any("backup/auto-save-1" in line for line in ending(failed))


def test_a_run_that_was_refused_has_taken_no_time() -> None:
    refused = run(condition("Finished", "UnknownPersona", message="there is none"), phase="Failed")
    assert ending(refused)[0] == "fix failed (UnknownPersona) before it began"


def test_a_run_that_nobody_looks_at_leads_to_the_doctor() -> None:
    assert "no operator has looked at it for 5m" in why_now(run(), NOW)[0]
    assert "pressplay doctor" in why_now(run(), NOW)[1]


def test_a_run_that_was_just_made_is_no_cause_for_alarm() -> None:
    assert "just made" in why_now(run(), NOW - timedelta(minutes=5))[0]


def test_what_holds_a_run_up_is_told_with_its_time() -> None:
    waiting = run(condition("Admitted", "GitHubUnavailable", "False", "GitHub asks to wait"), phase="Pending")
    assert why_now(waiting, NOW) == ["fix: GitHubUnavailable for 2m: GitHub asks to wait"]


def test_a_held_run_tells_how_to_let_it_go_on() -> None:
    held = run(condition("Suspended", "Suspended"), phase="Suspended", spec={"suspend": True})
    assert '{"spec":{"suspend":false}}' in why_now(held, NOW)[1]


def test_a_cancelled_run_that_has_not_ended_says_so() -> None:
    assert "being cancelled" in why_now(run(condition("Running", "AgentAtWork"), spec={"cancel": True}), NOW)[0]


def test_progress_is_one_line_with_attempt_calls_and_cost() -> None:
    working = run(
        condition("Admitted", "Admitted"), condition("Running", "AgentAtWork", message="step 3"),
        attempts=1, usage={"calls": 3}, cost="1.5",
    )  # fmt: skip
    assert progress(working) == "Running   AgentAtWork · attempt 1 of 3 · 3 calls · $1.50 · step 3"
    begun = run(condition("Running", "AgentAtWork", message="attempt 1"), attempts=1)
    assert progress(begun) == "Running   AgentAtWork · attempt 1 of 3"


def test_a_reason_that_this_version_does_not_know_is_shown_as_it_is() -> None:
    assert "FromTheFuture" in progress(run(condition("Running", "FromTheFuture")))


def test_the_refusal_is_told_before_what_still_holds() -> None:
    told = telling(run(condition("Running", "Waiting", "False"), condition("Admitted", "UnknownPersona", "False")))
    assert told is not None
    assert told["reason"] == "UnknownPersona"


@pytest.mark.parametrize(
    ("phase", "code"),
    [("Succeeded", Exit.SUCCEEDED), ("Failed", Exit.FAILED), ("Cancelled", Exit.CANCELLED), ("Running", Exit(4))],
)
def test_the_exit_code_is_the_result(phase: str, code: Exit) -> None:
    assert exit_of(run(condition("Admitted", "Admitted"), phase=phase)) is code


def test_a_retry_keeps_the_task_and_goes_on_with_the_work() -> None:
    ended = run(condition("Admitted", "Admitted"), spec={"cancel": True, "branch": "pressplay/fix", "attempts": 2})
    made = build_retry(ended, afresh=False)
    assert made["spec"] == {"repository": "octo/shop", "task": "Fix it", "attempts": 2, "continueFrom": "fix"}
    assert made["metadata"] == {"generateName": "fix-", "annotations": {RETRY_OF: "fix"}}


def test_a_retry_of_a_retry_is_named_after_the_first() -> None:
    second = run()
    second["metadata"] |= {"name": "fix-abcde", "annotations": {RETRY_OF: "fix"}}
    assert build_retry(second, afresh=True)["metadata"]["generateName"] == "fix-"
    assert "continueFrom" not in build_retry(second, afresh=True)["spec"]
    more = build_retry(second, False, {"budget": {"dollars": "5"}, "model": "opus"})["spec"]
    assert (more["budget"], more["model"]) == ({**second["spec"].get("budget", {}), "dollars": "5"}, "opus")


def test_costs_are_added_up_and_caches_told_apart() -> None:
    told = account(DONE)
    assert (told["input"], told["cached"], told["output"]) == (120, 900, 50)
    assert str(total([told, told, account(run())])) == "0.0842"


def pod(name: str, at: str, attempt: str = "1", **states: Any) -> dict[str, Any]:
    statuses = [{"name": box, "state": state} for box, state in states.items()]
    return {
        "metadata": {"name": name, "creationTimestamp": at, "labels": {"agents.platform/attempt": attempt}},
        "status": {"containerStatuses": statuses},
    }


def test_logs_are_of_the_youngest_pod_or_of_the_attempt_that_is_asked_for() -> None:
    pods = [pod("a", "2030-01-01T00:00:00Z", "1"), pod("b", "2030-01-01T00:01:00Z", "2")]
    assert (choose(pods, None) or {})["metadata"]["name"] == "b"
    assert (choose(pods, 1) or {})["metadata"]["name"] == "a"
    assert choose(pods, 3) is None


def test_a_container_that_waits_says_for_what() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    assert waiting_reason(pod("a", "t", runner=waiting), "runner") == "ImagePullBackOff: no such image"
    assert waiting_reason(pod("a", "t", runner={"running": {}}), "runner") is None
    assert waiting_reason(pod("a", "t"), "runner") == "the pod has not begun"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0s"), (45, "45s"), (119, "119s"), (130, "2m"), (7200, "2h"), (200_000, "2d")]
)
def test_ages_are_told_as_kubectl_does(seconds: int, text: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == text


def test_money_and_durations_are_short() -> None:
    assert [money(told) for told in (None, "0", "0.0042", "12.346", "?")] == ["-", "$0.00", "$0.0042", "$12.35", "?"]
    assert duration(NOW, NOW + timedelta(seconds=3700)) == "1h01m"
    assert duration(None, NOW) == "-"


def test_objects_are_printed_without_what_only_the_server_needs() -> None:
    full = run()
    full["metadata"]["managedFields"] = [{}]
    assert "managedFields" not in objects_as("yaml", full)
    assert objects_as("name", [full]) == "coderun.agents.platform/fix"


def test_columns_line_up() -> None:
    assert table(("A", "B"), [("long", "x"), ("s", "y")]) == "A     B\nlong  x\ns     y"
