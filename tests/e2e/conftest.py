"""The cluster that the end-to-end tests share, and what lies on it.

`pressplay cluster up` brings it: on a machine with a cluster that is left over from the last run as well as on a bare
one. It stays up at the end, for the next run and for whoever wants to look.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from localdemo import platform as installed
from localdemo import vendor
from localdemo.standins import StandIns
from localkube import state, tools, versions
from localkube.progress import Progress
from localkube.state import ClusterRecord
from tests.e2e.support import argo
from tests.e2e.support.commands import command_line, pressplay
from tests.e2e.support.kube import RESTRICTED, Kube

NAME = os.environ.get("LOCALKUBE_NAME") or "pressplay"
ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
WORKBENCH = "pressplay/workbench:dev"
COLD_UP_SECONDS = 50 * 60
TEST_SECONDS = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that kill clusters come last; a test's time does not include bringing the cluster up."""
    ours = [item for item in items if item.path.parent == HERE]
    for item in ours:
        item.add_marker(pytest.mark.cluster)
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS, func_only=True))
    last = [item for item in ours if item.path.name == "test_lifecycle.py"]
    items[:] = [item for item in items if item not in last] + last


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> ClusterRecord:
    """The running cluster."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    # Minutes pass where nothing is built yet: what happens is to be seen meanwhile.
    with capture.global_and_fixture_disabled():
        command = command_line("cluster", "up", "--yes")
        done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=COLD_UP_SECONDS, check=False)
    if done.returncode:
        pytest.fail(f"`pressplay cluster up` ended with exit code {done.returncode}, see above", pytrace=False)
    return state.require(NAME)


@pytest.fixture(scope="session")
def kube(cluster: ClusterRecord) -> Iterator[Kube]:
    """The cluster's API, with nothing on it that an interrupted run left."""
    kube = Kube(cluster)
    kube.sweep()
    yield kube
    kube.close()


@pytest.fixture
def namespace(kube: Kube) -> Iterator[str]:
    """A namespace of the test's own that enforces the pod security profile `restricted`."""
    with kube.namespace("pods", RESTRICTED) as name:
        yield name


@pytest.fixture(scope="session")
def workbench(cluster: ClusterRecord) -> str:
    """An image built from a Dockerfile and brought into the cluster; it has Python and git."""
    pressplay("cluster", "build", str(ROOT / "images" / "workbench"), "-t", WORKBENCH, "--yes", seconds=900)
    pressplay("cluster", "load", WORKBENCH)
    return WORKBENCH


@pytest.fixture(scope="session")
def base(cluster: ClusterRecord, request: pytest.FixtureRequest) -> str:
    """A slim Debian that is in the cluster."""
    return versions.BUILT_BASE_IMAGE if cluster.images == "built" else request.getfixturevalue("workbench")


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where what tests made for people to look at is kept; not in git."""
    folder = ROOT / "build" / "artifacts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def finished(kube: Kube, base: str) -> Iterator[argo.Run]:
    """A workflow that has run to its end, with a gate that was passed from outside."""
    with kube.namespace("argo") as namespace:
        yield argo.run_with_gate(kube, namespace, base)


@pytest.fixture(scope="module")
def platform(cluster: ClusterRecord, kube: Kube) -> Iterator[StandIns]:
    """The product of this checkout on the cluster, by its chart, with the stand-ins; the way to these."""
    with Progress() as progress:
        installed.install(cluster, vendor.chosen({}), progress, {})
    yield StandIns(tools.kubectl(cluster))
    installed.uninstall(cluster)


@pytest.fixture
def place(kube: Kube) -> Iterator[str]:
    """A namespace that enforces the profile `restricted`: pods of runs keep to it."""
    with kube.namespace("run", {"pod-security.kubernetes.io/enforce": "restricted"}) as name:
        yield name
