"""The cluster that the end-to-end tests share, and what lies on it.

`pressplay cluster up` brings it: on a machine with a cluster that is left over from the last run as well as on a bare
one. It stays up at the end, for the next run and for whoever wants to look.

Tests mostly wait, so several processes run them at once (`make test-cluster`), each in namespaces of its own, all with
one installation of the product. What is set up for a file at some cost is set up once: its tests are one `xdist_group`.
What would disturb others has the mark `alone` and comes after them, beside what has a cluster or an engine of its own
(`elsewhere`); what kills clusters has the mark `last`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from localdemo import platform as installed
from localdemo import vendor
from localdemo.objects import SYSTEM
from localdemo.standins import StandIns
from localkube import state, tools, versions
from localkube.progress import Progress
from localkube.state import ClusterRecord
from tests.e2e.support import argo
from tests.e2e.support.commands import command_line, pressplay
from tests.e2e.support.kube import RESTRICTED, Kube
from tests.e2e.support.once import is_one_of_several, once
from tests.e2e.support.second import BARE_UP, SECOND

NAME = os.environ.get("LOCALKUBE_NAME") or "pressplay"
ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
WORKBENCH = "pressplay/workbench:dev"
COLD_UP_SECONDS = 50 * 60
TEST_SECONDS = 300
# Whoever has this one installs the product, while the others begin with what needs none.
FIRST = "test_four_lines_become_a_pull_request"
# What takes long comes before what does not, so that no process is left with it at the end; what is not named, between.
LONG = (
    "test_webhooks.py", "test_flows.py", "test_event_loops.py", "test_agent_texts.py", "test_formatting.py",
    "test_run_kills.py", "test_run_faults.py", "test_argo.py", "test_ui.py",
)  # fmt: skip
SHORT = ("test_first_light.py", "test_pods.py", "test_cli.py")
# What uses the product as it is installed, then what installs it anew.
ALONE = ("test_events.py", "test_run_faults.py", "test_first_light.py", "test_polling.py", "test_demo.py")
# It finds the second cluster there.
AFTER_ITS_CLUSTER = "test_chart.py"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order that leaves no process idle; a test's time does not include bringing the cluster up."""
    ours = [item for item in items if item.path.parent == HERE]
    for item in ours:
        item.add_marker(pytest.mark.cluster)
        if item.get_closest_marker("alone"):
            item.add_marker(pytest.mark.xdist_group("alone"))
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS, func_only=True))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[int, int]:
    name = item.path.name
    if item.path.parent != HERE or item.name == FIRST:
        return 0, 0
    if item.get_closest_marker("alone"):
        return 1, ALONE.index(name) if name in ALONE else -1
    if name in LONG:
        return 2, LONG.index(name)
    return (4, SHORT.index(name)) if name in SHORT else (3, int(name == AFTER_ITS_CLUSTER))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if is_one_of_several() else own


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config, shared: Path) -> ClusterRecord:
    """The running cluster."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    # Minutes pass where nothing is built yet: what happens is to be seen meanwhile.
    with capture.global_and_fixture_disabled():
        once(shared, "cluster", bring_up)
    return state.require(NAME)


def bring_up() -> None:
    command = command_line("cluster", "up", "--yes")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=COLD_UP_SECONDS, check=False)
    if done.returncode:
        pytest.fail(f"`pressplay cluster up` ended with exit code {done.returncode}, see above", pytrace=False)


@pytest.fixture(scope="session")
def kube(cluster: ClusterRecord, shared: Path) -> Iterator[Kube]:
    """The cluster's API, with nothing on it that an interrupted run left."""
    kube = Kube(cluster)
    once(shared, "sweep", kube.sweep)
    yield kube
    kube.close()


@pytest.fixture
def namespace(kube: Kube) -> Iterator[str]:
    """A namespace of the test's own that enforces the pod security profile `restricted`."""
    with kube.namespace("pods", RESTRICTED) as name:
        yield name


@pytest.fixture(scope="session")
def workbench(cluster: ClusterRecord, shared: Path) -> str:
    """An image built from a Dockerfile and brought into the cluster; it has Python and git."""
    once(shared, "workbench", build_workbench)
    return WORKBENCH


def build_workbench() -> None:
    pressplay("cluster", "build", str(ROOT / "images" / "workbench"), "-t", WORKBENCH, "--yes", seconds=900)
    pressplay("cluster", "load", WORKBENCH)


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


@pytest.fixture(scope="session")
def platform(cluster: ClusterRecord, kube: Kube, shared: Path) -> Iterator[StandIns]:
    """The product of this checkout on the cluster, by its chart, with the stand-ins; the way to these."""

    def install() -> None:
        with Progress() as progress:
            installed.install(cluster, vendor.chosen({}), progress, {})

    once(shared, "platform", install)
    yield StandIns(tools.kubectl(cluster))
    # Of several processes none knows whether it is the last; what installs the product anew comes after all of them.
    if not is_one_of_several() and tools.kubectl(cluster).find("namespace", SYSTEM):
        with Progress() as progress:
            installed.uninstall(cluster, progress)


@pytest.fixture
def place(kube: Kube) -> Iterator[str]:
    """A namespace that enforces the profile `restricted`: pods of runs keep to it."""
    with kube.namespace("run", {"pod-security.kubernetes.io/enforce": "restricted"}) as name:
        yield name


@pytest.fixture(scope="module")
def second(cluster: ClusterRecord) -> ClusterRecord:
    """Another cluster, without Argo; made by the first test that asks for it, or left by one before."""
    pressplay(*BARE_UP)
    return state.require(SECOND)


@pytest.fixture
def second_kube(second: ClusterRecord) -> Iterator[Kube]:
    """The API of the other cluster."""
    kube = Kube(second)
    yield kube
    kube.close()
