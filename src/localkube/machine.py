"""What this machine is and whether it can carry a cluster. Only looks: changes nothing, and asks no network.

`inspect` reads, the checks are pure. Where the kernel does not tell whether it has a feature the check stays silent:
a cluster that fails to start says more than a wrong warning.
"""

from __future__ import annotations

import errno
import os
import platform
import shutil
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from localkube import kernel
from localkube.engine.capabilities import missing_capabilities
from localkube.engine.home import EngineHome
from localkube.engine.model import Engine
from localkube.errors import CommandFailed
from localkube.paths import cache_dir

GIB = 1024**3
# Measured: compile cache and finished builds of a cold build; its sources; a cluster with room to work.
CACHE_BYTES = 10 * GIB
MODULES_BYTES = 7 * GIB
WARM_CACHE_BYTES = 1 * GIB
DATA_BYTES = 5 * GIB
MEMORY_BYTES = 3 * GIB
INOTIFY_INSTANCES = 64
INOTIFY_WATCHES = 8192
ADVISED_INOTIFY_INSTANCES = 512
ARCHITECTURES = ("x86_64", "amd64", "aarch64", "arm64")
CONTROLLERS = ("cpu", "cpuset", "memory", "pids")
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")
# Without these an engine cannot make a container at all; any other one that is missing is left out of containers.
NEEDED_CAPABILITIES = frozenset(
    {"CHOWN", "DAC_OVERRIDE", "FOWNER", "MKNOD", "NET_ADMIN", "SETGID", "SETUID", "SYS_ADMIN", "SYS_CHROOT"}
)


@dataclass(frozen=True)
class Disk:
    """Room that something needs on one file system.

    Attributes:
        purpose: what is kept there, as it reads in a sentence.
        path: the folder, which need not be there yet.
        device: equal for folders on one file system.
        free: bytes.
        needed: bytes.
    """

    purpose: str
    path: Path
    device: int
    free: int
    needed: int


@dataclass(frozen=True)
class Machine:
    """What matters of a machine.

    Attributes:
        system: the operating system, as `uname -s` says.
        architecture: the processor, as `uname -m` says.
        cores: processors that we may use.
        memory: bytes, all that the machine has or that our control group allows.
        disks: the folders that grow.
        cgroup_version: 1, 2, or 0 where none are mounted; None where this is not Linux.
        controllers: what can be limited and measured.
        missing_capabilities: what not even root may do.
        features: feature of `kernel.FEATURES` → whether the kernel has it; None where it does not tell.
        namespaces: kinds of namespaces that the kernel has.
        inotify_instances: how many each user may have.
        inotify_watches: how many files each user may watch.
    """

    system: str
    architecture: str
    cores: int
    memory: int
    disks: tuple[Disk, ...] = ()
    cgroup_version: int | None = None
    controllers: frozenset[str] = frozenset()
    missing_capabilities: tuple[str, ...] = ()
    features: Mapping[str, bool | None] = field(default_factory=dict)
    namespaces: frozenset[str] = frozenset()
    inotify_instances: int | None = None
    inotify_watches: int | None = None

    @property
    def linux(self) -> bool:
        """Whether this is Linux."""
        return self.system == "Linux"


@dataclass(frozen=True)
class Problem:
    """A reason why something would fail: its name, one line for the user, and what to do."""

    name: str
    message: str
    remedy: str


Check = Callable[[Machine], Problem | None]


def inspect(engine: Engine | None = None, *, root: Path = Path("/")) -> Machine:
    """Look at this machine.

    Args:
        engine: the engine in use, whose data are then looked at instead of our own engine's.
        root: where /proc, /sys, /boot and /lib are.
    """
    disks = _disks(engine)
    system, architecture = platform.system(), platform.machine().lower()
    if system != "Linux":
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return Machine(system, architecture, os.cpu_count() or 1, memory, disks)
    version, controllers = kernel.cgroups(root)
    return Machine(
        system=system,
        architecture=architecture,
        cores=len(os.sched_getaffinity(0)),
        memory=kernel.memory(root),
        disks=disks,
        cgroup_version=version,
        controllers=controllers,
        missing_capabilities=missing_capabilities(root / "proc"),
        features=kernel.features(root, platform.release()),
        namespaces=frozenset(entry.name for entry in (root / "proc/self/ns").iterdir()),
        inotify_instances=kernel.number(root / "proc/sys/fs/inotify/max_user_instances"),
        inotify_watches=kernel.number(root / "proc/sys/fs/inotify/max_user_watches"),
    )


