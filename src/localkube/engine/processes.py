"""The processes of an engine of our own: found by what they run and for which engine, never by name alone."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address
from pathlib import Path

from localkube.engine.home import EngineHome

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Process:
    """One running process, known by its pid and the moment it began: pids are used again."""

    pid: int
    began: str
    argv: tuple[str, ...]

    @property
    def program(self) -> str:
        """The name of what it runs."""
        return Path(self.argv[0]).name if self.argv else ""

    def alive(self, proc: Path = Path("/proc")) -> bool:
        """Whether this very process still runs."""
        found = read_process(self.pid, proc)
        return found is not None and found.began == self.began


def read_process(pid: int, proc: Path = Path("/proc")) -> Process | None:
    """The process of this pid; None where there is none, or only what is left of a dead one."""
    try:
        stat = (proc / str(pid) / "stat").read_text()
        argv = (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except (OSError, ValueError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces
    if fields[0] in "ZX":
        return None
    return Process(pid, fields[19], tuple(argv))


def processes(proc: Path = Path("/proc")) -> Iterator[Process]:
    """All processes of the machine that have a command line."""
    for entry in proc.iterdir():
        if entry.name.isdigit() and (found := read_process(int(entry.name), proc)) and found.argv:
            yield found


def engine_processes(home: EngineHome) -> list[Process]:
    """The dockerd of this home; at most one, save in an accident."""
    config = str(home.config)
    return [found for found in processes() if found.program == "dockerd" and config in found.argv]


def containerd_processes(home: EngineHome) -> list[Process]:
    """The containerd that this home's dockerd started."""
    inside = f"{home.exec_root}/"
    return [p for p in processes() if p.program == "containerd" and any(word.startswith(inside) for word in p.argv)]


def shim_processes(home: EngineHome) -> list[Process]:
    """The containerd-shims of this home's containers."""
    inside = f"{home.exec_root}/"
    return [
        p
        for p in processes()
        if p.program.startswith("containerd-shim") and any(word.startswith(inside) for word in p.argv)
    ]


def proxy_processes(ours: IPv4Network, proc: Path = Path("/proc")) -> list[Process]:
    """The port proxies that lead to containers in our networks.

    In our network namespace only: an engine in another one may have chosen the same addresses.
    """
    network = _network_namespace(os.getpid(), proc)
    return [
        p
        for p in processes(proc)
        if p.program == "docker-proxy" and _leads_into(p.argv, ours) and _network_namespace(p.pid, proc) == network
    ]


def container_processes(home: EngineHome, proc: Path = Path("/proc")) -> list[Process]:
    """What runs in this home's containers: their cgroups carry the ids of containers in our data root."""
    containers = home.data_root / "containers"
    ids = {entry.name for entry in containers.iterdir()} if containers.is_dir() else set()
    return [p for p in processes(proc) if _container_id(p.pid, proc) in ids] if ids else []


def foreign_engines(home: EngineHome, proc: Path = Path("/proc")) -> list[Process]:
    """Every dockerd in our network namespace that is not this home's: it shares the firewall's chains with ours."""
    config = str(home.config)
    network = _network_namespace(os.getpid(), proc)
    return [
        p
        for p in processes(proc)
        if p.program == "dockerd" and config not in p.argv and _network_namespace(p.pid, proc) == network
    ]


def end(wanted: Iterable[Process], patience: float = 10.0) -> None:
    """End processes: asked first, killed after `patience` seconds."""
    wanted = list(wanted)
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
        alive = [process for process in wanted if process.alive()]
        for process in alive:
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
        if wait_until(lambda gone=alive: not any(p.alive() for p in gone), seconds):  # type: ignore[misc]
            return


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition came to hold within a time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _leads_into(argv: tuple[str, ...], ours: IPv4Network) -> bool:
    with suppress(ValueError, IndexError):
        return ip_address(argv[argv.index("-container-ip") + 1]) in ours
    return False


def _container_id(pid: int, proc: Path) -> str:
    with suppress(OSError):
        if found := re.search(r"/(?:docker/|docker-)([0-9a-f]{64})", (proc / str(pid) / "cgroup").read_text()):
            return found[1]
    return ""


def _network_namespace(pid: int, proc: Path) -> str:
    with suppress(OSError):
        return str((proc / str(pid) / "ns" / "net").readlink())
    return ""
