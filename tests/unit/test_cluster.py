"""What a cluster's record says before anything is made, and what `up` refuses."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from localkube import cluster, engines, state
from localkube.cluster import UpSettings
from localkube.consent import Consent
from localkube.engine import Engine
from localkube.errors import LocalKubeError
from localkube.progress import Progress
from localkube.state import ClusterRecord

NOBODY_ASKS = Consent(given=False, ask=None, say=print)
LIVING = ClusterRecord("one", "kind", "built", ("argo",), 4711, "image", "docker", "kind-one", complete=True)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def an_engine(folder: Path, *, node: str = "") -> Engine:
    """An engine that knows one container at most, and no registry."""
    answer = f"echo {node}" if node else 'echo "No such container" >&2; exit 1'
    command = folder / "docker"
    command.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\ncase "$1" in container) {answer};; *) exit 1;; esac\n')
    command.chmod(0o755)
    return Engine("docker", str(command))


def test_a_kind_cluster_of_somebody_else_is_refused_and_not_touched(tmp_path: Path) -> None:
    with pytest.raises(LocalKubeError, match="was not made here"):
        cluster._new(UpSettings("one", images="build"), None, an_engine(tmp_path, node="running"), Progress())
    assert "rm" not in (tmp_path / "asked").read_text().split()
    assert state.find("one") is None


def test_a_taken_port_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalKubeError, match=f"port {port} on 127.0.0.1 is taken"):
            cluster._new(UpSettings("one", ui_port=port), None, an_engine(tmp_path), Progress())
    assert state.find("one") is None


def test_the_port_of_a_cluster_that_stands_still_is_not_given_away() -> None:
    assert cluster.ui_port(None, {cluster.DEFAULT_UI_PORT}) != cluster.DEFAULT_UI_PORT


def test_what_a_cluster_carries_stays_whatever_is_left_out_later() -> None:
    assert cluster._known(UpSettings("one"), LIVING).without == ()
    assert cluster._known(UpSettings("one", without=("argo", "argo-events")), LIVING).without == ("argo",)


@pytest.mark.parametrize("port", [None, 0, 4711])
def test_a_living_cluster_takes_every_port_that_it_has(port: int | None) -> None:
    assert cluster._known(UpSettings("one", ui_port=port), LIVING).ui_port == 4711


@pytest.mark.parametrize(
    ("settings", "option"),
    [(UpSettings("one", ui_port=1), "--ui-port"), (UpSettings("one", images="pull"), "--images")],
)
def test_what_cannot_change_while_a_cluster_lives_is_refused_by_name(settings: UpSettings, option: str) -> None:
    with pytest.raises(LocalKubeError, match=option) as refused:
        cluster._known(settings, LIVING)
    assert "down --name one" in refused.value.remedy


def test_a_cluster_whose_engine_stands_still_is_not_made_anew_on_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_engine", lambda: None)
    with pytest.raises(LocalKubeError, match="none answers"):
        engines.obtain(NOBODY_ASKS, Progress(), "docker")


def test_a_forgotten_cluster_is_only_forgotten() -> None:
    LIVING.save()
    cluster.forget("one")
    assert state.names() == []


def test_a_provider_cannot_change_under_a_name() -> None:
    with pytest.raises(LocalKubeError, match="by provider kind"):
        cluster._provider(UpSettings("one", provider="existing"), LIVING)
