"""`pressplay cluster` on a running cluster: what its commands print, and how they say no."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from localkube import components
from localkube.state import ClusterRecord
from tests.e2e.support.commands import answer, command_line, pressplay, refused
from tests.e2e.support.kube import Kube
from tests.e2e.support.pods import container, pod


def test_status_says_of_every_component_that_it_is_ready(cluster: ClusterRecord) -> None:
    told = json.loads(pressplay("cluster", "status", "-o", "json"))
    assert told["ready"] is True
    assert told["version"].startswith("v1.")
    there = {part["name"]: part["ready"] for part in told["components"]}
    assert there == {part.name: True for part in components.expected(cluster.provider, cluster.without)}


def test_status_says_whether_network_policies_are_enforced(cluster: ClusterRecord) -> None:
    assert "enforced" in json.loads(pressplay("cluster", "status", "-o", "json"))["network_policies"]
    assert "network policies:" in pressplay("cluster", "status")


@pytest.mark.last
def test_status_says_no_by_its_exit_code_when_a_component_is_not_ready(cluster: ClusterRecord, kube: Kube) -> None:
    with kube.scaled("Deployment", "argo-server", "argo", 0):
        told = answer("cluster", "status", "-o", "json")
    assert told.code == 1
    assert json.loads(told.out)["summary"] == "not ready: argo-server"


def test_env_gives_a_shell_what_it_needs(cluster: ClusterRecord) -> None:
    script = 'eval "$1"; kubectl get nodes --output=name && argo version && helm version && kind version'
    bare = {"HOME": str(Path.home()), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script, "bash", pressplay("cluster", "env")],
        env=bare, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"node/{cluster.name}-control-plane" in done.stdout


@pytest.mark.parametrize(
    ("component", "says"),
    [
        ("argo-controller", "workflow"),
        ("argo-server", "argo"),
        ("argo-events", "controller"),
        ("nats", "JetStream"),
        ("dns", "CoreDNS"),
        ("apiserver", "apiserver"),
        ("kubelet", "kubelet"),
    ],
)
def test_logs_shows_what_a_component_wrote(cluster: ClusterRecord, component: str, says: str) -> None:
    assert says.lower() in pressplay("cluster", "logs", component, "--tail", "2000").lower()


def test_logs_can_be_followed(cluster: ClusterRecord) -> None:
    with subprocess.Popen(command_line("cluster", "logs", "apiserver", "-f"), stdout=subprocess.PIPE) as follows:
        assert follows.stdout is not None
        assert follows.stdout.readline()
        assert follows.poll() is None
        follows.terminate()


def test_ui_names_an_address_that_answers_and_a_token_that_logs_in(cluster: ClusterRecord) -> None:
    lines = pressplay("cluster", "ui").splitlines()
    address, token = lines[0], lines[-1]
    with urllib.request.urlopen(address, timeout=10) as page:  # noqa: S310 (http, to ourselves)
        assert b"<title>Argo</title>" in page.read()
    request = urllib.request.Request(f"{address}/api/v1/workflows/", headers={"Authorization": token})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as listed:  # noqa: S310
        assert "items" in json.load(listed)


def test_an_image_built_from_a_dockerfile_runs_as_a_pod(kube: Kube, workbench: str, namespace: str) -> None:
    says = container(workbench, "git --version; python3 --version")
    assert "git version" in kube.output_of(pod(namespace, "says", says))


def test_an_image_that_is_not_there_cannot_be_loaded(cluster: ClusterRecord) -> None:
    assert "localkube.local/nothing:1" in refused("cluster", "load", "localkube.local/nothing:1")


def test_a_folder_without_a_dockerfile_cannot_be_built(cluster: ClusterRecord, tmp_path: Path) -> None:
    assert "there is no Dockerfile" in refused("cluster", "build", str(tmp_path), "-t", "nothing:1")


@pytest.mark.parametrize("words", [["status"], ["env"], ["logs", "nats"], ["ui"], ["load", "x"], ["down", "--yes"]])
def test_an_unknown_name_is_answered_with_the_names_there_are(cluster: ClusterRecord, words: list[str]) -> None:
    said = refused("cluster", *words, "--name", "nobody")
    assert "there is no cluster named 'nobody'" in said
    assert cluster.name in said


@pytest.mark.parametrize("name", ["Upper", "-dash", "under_score", "a" * 41, "../up", ""])
def test_a_name_that_cannot_be_is_refused_before_anything_is_changed(name: str) -> None:
    assert "cannot name a cluster" in refused("cluster", "up", "--yes", "--name", name)


def test_an_unknown_component_is_answered_with_those_there_are(cluster: ClusterRecord) -> None:
    said = refused("cluster", "logs", "gearbox")
    assert "no component 'gearbox'" in said
    assert "argo-server" in said


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_taken_port_is_named_with_the_way_out(taken_port: int) -> None:
    said = refused("cluster", "up", "--yes", "--name", "unborn", "--ui-port", str(taken_port))
    assert f"port {taken_port} on 127.0.0.1 is taken" in said
    assert "--ui-port" in said
    assert "there is no cluster named 'unborn'" in refused("cluster", "status", "--name", "unborn")


def test_the_port_of_a_living_cluster_cannot_change(cluster: ClusterRecord, taken_port: int) -> None:
    assert f"is at port {cluster.ui_port}" in refused("cluster", "up", "--yes", "--ui-port", str(taken_port))


def test_a_cluster_cannot_become_another_providers(cluster: ClusterRecord) -> None:
    assert "by provider kind" in refused("cluster", "up", "--yes", "--provider", "existing")


def test_without_a_current_cluster_the_existing_provider_says_what_to_set(tmp_path: Path) -> None:
    nothing = {"KUBECONFIG": str(tmp_path / "nothing")}
    said = refused("cluster", "up", "--yes", "--provider", "existing", "--name", "unborn", env=nothing)
    assert "there is no current cluster" in said
    assert "KUBECONFIG" in said
