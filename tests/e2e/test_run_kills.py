"""Runs whose containers die, whose disk or memory or time runs out: they go on, or say why not. No work is lost."""

from __future__ import annotations

import pytest

from localdemo.standins import StandIns, archive_of
from localkube.providers.kind import KindCluster
from localkube.state import ClusterRecord
from tests.e2e.support.faults import CTR, engine, kill_container, kill_task
from tests.e2e.support.kube import Kube, Manifest
from tests.e2e.support.runs import create, end_of, ended, status_of, told
from tests.e2e.support.waiting import until

REPOSITORY = "acme/kills"
SLOW = """
match: mend it slowly
turns:
  - tools:
      - {name: edit, arguments: {path: sums.py, old: "a - b", new: "a + b"}}
  - tools:
      - {name: shell, arguments: {command: sleep 280, seconds: 290}}
  - tools:
      - {name: shell, arguments: {command: "cat sums.py"}}
  - expect: a + b
    tools:
      - {name: finish, arguments: {title: Add, body: "Killed on the way."}}
"""
FULL = """
match: fill the disk
turns:
  - tools:
      - {name: edit, arguments: {path: sums.py, old: "a - b", new: "a + b"}}
  - tools:
      - {name: shell, arguments: {command: "head -c 100000000 /dev/zero >big; sync; sleep 200", seconds: 250}}
  - tools:
      - {name: finish, arguments: {title: Add, body: ""}}
"""
HUNGRY = """
match: eat the memory
turns:
  - tools:
      - {name: shell, arguments: {command: "python3 -c 'x = bytearray(400_000_000); print(len(x))'"}}
  - expect: "137]"
    tools:
      - {name: edit, arguments: {path: sums.py, old: "a - b", new: "a + b"}}
      - {name: finish, arguments: {title: Add, body: ""}}
"""
SLEEPS = """
match: sleep on
turns:
  - tools:
      - {name: edit, arguments: {path: sums.py, old: "a - b", new: "a + b"}}
  - tools:
      - {name: shell, arguments: {command: sleep 280, seconds: 290}}
"""


@pytest.fixture(scope="module")
def hub(platform: StandIns) -> StandIns:
    platform.repository(REPOSITORY, archive_of({"sums.py": "def add(a, b):\n    return a - b\n"}))
    for name, text in {"slow": SLOW, "full": FULL, "hungry": HUNGRY, "sleeps": SLEEPS}.items():
        platform.script(f"kills-{name}.yaml", text)
    return platform


def spec(task: str, **more: object) -> Manifest:
    return {"repository": REPOSITORY, "task": task, **more}


def sleeping(kube: Kube, place: str, name: str) -> Manifest:
    """Wait until the run's agent is in its long command; answers the pod."""

    def look() -> Manifest | None:
        for pod in kube.list("Pod", place):
            processes = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"
            code, said = kube.execute(place, pod["metadata"]["name"], "sh", "-c", processes, container="workbench")
            if not code and "sleep 280" in said:
                return pod
        return None

    return until("the long command", look, seconds=120, seen=lambda: status_of(kube, place, name))


@pytest.mark.parametrize("container", ["runner", "workbench"])
def test_a_run_goes_on_when_one_of_its_containers_is_killed(
    cluster: ClusterRecord, kube: Kube, hub: StandIns, place: str, container: str
) -> None:
    create(kube, place, "struck", spec("mend it slowly"))
    kill_container(cluster, sleeping(kube, place, "struck"), container)
    status = end_of(kube, place, "struck", seconds=240)
    assert status["phase"] == "Succeeded", status
    assert "+    return a + b" in hub.page(REPOSITORY, status["pullRequest"])
    # The workbench is started again in the same pod; a runner's end is an attempt's.
    assert status["attempts"] == (2 if container == "runner" else 1)


def test_a_run_goes_on_when_its_pod_s_sandbox_is_killed(
    cluster: ClusterRecord, kube: Kube, hub: StandIns, place: str
) -> None:
    create(kube, place, "struck", spec("mend it slowly"))
    uid = sleeping(kube, place, "struck")["metadata"]["uid"]
    which = f'labels."io.kubernetes.pod.uid"=={uid},labels."io.cri-containerd.kind"==sandbox'
    listed = engine().run("exec", KindCluster.of(cluster).node, *CTR, "containers", "list", "--quiet", which)
    kill_task(cluster, listed.strip())
    status = end_of(kube, place, "struck", seconds=280)
    assert status["phase"] == "Succeeded", status
    assert "+    return a + b" in hub.page(REPOSITORY, status["pullRequest"])


def test_a_command_that_eats_the_memory_is_ended_and_the_agent_is_told(kube: Kube, hub: StandIns, place: str) -> None:
    status = ended(kube, place, "hungry", spec("eat the memory", workbench={"resources": {"memory": "128Mi"}}))
    assert status["phase"] == "Succeeded", (told(status, "Finished"), status)


def test_a_run_whose_time_is_over_ends_with_the_remedy_and_keeps_its_work(
    kube: Kube, hub: StandIns, place: str
) -> None:
    status = ended(kube, place, "late", spec("sleep on", budget={"seconds": 30}))
    reason, message = told(status, "Finished")
    assert (status["phase"], reason) == ("Failed", "TimeBudgetExceeded"), status
    assert "spec.budget.seconds" in message
    assert status["backupBranch"].startswith("backup/auto-save-")


def test_a_run_that_fills_its_disk_ends_with_the_remedy_and_keeps_its_work(
    kube: Kube, hub: StandIns, place: str
) -> None:
    # The kubelet looks once a minute.
    status = ended(kube, place, "full", spec("fill the disk", workbench={"resources": {"storage": "32Mi"}}))
    reason, message = told(status, "Finished")
    assert (status["phase"], reason) == ("Failed", "NoSpace"), status
    assert "spec.workbench.resources.storage" in message
    assert status["backupBranch"] in message
