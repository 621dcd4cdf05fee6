"""An engine of our own on a bare Debian machine: installed, started, mended after a crash, stopped, removed.

Its socket, state and data lie apart from every other engine's (see `home`), and it outlives the command that starts
it. It never touches a process, mount, rule or file that it cannot prove to be its own.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path

from localkube.engine import network, removal
from localkube.engine import processes as running
from localkube.engine.capabilities import missing_capabilities
from localkube.engine.detect import docker_cli
from localkube.engine.home import EngineHome
from localkube.engine.lock import Say, locked
from localkube.engine.model import Engine
from localkube.engine.packages import SEARCHED, install_packages, program
from localkube.engine.shim import build_shim, install_shim
from localkube.errors import LocalKubeError

START_SECONDS = 90.0
STOP_SECONDS = 45.0
HUNG_SECONDS = 5.0
LOG_BYTES = 20_000_000
PING_SECONDS = 3.0
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
RUNTIME = "localkube"


def install_and_start(say: Say, home: EngineHome | None = None) -> Engine:
    """Have our engine run: install what is missing, mend what a crash left, start it. Doing it twice changes nothing.

    Args:
        say: told each step, in one line.
        home: where the engine lives; the usual place by default.

    Raises:
        LocalKubeError: this is not Linux with root, another engine is in the way, or it does not start.
    """
    home = home or EngineHome()
    _require_linux_root()
    with locked(home, say):
        if not answers(home):
            install_packages(say)
            _refuse_foreign(home)
            _start(home, say)
    return _engine_of(home)


def find_own_engine(home: EngineHome | None = None) -> Engine | None:
    """The engine that we started, if it answers."""
    home = home or EngineHome()
    return _engine_of(home) if answers(home) else None


def _engine_of(home: EngineHome) -> Engine:
    return Engine("docker", docker_cli() or "docker", home.host, ours=True)


def stop(say: Say, home: EngineHome | None = None, *, purge: bool = False) -> None:
    """End our engine with everything it runs; with `purge` remove its images, networks, rules and folders as well.

    Raises:
        LocalKubeError: it is there, and we are not root.
    """
    home = home or EngineHome()
    if not home.lib_dir.exists() and not home.run_dir.exists():
        return
    if os.geteuid() != 0:
        raise LocalKubeError("the container engine that was started here belongs to root", "run this command with sudo")
    with locked(home, say):
        whole = _configured_network(home)
        say("stopping the container engine")
        _end_everything(home, whole)
        if purge:
            say("removing the container engine's data, network and rules")
            removal.purge(home, whole)


def answers(home: EngineHome) -> bool:
    """Whether our engine serves requests."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PING_SECONDS)
        client.connect(str(home.socket))
        client.sendall(b"GET /_ping HTTP/1.0\r\nHost: localhost\r\n\r\n")
        return b" 200 " in client.recv(64)
    return False


def _require_linux_root() -> None:
    if sys.platform != "linux":
        raise LocalKubeError(
            "no container engine answers", "start Docker (or install Docker Desktop, Colima or Podman), then try again"
        )
    if os.geteuid() != 0:
        raise LocalKubeError(
            "no container engine answers, and installing one needs root",
            "run this command with sudo, or install and start Docker or Podman yourself",
        )


def _refuse_foreign(home: EngineHome) -> None:
    """Two engines in one network share the firewall's chains, and one that starts empties those of the other."""
    for other in running.foreign_engines(home):
        raise LocalKubeError(
            f"another Docker engine runs (pid {other.pid}), but the docker command is missing or does not find it",
            "install the docker command and set DOCKER_HOST to that engine's socket, or stop that engine",
        )


def _start(home: EngineHome, say: Say) -> None:
    _clear_leftovers(home, say)
    if answers(home):
        # One that was slow, not dead: a second one beside it would end both.
        return
    home.lib_dir.mkdir(parents=True, exist_ok=True, mode=0o711)
    home.run_dir.mkdir(parents=True, exist_ok=True, mode=0o755)
    network.record_before(home, removal.SHARED_FOLDERS)
    whole = network.ensure_bridge(home, _configured_network(home))
    lacking = missing_capabilities()
    if lacking:
        install_shim(build_shim(), home.shim)
    _write_config(home, whole, with_shim=bool(lacking))
    say(f"starting the container engine at {home.host}")
    _launch(home)