def check_architecture(machine: Machine) -> Problem | None:
    """Kubernetes and all that we add are made for two kinds of processors."""
    if machine.architecture in ARCHITECTURES:
        return None
    return Problem(
        "architecture", f"a {machine.architecture} processor is not supported", "use an x86-64 or arm64 machine"
    )


def check_disk(machine: Machine) -> Problem | None:
    """Room for builds and images; needs that lie on one file system add up."""
    for device in dict.fromkeys(disk.device for disk in machine.disks):
        disks = [disk for disk in machine.disks if disk.device == device]
        free, needed = min(disk.free for disk in disks), sum(disk.needed for disk in disks)
        if free < needed:
            uses = " and ".join(f"{_gib(disk.needed)} for {disk.purpose} in {disk.path}" for disk in disks)
            return Problem(
                "disk",
                f"the disk is low: {_gib(needed)} are needed ({uses}), {_gib(free)} are free",
                f"free {_gib(needed - free)} there, or put the cache elsewhere with XDG_CACHE_HOME",
            )
    return None


def check_memory(machine: Machine) -> Problem | None:
    """A cluster at rest takes about 2 GiB, and something is to run on it."""
    if machine.memory >= MEMORY_BYTES:
        return None
    return Problem(
        "memory",
        f"this machine has {_gib(machine.memory)} of memory, a cluster needs {_gib(MEMORY_BYTES)}",
        "give the machine (or the virtual machine of Docker Desktop) more memory",
    )


def check_cgroups(machine: Machine) -> Problem | None:
    """Containers are limited and found by control groups."""
    if machine.cgroup_version is None or machine.cgroup_version:
        return None
    return Problem(
        "cgroups",
        "no control groups are mounted under /sys/fs/cgroup",
        "`sudo apt-get install cgroupfs-mount && sudo cgroupfs-mount`",
    )


def check_controllers(machine: Machine) -> Problem | None:
    """The controllers without which the kubelet does not start."""
    lacking = [name for name in CONTROLLERS if name not in machine.controllers]
    if not machine.cgroup_version or not lacking:
        return None
    return Problem(
        "controllers",
        f"the control groups lack {', '.join(lacking)}, which the kubelet needs",
        "boot the kernel with `cgroup_enable=memory,cpuset,cpu,pids`, or mount the missing controllers",
    )


def check_features(machine: Machine) -> Problem | None:
    """What a container engine and kube-proxy ask of the kernel."""
    lacking = [name for name in kernel.FEATURES if machine.features.get(name) is False]
    if not lacking:
        return None
    modules = " ".join(kernel.FEATURES[name][1] for name in lacking)
    return Problem(
        "kernel",
        f"the kernel lacks {', '.join(lacking)}",
        f"load the modules (`sudo modprobe -a {modules}`), or use a kernel of the distribution that has them",
    )


def check_namespaces(machine: Machine) -> Problem | None:
    """Containers are made of namespaces."""
    lacking = [name for name in NAMESPACES if name not in machine.namespaces]
    if not machine.linux or not lacking:
        return None
    return Problem(
        "namespaces",
        f"the kernel has no namespaces of the kinds {', '.join(lacking)}",
        "use a kernel of the distribution, or a virtual machine instead of a container",
    )


