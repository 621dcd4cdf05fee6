"""The chart on a cluster without Argo: upgraded under a run, uninstalled and back again, held to some namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localdemo import platform as installed
from localdemo import vendor
from localdemo.objects import SYSTEM
from localdemo.standins import StandIns, archive_of
from localkube import tools
from localkube.progress import Progress
from localkube.state import ClusterRecord
from tests.e2e.support.commands import pressplay
from tests.e2e.support.kube import RESTRICTED, Kube, Manifest
from tests.e2e.support.runs import create, end_of, ended, status_of
from tests.e2e.support.waiting import until

# It installs the product anew, again and again: on the second cluster, beside what uses that of the first.
pytestmark = [pytest.mark.elsewhere, pytest.mark.xdist_group("second")]

REPOSITORY = "acme/charted"
BUDGET = "properties/spec/properties/budget"
DEFINITION = "coderuns.agents.platform"
UPGRADED = "/tmp/upgraded"
LEISURELY = {"repository": REPOSITORY, "task": "mend it, and wait for the upgrade"}
QUICK = {"repository": REPOSITORY, "task": "mend it now"}
SCRIPT = f"""
match: mend it, and wait for the upgrade
turns:
  - tools:
      - {{name: edit, arguments: {{path: sums.py, old: "a - b", new: "a + b"}}}}
  - tools:
      - {{name: shell, arguments: {{command: "until [ -e {UPGRADED} ]; do sleep 0.2; done", seconds: 280}}}}
  - tools:
      - {{name: finish, arguments: {{title: Add, body: ""}}}}
"""


AT_ONCE = """
match: mend it now
turns:
  - tools:
      - {name: edit, arguments: {path: sums.py, old: "a - b", new: "a + b"}}
      - {name: finish, arguments: {title: Add, body: ""}}
"""


ADA = {
    "settings": {
        "title": "Ada", "role": "implementer", "description": "Adds.", "tools": ["edit", "finish"],
        "effects": ["open_pull_request"], "permissions": {"contents": "write", "pull_requests": "write"},
    },
    "prompt": "You are Ada, who adds.",
}  # fmt: skip


def install(cluster: ClusterRecord, **values: Any) -> StandIns:
    """`helm upgrade --install` with these values; flows and events have tests of their own."""
    bare = {"flows": {"enabled": False}, "events": {"mode": "off"}}
    with Progress() as progress:
        installed.install(cluster, vendor.chosen({}), progress, {**bare, **values})
    hub = StandIns(tools.kubectl(cluster))
    hub.repository(REPOSITORY, archive_of({"sums.py": "def add(a, b):\n    return a - b\n"}))
    for name, text in {"leisurely": SCRIPT, "quick": AT_ONCE}.items():
        hub.script(f"charted-{name}.yaml", text)
    return hub


@pytest.fixture(scope="module", autouse=True)
def tidy(second: ClusterRecord) -> Iterator[None]:
    yield
    with Progress() as progress:
        installed.uninstall(second, progress)


@pytest.fixture
def place(second_kube: Kube) -> Iterator[str]:
    """A namespace for runs."""
    with second_kube.namespace("run", RESTRICTED) as name:
        yield name


def at_work(kube: Kube, place: str, name: str) -> Manifest:
    """Wait until an agent is at work on a run; answers its status."""
    return until(f"{name} to be at work", lambda: running(kube, place, name), seconds=90,
                 seen=lambda: status_of(kube, place, name))  # fmt: skip


def running(kube: Kube, place: str, name: str) -> Manifest | None:
    status = status_of(kube, place, name)
    return status if status.get("phase") == "Running" else None


def test_an_upgrade_brings_new_definitions_and_runs_in_flight_go_on(
    second: ClusterRecord, second_kube: Kube, place: str
) -> None:
    hub = install(second)
    # As an older release had it: without a field that there is now, and without the rules that know it.
    schema = "/spec/versions/0/schema/openAPIV3Schema"
    older = [{"op": "remove", "path": f"{schema}/{part}"} for part in ("x-kubernetes-validations", BUDGET)]
    tools.kubectl(second).run("patch", "crd", DEFINITION, "--type=json", f"--patch={older}".replace("'", '"'))
    create(second_kube, place, "flying", LEISURELY)
    before = at_work(second_kube, place, "flying")
    install(second, operator={"podAnnotations": {"changed": "yes"}}, gateway={"podAnnotations": {"changed": "yes"}})
    assert running(second_kube, place, "flying"), "it was to be under way all the time"
    (pod,) = second_kube.list("Pod", place)
    second_kube.execute(place, pod["metadata"]["name"], "touch", UPGRADED, container="workbench")
    status = end_of(second_kube, place, "flying")
    assert (status["phase"], status["attempts"]) == ("Succeeded", 1), status
    assert status["job"] == before["job"]
    assert hub.pull(REPOSITORY, status["pullRequest"])["state"] == "open"
    create(second_kube, place, "bounded", {**QUICK, "budget": {"steps": 1}})
    assert second_kube.get("CodeRun", "bounded", place)["spec"]["budget"] == {"steps": 1}


def test_an_uninstall_keeps_definitions_and_runs_and_nothing_runs_again(
    second: ClusterRecord, second_kube: Kube, place: str
) -> None:
    install(second)
    done = ended(second_kube, place, "done", QUICK)
    assert done["phase"] == "Succeeded", done
    with Progress() as progress:
        installed.uninstall(second, progress)
    assert second_kube.get("CodeRun", "done", place)["status"] == done
    # A run that is made meanwhile waits, and is carried out when there is somebody.
    create(second_kube, place, "early", QUICK)
    install(second)
    assert end_of(second_kube, place, "early", seconds=150)["phase"] == "Succeeded"
    assert second_kube.get("CodeRun", "done", place)["status"] == done


def test_a_persona_of_the_values_is_given_work(second: ClusterRecord, second_kube: Kube, place: str) -> None:
    install(second, personas={"ada": ADA})
    status = ended(second_kube, place, "added", {**QUICK, "persona": "ada"})
    assert status["phase"] == "Succeeded", status
    env = {"KUBECONFIG": str(second.kubeconfig)}
    assert "Adds." in pressplay("agents", "list", "-o", "json", env=env)


def test_the_namespaced_mode_has_no_cluster_role_but_one_and_looks_nowhere_else(
    second: ClusterRecord, second_kube: Kube, place: str
) -> None:
    install(second, watchNamespaces=[place])
    rules = tools.kubectl(second).run(
        "get", "clusterroles", "--selector=app.kubernetes.io/name=pressplay", "--output=jsonpath={..resources}"
    )
    assert rules.replace('"', "").replace("[", "").replace("]", "").split() == ["tokenreviews"]
    with second_kube.namespace("elsewhere") as elsewhere:
        create(second_kube, elsewhere, "ignored", QUICK)
        status = ended(second_kube, place, "watched", QUICK)
        assert status["phase"] == "Succeeded", status
        assert status_of(second_kube, elsewhere, "ignored") == {}
    assert second_kube.list("Role", place)
    assert second_kube.get("Deployment", "pressplay-operator", SYSTEM)["status"]["readyReplicas"] == 1
