"""The command line on a real API server: makes runs, follows them, and ends as they end.

No operator is needed: the tests write the status themselves, of runs that have ended, which no operator touches.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pressplay.cli import runs
from pressplay.kube.access import Access

SECONDS = 60


class Called:
    def __init__(self, access: Access, kubeconfig: Path, *words: str) -> None:
        command = [sys.executable, "-m", "pressplay", *words, "-n", access.namespace]
        env = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=env, check=False)
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr


@pytest.fixture
def call(access: Access, kubeconfig: Path) -> Any:
    return lambda *words: Called(access, kubeconfig, *words)


def make(access: Access, name: str, **spec: Any) -> runs.Run:
    body = {
        "apiVersion": "agents.platform/v1",
        "kind": "CodeRun",
        "metadata": {"name": name},
        "spec": {"repository": "octo/shop", "task": "Fix it", **spec},
    }
    return access.create(runs.path("CodeRun", access.namespace), body)


def tell(access: Access, name: str, phase: str, reason: str, message: str = "", **status: Any) -> None:
    finished = {
        "type": "Finished", "status": "True", "reason": reason, "message": message,
        "lastTransitionTime": "2030-01-01T00:00:00Z",
    }  # fmt: skip
    admitted = {**finished, "type": "Admitted", "reason": "Admitted", "message": ""}
    told = {"phase": phase, "conditions": [admitted, finished], **status}
    access.patch(runs.path("CodeRun", access.namespace, name, "status"), {"status": told})


def test_a_sentence_becomes_a_run(access: Access, call: Any) -> None:
    made = call("run", "Fix the totals", "--repo", "octo/shop", "--budget", "$1", "--persona", "rex", "-o", "json")
    assert made.code == 0, made.err
    told = json.loads(made.out)
    assert told["metadata"]["name"].startswith("fix-the-totals-")
    assert told["spec"]["repository"] == "octo/shop"
    assert told["spec"]["budget"] == {"dollars": "1"}
    listed = call("get", "-o", "name")
    assert listed.out.strip() == f"coderun.agents.platform/{told['metadata']['name']}"


def test_what_the_api_server_refuses_is_one_line_with_its_words(access: Access, call: Any) -> None:
    call("run", "Fix it", "--repo", "octo/shop", "--name", "same")
    again = call("run", "Fix it", "--repo", "octo/shop", "--name", "same")
    assert again.code == 1
    assert 'coderuns.agents.platform "same" already exists' in again.err
    assert "Traceback" not in again.err


@pytest.mark.parametrize(
    ("phase", "reason", "code"),
    [("Succeeded", "Succeeded", 0), ("Failed", "AgentGaveUp", 1), ("Cancelled", "Cancelled", 3)],
)
def test_watching_ends_as_the_run_ends(access: Access, call: Any, phase: str, reason: str, code: int) -> None:
    make(access, "mine", suspend=True)
    teller = threading.Timer(
        2.0,
        tell,
        (access, "mine", phase, reason, "so it was"),
        {"pullRequestUrl": "https://github.com/octo/shop/pull/1"},
    )
    teller.start()
    watched = call("watch", "mine", "--timeout", "50s")
    teller.join(SECONDS)
    assert watched.code == code, watched.err
    assert f"mine {phase.lower()} ({reason})" in watched.out
    assert "https://github.com/octo/shop/pull/1" in watched.out


def test_a_run_that_takes_longer_goes_on_without_us(access: Access, call: Any) -> None:
    make(access, "long", suspend=True)
    watched = call("watch", "long", "--timeout", "1s")
    assert watched.code == 4
    assert "it goes on without us" in watched.err
    assert runs.find(access, "long")["spec"].get("cancel", False) is False


def test_a_run_that_is_deleted_ends_the_watching(access: Access, call: Any) -> None:
    make(access, "gone", suspend=True)
    remover = threading.Timer(2.0, access.delete, (runs.path("CodeRun", access.namespace, "gone"),))
    remover.start()
    watched = call("watch", "gone", "--timeout", "50s")
    remover.join(SECONDS)
    assert watched.code == 1
    assert "gone was deleted" in watched.err


def test_cancelling_is_a_wish_in_the_spec(access: Access, call: Any) -> None:
    make(access, "mine", suspend=True)
    assert "being cancelled" in call("cancel", "mine").out
    assert runs.find(access, "mine")["spec"]["cancel"] is True


def test_an_ended_run_is_tried_again_with_its_work(access: Access, call: Any) -> None:
    make(access, "mine", attempts=2)
    tell(access, "mine", "Failed", "TokenBudgetExceeded", "12,000 tokens were used")
    assert "12,000 tokens were used" in call("why", "mine").out
    assert "has ended already" in call("cancel", "mine").out
    again = call("retry", "mine", "-o", "json")
    assert again.code == 0, again.err
    spec = json.loads(again.out)["spec"]
    assert (spec["continueFrom"], spec["task"], spec["attempts"]) == ("mine", "Fix it", 2)


def test_a_run_that_goes_on_is_not_tried_again(access: Access, call: Any) -> None:
    make(access, "mine", suspend=True)
    again = call("retry", "mine")
    assert again.code == 1
    assert "`pressplay cancel mine` first" in again.err


def test_costs_are_listed_with_their_sum(access: Access, call: Any) -> None:
    for name, cost in (("one", "0.50"), ("two", "1.25")):
        make(access, name)
        tell(
            access, name, "Succeeded", "Succeeded", cost=cost, usage={"calls": 2, "inputTokens": 10, "outputTokens": 5}
        )
    lines = call("cost").out.splitlines()
    assert "$1.75" in lines[-1]
    assert json.loads(call("cost", "-o", "json").out)["dollars"] == "1.75"


def test_without_a_pod_the_logs_say_why(access: Access, call: Any) -> None:
    make(access, "mine")
    tell(access, "mine", "Failed", "RepositoryNotFound", "the App sees no octo/shop; install it there")
    logs = call("logs", "mine")
    assert logs.code == 1
    assert "the App sees no octo/shop" in logs.err


def test_the_doctor_knows_our_definitions(call: Any) -> None:
    found = {each["name"]: each for each in json.loads(call("doctor", "-o", "json").out)}
    assert found["coderuns.agents.platform"]["state"] == "ok", found
    assert found["docsruns.agents.platform"]["state"] == "ok", found
    assert found["rights"]["state"] == "ok"


def test_nothing_there_is_no_fault(call: Any) -> None:
    nothing = call("get")
    assert nothing.code == 0
    assert "no runs in namespace" in nothing.err
    assert call("get", "nope").code == 1
