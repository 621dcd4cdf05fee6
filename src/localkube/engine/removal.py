"""Removing an engine of our own from the machine, after all its processes have ended."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path

from localkube.engine import network
from localkube.engine import processes as running
from localkube.engine.home import EngineHome

# Places that every Docker engine uses, whatever its own folders are; removed again when they are empty and were not
# there before.
SHARED_FOLDERS = (Path("/run/docker/plugins"), Path("/run/docker"), Path("/run/containerd/s"), Path("/run/containerd"))


def purge(home: EngineHome, whole: IPv4Network | None) -> None:
    """Remove data, networks, rules and folders of an engine that has been ended, and nothing of anybody else's."""
    others = running.foreign_engines(home)
    record = network.read_record(home)
    network.restore(home, whole, chains_are_shared=bool(others))
    cgroups = _container_cgroups(home)
    _unmount_below(home.run_dir, home.lib_dir)
    for folder in cgroups:
        # The kernel refuses where something is left in it, another engine's containers for instance.
        with suppress(OSError):
            folder.rmdir()
    for folder in (home.run_dir, home.lib_dir):
        if folder.exists():
            shutil.rmtree(folder)
    for folder in SHARED_FOLDERS:
        if not others and record is not None and str(folder) not in record.folders:
            with suppress(OSError):
                folder.rmdir()


def _container_cgroups(home: EngineHome) -> list[Path]:
    """The control groups that containers of ours left, deepest first, and the one that holds all containers."""
    containers = home.data_root / "containers"
    ids = {entry.name for entry in containers.iterdir()} if containers.is_dir() else set()
    parents = [*Path("/sys/fs/cgroup").glob("*/docker"), Path("/sys/fs/cgroup/docker")]
    roots = [parent / one for parent in parents for one in ids if (parent / one).is_dir()]
    below = [folder for root in roots for folder in (root, *root.rglob("*/"))]
    return [*sorted(below, key=lambda folder: -len(folder.parts)), *parents]


def _unmount_below(*folders: Path) -> None:
    """Unmount what containers left mounted; without it removing a folder would fail, or reach into a volume."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    inside = [Path(_unescape(point)) for point in points]
    ours = [point for point in inside if any(folder in (point, *point.parents) for folder in folders)]
    for point in sorted(ours, key=lambda path: -len(path.parts)):
        subprocess.run(["umount", "--lazy", str(point)], capture_output=True, timeout=30, check=False)


def _unescape(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)
