"""A four-line CodeRun becomes a pull request, and what cannot become one says why."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from localdemo.objects import KEY, SYSTEM
from localdemo.standins import StandIns, archive_of
from localkube.state import ClusterRecord
from tests.e2e.support.commands import pressplay
from tests.e2e.support.kube import RESTRICTED, Kube, Manifest
from tests.e2e.support.runs import create, end_of, ended, told
from tests.e2e.support.waiting import until

SUMS = {
    "sums.py": "def add(a, b):\n    return a - b\n",
    "test_sums.py": (
        "import unittest\nfrom sums import add\n\n\nclass Sums(unittest.TestCase):\n"
        "    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n"
    ),
}
MENDS = """
match: add subtracts
turns:
  - tools:
      - {name: read, arguments: {path: sums.py}}
      - {name: shell, arguments: {command: "env; cat /proc/*/environ; find / -name token 2>/dev/null"}}
      - {name: shell, arguments: {command: python3 -m unittest}}
  - expect: AssertionError
    tools:
      - {name: edit, arguments: {path: sums.py, old: "a - b", new: "a + b"}}
      - {name: shell, arguments: {command: python3 -m unittest}}
  - expect: OK
    tools:
      - {name: finish, arguments: {title: Add instead of subtracting, body: "Mended, @everybody. Fixes #1"}}
"""
BREAKS_RULES = """
match: change the workflow
turns:
  - tools:
      - {name: write, arguments: {path: .github/workflows/ci.yml, content: "on: push"}}
      - {name: finish, arguments: {title: A workflow, body: ""}}
repeat: last
"""
GIVES_UP = """
match: the impossible
turns:
  - tools:
      - {name: finish, arguments: {title: No, body: this cannot be done, outcome: cannot}}
"""

IMPOSSIBLE: tuple[tuple[Manifest, str, str], ...] = (
    ({"task": "the impossible"}, "AgentGaveUp", "cannot be done"),
    ({"task": "x", "persona": "nobody"}, "UnknownPersona", "choose one of: acceptance"),
    ({"task": "x", "model": "no-such-model"}, "UnknownModel", "no-such-model"),
    ({"task": "x", "repository": "acme/nothing"}, "AppNotInstalled", "acme/nothing"),
    ({"task": "x", "base": "no-such-branch"}, "BaseNotFound", "set spec.base"),
    ({"issue": 99}, "TaskNotFound", "no issue or pull request 99"),
    ({"task": "add subtracts", "budget": {"steps": 1}}, "StepBudgetExceeded", "spec.budget.steps"),
    ({"task": "add subtracts", "budget": {"tokens": 100}}, "TokenBudgetExceeded", "spec.budget.tokens"),
    ({"task": "add subtracts", "budget": {"dollars": "0.0001"}}, "MoneyBudgetExceeded", "spec.budget.dollars"),
)


@pytest.fixture(scope="module")
def hub(platform: StandIns) -> StandIns:
    """The stand-ins, with a repository and the scripts of these tests."""
    platform.repository("acme/sums", archive_of(SUMS))
    for name, text in {"mends": MENDS, "rules": BREAKS_RULES, "gives-up": GIVES_UP}.items():
        platform.script(f"{name}.yaml", text)
    return platform


def test_four_lines_become_a_pull_request(kube: Kube, hub: StandIns, place: str) -> None:
    status = ended(kube, place, "add", {"repository": "acme/sums", "task": "add subtracts; make it add"})
    assert status["phase"] == "Succeeded", status
    pull = hub.pull("acme/sums", status["pullRequest"])
    assert pull["head"]["sha"] == status["headSHA"]
    assert pull["user"]["login"] == "pressplay[bot]"
    page = hub.page("acme/sums", status["pullRequest"])
    assert "+    return a + b" in page
    # What an agent writes notifies nobody and closes nothing.
    assert "@everybody" not in pull["body"]
    assert "Fixes #1" not in pull["body"]
    assert status["usage"]["calls"] == 3
    assert float(status["cost"]) > 0


def test_no_credential_is_where_the_repository_s_code_runs(kube: Kube, hub: StandIns, place: str) -> None:
    """The agent's first commands printed all that can be seen from the workbench into the conversation."""
    status = ended(kube, place, "add", {"repository": "acme/sums", "task": "add subtracts; look around first"})
    assert status["phase"] == "Succeeded", status
    seen = str([each["body"] for each in hub.conversations()])
    for canary in (KEY, "ghs_", "PRIVATE KEY", "/var/run/secrets/pressplay"):
        assert canary not in seen, canary