def check_capabilities(machine: Machine) -> Problem | None:
    """What not even root may do here must not be what every container needs."""
    lacking = sorted(NEEDED_CAPABILITIES.intersection(machine.missing_capabilities))
    if not lacking:
        return None
    return Problem(
        "capabilities",
        f"root lacks the capabilities {', '.join(lacking)} here, without which no container can be made",
        "run on the host or in a virtual machine, or start this container with --privileged",
    )


def check_inotify(machine: Machine) -> Problem | None:
    """Below this the node's own services cannot watch their files any more."""
    few = machine.inotify_instances is not None and machine.inotify_instances < INOTIFY_INSTANCES
    small = machine.inotify_watches is not None and machine.inotify_watches < INOTIFY_WATCHES
    if not few and not small:
        return None
    return Problem(
        "inotify",
        f"this machine allows {machine.inotify_instances} inotify instances and {machine.inotify_watches} watches, "
        "too few for a node",
        f"`sudo sysctl fs.inotify.max_user_instances={ADVISED_INOTIFY_INSTANCES} fs.inotify.max_user_watches=524288`",
    )


# What a machine must have before anything is changed on it. The gravest first: only the first is shown in full.
KIND_CHECKS: tuple[Check, ...] = (
    check_architecture,
    check_capabilities,
    check_namespaces,
    check_cgroups,
    check_controllers,
    check_features,
    check_memory,
    check_disk,
    check_inotify,
)
# With an engine that answers, in a virtual machine or on another host perhaps, the kernel here says nothing.
CHECKS_BESIDE_AN_ENGINE: tuple[Check, ...] = (check_architecture, check_disk)


def problems_for_kind(machine: Machine, engine: Engine | None = None) -> list[Problem]:
    """What keeps kind from making a cluster on this machine.

    Args:
        machine: what `inspect` found.
        engine: the engine that answers; without it, one of our own is to be started.
    """
    checks = CHECKS_BESIDE_AN_ENGINE if engine is not None and not engine.ours else KIND_CHECKS
    return problems(machine, checks)


def problems(machine: Machine, checks: Iterable[Check]) -> list[Problem]:
    """What the checks find, in their order."""
    return [problem for check in checks if (problem := check(machine))]


def port_is_free(port: int) -> bool:
    """Whether a server could listen there on 127.0.0.1 now."""
    with socket.socket() as probe:
        # As servers do: connections that are just ending do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def disk_free(path: Path) -> tuple[int, int]:
    """The file system's number, and its free bytes, of a folder that need not be there yet."""
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    return there.stat().st_dev, shutil.disk_usage(there).free


def _disks(engine: Engine | None) -> tuple[Disk, ...]:
    cache = cache_dir()
    if any(folder for made in ("node-files", "clients") for folder in (cache / "builds").glob(f"{made}-*")):
        needs = {("builds", cache): WARM_CACHE_BYTES}
    else:
        needs = {("builds", cache): CACHE_BYTES, ("Go modules", _go_modules()): MODULES_BYTES}
    if data := _data_root(engine):
        needs["images and volumes", data] = DATA_BYTES
    found = []
    for (purpose, path), needed in needs.items():
        device, free = disk_free(path)
        found.append(Disk(purpose, path, device, free, needed))
    return tuple(found)


def _go_modules() -> Path:
    """Where the go command keeps sources, as its own help says."""
    if told := os.environ.get("GOMODCACHE"):
        return Path(told)
    workspaces = os.environ.get("GOPATH", "").split(os.pathsep)[0]
    return (Path(workspaces) if workspaces else Path.home() / "go") / "pkg" / "mod"


def _data_root(engine: Engine | None) -> Path | None:
    """Where the engine keeps its images; None where that is on another machine, a virtual one included."""
    if engine is None:
        return EngineHome().data_root if platform.system() == "Linux" else None
    told = "{{.DockerRootDir}}" if engine.kind == "docker" else "{{.Store.GraphRoot}}"
    with suppress(CommandFailed):
        root = Path(engine.run("info", "--format", told, timeout=20).strip())
        return root if root.is_absolute() and root.exists() else None
    return None


def _gib(amount: int) -> str:
    return f"{amount / GIB:.1f} GiB"
