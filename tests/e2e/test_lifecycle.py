"""Clusters come up from wherever they were left, side by side, and go without leaving anything.

These tests come last. They share a second cluster, and kill the first one once, at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from localkube import state
from localkube.errors import CommandFailed
from localkube.paths import state_dir
from localkube.providers.kind import KindCluster
from localkube.state import ClusterRecord
from tests.e2e.support.commands import answer, pressplay, refused
from tests.e2e.support.faults import cut_off, engine, kill_engine, kill_everything, node_started
from tests.e2e.support.kube import OURS, Kube, Manifest
from tests.e2e.support.waiting import until

SECOND = "second"
OUTSIDE = "outside"
BARE_UP = ("cluster", "up", "--yes", "--name", SECOND, "--without", "argo", "--without", "argo-events")
NOBODY_AGREES = {"CI": "", "YES": ""}

# Ours in a cluster: what `up` writes, and what runs because of it.
SYSTEM = ("kube-system", "argo", "argo-events", "local-path-storage")
WRITTEN = ("ConfigMap", "Secret", "Service", "ServiceAccount", "Role", "RoleBinding", "Deployment", "StatefulSet")
CLUSTER_WIDE = (
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "StorageClass",
    "PriorityClass",
)
VOLUMES = ("PersistentVolumeClaim", "PersistentVolume")


@pytest.fixture(autouse=True, scope="module")
def tidy(cluster: ClusterRecord) -> Iterator[None]:
    """No second cluster before and after, whatever an interrupted run left."""
    remove(OUTSIDE)
    remove(SECOND)
    yield
    remove(OUTSIDE)
    remove(SECOND)


def remove(name: str) -> None:
    if state.find(name):
        pressplay("cluster", "down", "--yes", "--name", name)


@pytest.fixture
def second(cluster: ClusterRecord) -> ClusterRecord:
    """Another cluster, without Argo; made by the first test that asks for it."""
    pressplay(*BARE_UP)
    return state.require(SECOND)


@pytest.fixture
def second_kube(second: ClusterRecord) -> Iterator[Kube]:
    kube = Kube(second)
    yield kube
    kube.close()


def is_up(name: str) -> bool:
    return answer("cluster", "status", "--name", name).code == 0


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


def called(one: Manifest) -> str:
    return f"{one['kind']} {one['metadata'].get('namespace', '')}/{one['metadata']['name']}"


def last_written(one: Manifest) -> tuple[str, int | str]:
    """Its generation where it has one: a workload's status is written without anybody changing the workload."""
    meta = one["metadata"]
    return meta["uid"], meta.get("generation") or meta["resourceVersion"]


def started(pod: Manifest) -> list[tuple[str, str]]:
    return [(one.get("containerID", ""), str(one["state"])) for one in pod["status"].get("containerStatuses", [])]


def node_is_there() -> bool:
    return SECOND in engine().run("ps", "--all", "--format", '{{.Label "io.x-k8s.kind.cluster"}}').split()


def control_plane_is_half_made() -> bool:
    with suppress(CommandFailed):  # the node is not there yet, or the file
        engine().run("exec", f"{SECOND}-control-plane", "test", "-e", "/etc/kubernetes/manifests/kube-apiserver.yaml")
        return True
    return False


@pytest.mark.parametrize(
    ("what", "when"),
    [("the node to be there", node_is_there), ("the control plane to be half made", control_plane_is_half_made)],
)
def test_up_works_after_it_was_cut_off(what: str, when: Callable[[], bool]) -> None:
    remove(SECOND)
    cut_off(*BARE_UP, when=when, what=what)
    assert not is_up(SECOND)
    pressplay(*BARE_UP)
    assert is_up(SECOND)


def test_two_at_once_do_not_work_on_the_same_cluster(second: ClusterRecord) -> None:
    with state.exclusive(SECOND):
        assert "another process is working on cluster 'second'" in refused(*BARE_UP)


def test_two_clusters_live_side_by_side(kube: Kube, second_kube: Kube) -> None:
    assert is_up(kube.record.name)
    assert is_up(SECOND)
    assert [node["metadata"]["name"] for node in kube.list("Node")] == [f"{kube.record.name}-control-plane"]
    assert [node["metadata"]["name"] for node in second_kube.list("Node")] == [f"{SECOND}-control-plane"]
    with kube.namespace("mine") as mine:
        assert second_kube.find("Namespace", mine) is None


def test_nothing_is_installed_into_an_existing_cluster_without_consent(second_kube: Kube) -> None:
    told = {"KUBECONFIG": str(second_kube.record.kubeconfig), **NOBODY_AGREES}
    said = refused("cluster", "up", "--provider", "existing", "--name", OUTSIDE, env=told)
    assert "install Argo Workflows" in said
    assert "--yes" in said
    assert second_kube.find("Namespace", "argo") is None
    assert state.find(OUTSIDE) is None


def test_argo_is_installed_into_an_existing_cluster_and_taken_off_again(second_kube: Kube) -> None:
    theirs = second_kube.record.kubeconfig
    before, unwritten = names(second_kube), theirs.read_bytes()
    env = {"KUBECONFIG": str(theirs)}
    up = ("cluster", "up", "--yes", "--provider", "existing", "--name", OUTSIDE)
    cut_off(*up, env=env, when=lambda: second_kube.find("Namespace", "argo"), what="Argo to be half installed")
    pressplay(*up, env=env)
    assert is_up(OUTSIDE)
    assert names(second_kube) > before
    pressplay("cluster", "down", "--yes", "--name", OUTSIDE)
    # A volume goes after its claim, when the provisioner gets to it.
    until("nothing of Argo to be left", lambda: names(second_kube) == before, seconds=60,
          seen=lambda: names(second_kube) ^ before)  # fmt: skip
    assert is_up(SECOND)
    assert theirs.read_bytes() == unwritten
    assert state.find(OUTSIDE) is None


def names(kube: Kube) -> set[str]:
    """What is in the cluster, the objects that Kubernetes itself puts into each namespace included."""
    listed = [one for kind in (*CLUSTER_WIDE, *WRITTEN, *VOLUMES) for one in kube.list(kind)]
    return {called(one) for one in listed}


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