def test_a_protected_path_is_refused_and_the_agent_is_told(kube: Kube, hub: StandIns, place: str) -> None:
    status = ended(kube, place, "rules", {"repository": "acme/sums", "task": "change the workflow"})
    reason, message = told(status, "Finished")
    assert (status["phase"], reason) == ("Failed", "OutputRefused")
    assert ".github/workflows/ci.yml is protected" in message
    assert "pullRequest" not in status


@pytest.fixture(scope="module")
def impossible(kube: Kube, hub: StandIns) -> Iterator[str]:
    """A namespace with all runs that cannot be done, each called by its reason; they are under way side by side."""
    with kube.namespace("run", RESTRICTED) as place:
        for spec, reason, _ in IMPOSSIBLE:
            create(kube, place, reason.lower(), {"repository": "acme/sums", **spec})
        yield place


@pytest.mark.xdist_group("impossible")
@pytest.mark.parametrize(("reason", "words"), [(reason, words) for _, reason, words in IMPOSSIBLE])
def test_what_cannot_be_done_ends_with_a_reason_and_a_remedy(
    kube: Kube, impossible: str, reason: str, words: str
) -> None:
    status = end_of(kube, impossible, reason.lower())
    assert status["phase"] == "Failed"
    assert told(status, "Finished")[0] == reason, status
    assert words in told(status, "Finished")[1]


@pytest.mark.alone
def test_the_gateway_and_the_operator_come_back_and_the_run_goes_on(kube: Kube, hub: StandIns, place: str) -> None:
    spec = {"repository": "acme/sums", "task": "add subtracts, while everything is killed"}
    create(kube, place, "killed", spec)
    for component in ("operator", "gateway"):
        for pod in kube.list("Pod", SYSTEM, f"app.kubernetes.io/component={component}"):
            kube.delete("Pod", pod["metadata"]["name"], SYSTEM, grace=0)
    status = end_of(kube, place, "killed", seconds=240)
    assert status["phase"] == "Succeeded", status


def test_a_run_that_is_cancelled_ends_and_its_pod_goes(kube: Kube, hub: StandIns, place: str) -> None:
    spec = {"repository": "acme/sums", "task": "add subtracts", "suspend": True}
    create(kube, place, "held", spec)

    def phase(wanted: str) -> bool:
        return bool(kube.get("CodeRun", "held", place).get("status", {}).get("phase") == wanted)

    until("the run to be held", lambda: phase("Suspended"), seconds=60)
    assert not kube.list("Pod", place)
    kube.patch("CodeRun", "held", place, {"spec": {"cancel": True}})
    until("the run to be cancelled", lambda: phase("Cancelled"), seconds=60)


def test_the_doctor_really_calls_what_is_outside(cluster: ClusterRecord, hub: StandIns) -> None:
    found = {each["name"]: each for each in json.loads(pressplay("doctor", "-o", "json", env=at(cluster)))}
    assert found["GitHub as default"]["state"] == "ok", found
    assert "acme" in found["GitHub as default"]["detail"]
    assert found["model"]["state"] == "ok", found
    assert "takes the key" in found["model"]["detail"]
    assert [found[name]["state"] for name in ("quarantine", "ledger")] == ["ok", "ok"]
    of_flows = ("workflows.argoproj.io", "Argo controller", "Argo server")
    of_events = ("events", "EventBus", "webhook secret", "EventSource", "Sensor")
    assert {name: found[name]["state"] for name in (*of_flows, *of_events)} == dict.fromkeys(
        (*of_flows, *of_events), "ok"
    )
    assert "answers the operator" in found["Argo server"]["detail"]
    assert found["events"]["detail"].startswith("webhook")


def test_the_operator_counts_how_runs_end(kube: Kube, hub: StandIns, place: str) -> None:
    ended(kube, place, "add", {"repository": "acme/sums", "task": "the impossible"})
    with kube.forward(SYSTEM, "deployment/pressplay-operator", 8082) as port:
        measures = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    counted = 'pressplay_operator_runs_finished_total{kind="CodeRun",reason="AgentGaveUp"}'
    assert counted in measures, measures


def at(cluster: ClusterRecord) -> dict[str, str]:
    """The variables by which a user's commands find the cluster."""
    return {"KUBECONFIG": str(cluster.kubeconfig)}
