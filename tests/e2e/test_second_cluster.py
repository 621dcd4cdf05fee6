"""A second cluster beside the first: it comes up from wherever it was left, and Argo is installed into it from outside.

It stays up for the tests that come last; these take it down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from localkube import state
from localkube.errors import CommandFailed
from localkube.state import ClusterRecord
from tests.e2e.support.commands import pressplay, refused
from tests.e2e.support.faults import cut_off, engine
from tests.e2e.support.kube import Kube
from tests.e2e.support.second import BARE_UP, OUTSIDE, SECOND, is_up, names, remove
from tests.e2e.support.waiting import until

pytestmark = [pytest.mark.elsewhere, pytest.mark.xdist_group("second")]

NOBODY_AGREES = {"CI": "", "YES": ""}


@pytest.fixture(autouse=True, scope="module")
def tidy(cluster: ClusterRecord) -> Iterator[None]:
    """Nothing of ours installed into the second cluster from outside, whatever an interrupted run left."""
    remove(OUTSIDE)
    yield
    remove(OUTSIDE)


def node_is_there() -> bool:
    return SECOND in engine().run("ps", "--all", "--format", '{{.Label "io.x-k8s.kind.cluster"}}').split()


def control_plane_is_half_made() -> bool:
    with suppress(CommandFailed):  # the node is not there yet, or the file
        engine().run("exec", f"{SECOND}-control-plane", "test", "-e", "/etc/kubernetes/manifests/kube-apiserver.yaml")
        return True
    return False


CUTS: dict[str, Callable[[], bool]] = {
    "the node to be there": node_is_there,
    "the control plane to be half made": control_plane_is_half_made,
}


def test_up_works_after_it_was_cut_off_and_cut_off_again_further_on() -> None:
    remove(SECOND)
    for what, when in CUTS.items():
        cut_off(*BARE_UP, when=when, what=what)
        assert not is_up(SECOND)
    pressplay(*BARE_UP)
    assert is_up(SECOND)


def test_two_at_once_do_not_work_on_the_same_cluster(second: ClusterRecord) -> None:
    with state.exclusive(SECOND):
        assert f"another process is working on cluster '{SECOND}'" in refused(*BARE_UP)


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