def _clear_leftovers(home: EngineHome, say: Say) -> None:
    """End what a crash left of us. Containers may go on: the engine takes them up again."""
    stale = running.engine_processes(home)
    if stale:
        if running.wait_until(lambda: answers(home), 2 * HUNG_SECONDS):
            return
        say("the container engine hangs: ending it")
    running.end(stale, HUNG_SECONDS)
    running.end(running.containerd_processes(home))
    whole = _configured_network(home)
    if whole:
        running.end(running.proxy_processes(whole))
    # Their pids may belong to other programs by now, and would keep the engine from starting.
    for path in (home.pidfile, home.exec_root / "containerd" / "containerd.pid", home.socket):
        path.unlink(missing_ok=True)


def _write_config(home: EngineHome, whole: IPv4Network, *, with_shim: bool) -> None:
    config: dict[str, object] = {
        "hosts": [home.host],
        "data-root": str(home.data_root),
        "exec-root": str(home.exec_root),
        "pidfile": str(home.pidfile),
        "bridge": home.bridge,
        "default-address-pools": [{"base": str(network.address_pool(whole)), "size": 24}],
        # Containers outlive a crash of the engine, so that a cluster does not break with it.
        "live-restore": True,
    }
    if with_shim:
        config |= {"runtimes": {RUNTIME: {"path": str(home.shim)}}, "default-runtime": RUNTIME}
    if _major_version() <= 20:
        # Later engines have no such key; this one would write it to /etc.
        config["deprecated-key-path"] = str(home.lib_dir / "key.json")
    _write_json(home.config, config)


def _write_json(path: Path, content: object) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n")
    partial.replace(path)


def _configured_network(home: EngineHome) -> IPv4Network | None:
    """The whole network of an earlier start."""
    try:
        base = json.loads(home.config.read_text())["default-address-pools"][0]["base"]
        return IPv4Network(base).supernet()
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _major_version() -> int:
    answer = subprocess.run(
        [program("dockerd") or "dockerd", "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    found = re.search(r"version (\d+)\.", answer.stdout)
    return int(found[1]) if found else 0


def _launch(home: EngineHome) -> None:
    environment = {"PATH": SEARCHED, **{key: os.environ[key] for key in PROXY_VARIABLES if key in os.environ}}
    if home.log.exists() and home.log.stat().st_size > LOG_BYTES:
        home.log.replace(home.log.with_name(home.log.name + ".1"))
    with home.log.open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(
            [program("dockerd") or "dockerd", "--config-file", str(home.config)],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    up = running.wait_until(lambda: process.poll() is not None or answers(home), START_SECONDS)
    if not up or process.poll() is not None:
        ended = process.poll() is not None
        running.end(running.engine_processes(home))
        _raise_failed_start(home, begin, ended=ended)


def _raise_failed_start(home: EngineHome, begin: int, *, ended: bool) -> None:
    with home.log.open("rb") as log:
        log.seek(begin)
        lines = log.read().decode(errors="replace").strip().splitlines()
    complaint = next((line for line in reversed(lines) if "failed to start" in line or "level=fatal" in line), "")
    shown = complaint or (lines[-1] if lines else "no output")
    what = "ended at once" if ended else f"did not answer within {START_SECONDS:.0f} s"
    raise LocalKubeError(
        f"the container engine {what}: {shown}",
        f"`pressplay cluster doctor` names what the machine lacks; the whole log is in {home.log}",
    )


def _end_everything(home: EngineHome, whole: IPv4Network | None) -> None:
    engines = running.engine_processes(home)
    if engines and home.config.exists():
        # An engine that keeps containers over its own end would leave them; one told otherwise stops them properly.
        with suppress(OSError, ValueError):
            _write_json(home.config, {**json.loads(home.config.read_text()), "live-restore": False})
            _reload(home)
    # Containers first: once their engine is gone, their ids are all that tells whose they are.
    running.end(engines, STOP_SECONDS)
    running.end(running.containerd_processes(home))
    running.end(running.shim_processes(home))
    running.end(running.container_processes(home))
    if whole:
        running.end(running.proxy_processes(whole))
    for path in (home.pidfile, home.socket, home.exec_root / "containerd" / "containerd.pid"):
        path.unlink(missing_ok=True)


def _reload(home: EngineHome) -> None:
    """Have the running engine read its settings again, and wait until it says so in its log."""
    begin = home.log.stat().st_size
    for process in running.engine_processes(home):
        os.kill(process.pid, signal.SIGHUP)

    def reloaded() -> bool:
        with home.log.open("rb") as log:
            log.seek(begin)
            return b"Reloaded configuration" in log.read()

    running.wait_until(reloaded, 5)
