"""Finding an engine, with small programs in the place of docker and podman."""

from __future__ import annotations

import os
import shutil
import socket
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from localkube.engine import Engine, EngineHome, find_engine
from localkube.errors import LocalKubeError

Script = Callable[[str, str], None]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Puts programs on an otherwise empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("localkube.engine.detect.docker_cli", lambda: str(folder / "docker"))
    monkeypatch.setattr("localkube.engine.detect.missing_capabilities", tuple)
    monkeypatch.delenv("CONTAINERS_CONF", raising=False)

    def write(name: str, body: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)

    return write


@pytest.fixture
def home(tmp_path: Path) -> EngineHome:
    return EngineHome(tmp_path / "run", tmp_path / "lib", "lkunit0")


NOBODY = 'echo "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?" >&2; exit 1'


def test_without_any_program_there_is_no_engine(script: Script, home: EngineHome) -> None:
    assert find_engine(home, {}) is None


def test_docker_that_answers_is_taken_as_the_docker_command_finds_it(script: Script, home: EngineHome) -> None:
    script("docker", "echo 28.0.1")
    engine = find_engine(home, {})
    assert engine is not None
    assert (engine.kind, engine.host, engine.ours) == ("docker", None, False)


def test_the_engine_behind_docker_host_comes_first(script: Script, home: EngineHome) -> None:
    script("docker", "echo 28.0.1")
    engine = find_engine(home, {"DOCKER_HOST": "tcp://192.0.2.1:2375"})
    assert engine is not None
    assert engine.env()["DOCKER_HOST"] == "tcp://192.0.2.1:2375"


def test_our_own_engine_comes_after_the_usual_one(script: Script, home: EngineHome) -> None:
    home.socket.parent.mkdir()
    home.socket.touch()
    script("docker", f'[ "$DOCKER_HOST" = "{home.host}" ] && echo 20.10.24 && exit 0; {NOBODY}')
    engine = find_engine(home, {})
    assert engine == Engine("docker", shutil.which("docker") or "", home.host, ours=True)


def test_docker_host_that_names_our_own_dead_engine_is_no_error(script: Script, home: EngineHome) -> None:
    script("docker", NOBODY)
    assert find_engine(home, {"DOCKER_HOST": home.host}) is None


def test_docker_host_at_which_nobody_answers_is_an_error(script: Script, home: EngineHome) -> None:
    script("docker", NOBODY)
    with pytest.raises(LocalKubeError, match="DOCKER_HOST is set to") as caught:
        find_engine(home, {"DOCKER_HOST": "tcp://192.0.2.1:1"})
    assert "unset DOCKER_HOST" in caught.value.remedy


def test_docker_host_is_not_passed_over_for_our_own_engine(script: Script, home: EngineHome) -> None:
    home.socket.parent.mkdir()
    home.socket.touch()
    script("docker", f'[ "$DOCKER_HOST" = "{home.host}" ] && echo 20.10.24 && exit 0; {NOBODY}')
    with pytest.raises(LocalKubeError, match="DOCKER_HOST is set to tcp://192"):
        find_engine(home, {"DOCKER_HOST": "tcp://192.0.2.1:1"})


def test_podman_is_used_where_docker_does_not_answer(script: Script, home: EngineHome) -> None:
    script("docker", NOBODY)
    script("podman", "echo crun")
    engine = find_engine(home, {})
    assert engine is not None
    assert engine.kind == "podman"
    assert engine.env() == {"KIND_EXPERIMENTAL_PROVIDER": "podman"}


def test_podman_gets_the_runtime_shim_where_a_capability_is_missing(
    script: Script, home: EngineHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script("podman", "echo crun")
    monkeypatch.setattr("localkube.engine.detect.missing_capabilities", lambda: ("SYS_RESOURCE",))
    monkeypatch.setattr("localkube.engine.detect.build_shim", lambda: tmp_path / "localkube-runc")
    engine = find_engine(home, {})
    assert engine is not None
    settings = tomllib.loads(Path(engine.env()["CONTAINERS_CONF"]).read_text())
    assert settings["engine"]["runtimes"][settings["engine"]["runtime"]] == [str(tmp_path / "localkube-runc")]


def test_a_docker_command_that_is_podman_is_used_as_podman(script: Script, home: EngineHome) -> None:
    script("docker", "echo podman version 4.3.1")
    script("podman", "echo crun")
    engine = find_engine(home, {})
    assert engine is not None
    assert engine.kind == "podman"


def test_an_engine_that_denies_us_is_an_error_with_a_remedy(script: Script, home: EngineHome) -> None:
    script("docker", 'case "$1" in version) echo "dial unix /x: connect: permission denied" >&2; exit 1;; esac')
    with pytest.raises(LocalKubeError, match="may not use it") as caught:
        find_engine(home, {})
    assert "group" in caught.value.remedy or "-aG docker" in caught.value.remedy


def test_an_engine_that_hangs_is_an_error_within_the_time_limit(script: Script, home: EngineHome) -> None:
    script("docker", f'case "$1" in version) exec {shutil.which("sleep", path="/bin:/usr/bin")} 60;; esac')
    begin = time.monotonic()
    with pytest.raises(LocalKubeError, match="does not answer within 1 s"):
        find_engine(home, {}, timeout=1)
    assert time.monotonic() - begin < 10


def test_an_engine_that_fails_in_another_way_is_an_error_that_quotes_it(script: Script, home: EngineHome) -> None:
    script("docker", 'case "$1" in version) echo "client version 1.50 is too new" >&2; exit 1;; esac')
    with pytest.raises(LocalKubeError, match=r"client version 1\.50 is too new"):
        find_engine(home, {})


def test_a_missing_image_is_told_from_a_failing_engine(script: Script) -> None:
    script("docker", 'echo "Error: No such image: a:1" >&2; exit 1')
    assert not Engine("docker", "docker").has_image("a:1")
    script("docker", NOBODY)
    with pytest.raises(LocalKubeError):
        Engine("docker", "docker").has_image("a:1")


def test_a_missing_container_has_no_state(script: Script) -> None:
    script("docker", 'echo "Error: No such container: a" >&2; exit 1')
    assert Engine("docker", "docker").container_state("a") == ""
    script("docker", "echo running")
    assert Engine("docker", "docker").container_state("a") == "running"


def test_a_saved_image_replaces_what_was_there(script: Script, tmp_path: Path) -> None:
    script("docker", '[ -e "$3" ] && exit 1; echo "$4" > "$3"')
    (tmp_path / "image.tar").write_text("old")
    (tmp_path / "image.tar.partial").write_text("cut off")
    Engine("docker", "docker").save_archive("a:1", tmp_path / "image.tar")
    assert (tmp_path / "image.tar").read_text() == "a:1\n"


@pytest.mark.skipif(
    not Path("/usr/bin/docker").exists() and not shutil.which("docker"), reason="needs the docker command"
)
def test_the_real_command_finds_nobody_behind_a_socket_that_is_dead(
    home: EngineHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.socket.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(home.socket))
    monkeypatch.setenv("DOCKER_HOST", home.host)
    monkeypatch.setattr("localkube.engine.detect._ask_podman", lambda *_: None)
    assert find_engine(home, os.environ) is None
