"""Which container engine answers on this machine. Only asks: starts no engine and changes none."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from localkube.engine.capabilities import missing_capabilities
from localkube.engine.home import EngineHome
from localkube.engine.model import Engine
from localkube.engine.shim import build_shim, podman_settings
from localkube.errors import CommandFailed, LocalKubeError
from localkube.shell import run

ANSWER_SECONDS = 15.0
DENIED = ("permission denied", "access is denied")
ABSENT = (
    "cannot connect",
    "is the docker daemon running",
    "connection refused",
    "no such file or directory",
    "failed to connect",
    "unable to connect",
    "context not found",
)


def find_engine(
    home: EngineHome | None = None, environ: Mapping[str, str] | None = None, *, timeout: float = ANSWER_SECONDS
) -> Engine | None:
    """The engine that answers: Docker where the docker command finds one, then our own, then Podman.

    Raises:
        LocalKubeError: an engine is there but refuses us, does not answer in time, or fails in another way; or the
            one that DOCKER_HOST names is not there.
    """
    home = home or EngineHome()
    told = (os.environ if environ is None else environ).get("DOCKER_HOST", "")
    docker = shutil.which("docker")
    if docker and _is_podman_in_disguise(docker, timeout):
        docker = None
    if told and told != home.host:
        return _told_engine(docker, told, home, timeout)
    found = None
    if docker:
        found = _ask_docker(docker, told or None, home, timeout) or _ask_docker(docker, home.host, home, timeout)
    return found or _ask_podman(timeout)


def _told_engine(docker: str | None, told: str, home: EngineHome, timeout: float) -> Engine:
    """The engine that DOCKER_HOST names: it and no other, even where another one answers."""
    found = _ask_docker(docker, told, home, timeout) if docker else None
    if found is None:
        raise LocalKubeError(
            f"DOCKER_HOST is set to {told}, and no Docker engine answers there",
            "start that engine, or `unset DOCKER_HOST` to have another one used",
        )
    return found


def docker_cli() -> str | None:
    """The docker command of Debian's engine, which speaks its version for certain, or the first in PATH."""
    packaged = Path("/usr/bin/docker")
    return str(packaged) if packaged.exists() else shutil.which("docker")


def podman_variables() -> tuple[tuple[str, str], ...]:
    """Have Podman call the runtime shim where this machine lacks a capability; its user's own settings come first.

    Raises:
        LocalKubeError: the shim is needed and cannot be built.
    """
    if sys.platform != "linux" or "CONTAINERS_CONF" in os.environ or not missing_capabilities():
        return ()
    return (("CONTAINERS_CONF", str(podman_settings(build_shim()))),)


def _ask_docker(cli: str, host: str | None, home: EngineHome, timeout: float) -> Engine | None:
    ours = host == home.host
    if ours and not home.socket.exists():
        return None
    engine = Engine("docker", (docker_cli() or cli) if ours else cli, host, ours)
    try:
        run(
            [engine.cli, "version", "--format", "{{.Server.Version}}"],
            env={"DOCKER_HOST": host} if host else None,
            timeout=timeout,
        )
    except CommandFailed as failed:
        _judge("Docker", host, failed, timeout)
        return None
    return engine


def _ask_podman(timeout: float) -> Engine | None:
    cli = shutil.which("podman")
    if cli is None:
        return None
    try:
        # `podman version` answers without looking at its storage; `info` fails where Podman cannot work.
        run([cli, "info", "--format", "{{.Host.OCIRuntime.Name}}"], timeout=timeout)
    except CommandFailed as failed:
        _judge("Podman", None, failed, timeout)
        return None
    return Engine("podman", cli, variables=podman_variables())


def _is_podman_in_disguise(docker: str, timeout: float) -> bool:
    """Debian's podman-docker installs a `docker` that is Podman."""
    try:
        return "podman" in run([docker, "--version"], timeout=timeout).lower()
    except CommandFailed:
        return False


def _judge(name: str, host: str | None, failed: CommandFailed, timeout: float) -> None:
    """An engine that is not there is no error; one that is there and does not serve us is."""
    where = f" at {host}" if host else ""
    said = failed.output.lower()
    if failed.returncode == 124:
        raise LocalKubeError(
            f"{name}{where} does not answer within {timeout:.0f} s",
            f"restart it (`sudo systemctl restart {name.lower()}`), or stop it to have another engine used",
        ) from None
    if any(phrase in said for phrase in DENIED):
        raise LocalKubeError(
            f"{name}{where} is running, but you may not use it (permission denied)",
            "`sudo usermod -aG docker $USER` and log in anew, or run this command with sudo",
        ) from None
    if not any(phrase in said for phrase in ABSENT):
        raise LocalKubeError(
            f"{name}{where} fails: {failed.last_line}",
            f"`{failed.argv[0]} info` shows more; mend or stop this engine, then try again",
        ) from None
