"""Clusters come up after everything was killed and go without leaving anything; `up` changes nothing where all is well.

These tests come last: they kill both clusters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from localdemo import platform as installed
from localkube.paths import state_dir
from localkube.progress import Progress
from localkube.providers.kind import KindCluster
from localkube.state import ClusterRecord
from tests.e2e.support.commands import answer, pressplay
from tests.e2e.support.faults import engine, kill_engine, kill_everything, node_started
from tests.e2e.support.kube import OURS, Kube, Manifest
from tests.e2e.support.second import BARE_UP, CLUSTER_WIDE, OUTSIDE, SECOND, WRITTEN, called, is_up, remove
from tests.e2e.support.waiting import until

pytestmark = pytest.mark.last

# Where ours is in a cluster.
SYSTEM = ("kube-system", "argo", "argo-events", "local-path-storage")


@pytest.fixture(autouse=True, scope="module")
def tidy(cluster: ClusterRecord) -> Iterator[None]:
    """No second cluster afterwards; the product goes before: what it runs would be started anew with the cluster."""
    with Progress() as progress:
        installed.uninstall(cluster, progress)
    remove(OUTSIDE)
    yield
    remove(SECOND)


def test_up_a_second_time_changes_nothing(cluster: ClusterRecord, kube: Kube) -> None:
    before = everything(kube)
    pressplay("cluster", "up", "--yes")
    assert everything(kube) == before


def everything(kube: Kube) -> dict[str, object]:
    """All that `up` made, each with what would differ had it been written or started again."""
    written = [one for kind in WRITTEN for namespace in SYSTEM for one in kube.list(kind, namespace)]
    wide = [one for kind in CLUSTER_WIDE for one in kube.list(kind) if not is_a_tests(one)]
    pods = [pod for namespace in SYSTEM for pod in kube.list("Pod", namespace)]
    return {
        "node": node_started(kube.record),
        "record": kube.record.folder.joinpath("cluster.json").read_bytes(),
        "kubeconfig": kube.record.kubeconfig.read_bytes(),
        **{called(one): last_written(one) for one in (*written, *wide)},
        **{called(pod): started(pod) for pod in pods},
    }


def is_a_tests(one: Manifest) -> bool:
    labels: dict[str, str] = one["metadata"].get("labels", {})
    return OURS.items() <= labels.items()


def last_written(one: Manifest) -> tuple[str, int | str]:
    """Its generation where it has one: a workload's status is written without anybody changing the workload."""
    meta = one["metadata"]
    return meta["uid"], meta.get("generation") or meta["resourceVersion"]


def started(pod: Manifest) -> list[tuple[str, str]]:
    return [(one.get("containerID", ""), str(one["state"])) for one in pod["status"].get("containerStatuses", [])]


def test_up_works_after_the_engine_was_killed_and_containers_have_gone_on(second: ClusterRecord) -> None:
    before = node_started(second)
    kill_engine()
    pressplay(*BARE_UP)
    assert is_up(SECOND)
    assert node_started(second) == before


def test_up_works_after_everything_was_killed_and_keeps_what_was_there(
    cluster: ClusterRecord, second: ClusterRecord, kube: Kube
) -> None:
    with kube.namespace("kept") as namespace:
        kube.create({"kind": "ConfigMap", "metadata": {"name": "mine", "namespace": namespace}, "data": {"a": "b"}})
        kill_everything([cluster, second])
        assert not is_up(cluster.name)
        assert not is_up(SECOND)
        pressplay("cluster", "up", "--yes")
        pressplay(*BARE_UP)
        assert is_up(cluster.name)
        assert is_up(SECOND)
        assert kube.get("ConfigMap", "mine", namespace)["data"] == {"a": "b"}


def test_down_leaves_nothing_behind_and_touches_nothing_else(cluster: ClusterRecord, second: ClusterRecord) -> None:
    with somebody_elses():
        before, main = belongings(), node_started(cluster)
        its_own = belongings_of(second)
        assert its_own < before
        pressplay("cluster", "down", "--yes", "--name", SECOND)
        assert belongings() == before - its_own
        assert node_started(cluster) == main
    assert [path for path in state_dir().rglob(f"*{SECOND}*") if path.parent.name != "locks"] == []
    # Its node was started anew by an earlier test: an API server that was slow to answer may be started once more.
    until("the other cluster to be up", lambda: is_up(cluster.name), seconds=120,
          seen=lambda: answer("cluster", "status", "--name", cluster.name).out)  # fmt: skip


@contextmanager
def somebody_elses() -> Iterator[None]:
    """What another program has on the same engine."""
    kinds = ("network", "volume")
    for kind in kinds:
        engine().run(kind, "create", "somebody-elses")
    yield
    for kind in kinds:
        engine().run(kind, "rm", "somebody-elses")


def belongings() -> set[str]:
    """All that lies on the engine, save images."""
    lists = {
        "container": ("ps", "--all", "--format", "{{.Names}}"),
        "network": ("network", "ls", "--format", "{{.Name}}"),
        "volume": ("volume", "ls", "--format", "{{.Name}}"),
    }
    return {f"{kind} {name}" for kind, words in lists.items() for name in engine().run(*words).split()}


def belongings_of(record: ClusterRecord) -> set[str]:
    node = KindCluster.of(record)
    (shown,) = json.loads(engine().run("inspect", node.node))
    volumes = {f"volume {mount['Name']}" for mount in shown["Mounts"] if mount["Type"] == "volume"}
    return {f"container {node.node}", f"network {node.network}", *volumes}
