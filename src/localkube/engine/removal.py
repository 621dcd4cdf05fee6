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
from localkube.errors import LocalKubeError

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
    _refuse_mounts(home.run_dir, home.lib_dir)
    for folder in cgroups:
        # The kernel refuses where something is left in it, another engine's containers for instance.
        with suppress(OSError):
            folder.rmdir()
    for folder in (home.run_dir, home.lib_dir):
        if folder.exists():
            _remove(folder)
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
    for point in sorted(mounts_below(*folders), key=lambda path: -len(path.parts)):
        subprocess.run(["umount", "--lazy", str(point)], capture_output=True, timeout=30, check=False)


def _refuse_mounts(*folders: Path) -> None:
    """Never delete through a mount: what it shows may be somebody else's."""
    for point in mounts_below(*folders):
        raise LocalKubeError(
            f"{point} is mounted and cannot be unmounted, so the engine's data are not removed",
            f"end what uses it (`fuser -vm {point}`), `umount {point}`, then try again",
        )


def mounts_below(*folders: Path, table: Path = Path("/proc/self/mountinfo")) -> list[Path]:
    """What is mounted at or below the folders."""
    points = [Path(_unescape(line.split()[4])) for line in table.read_text().splitlines()]
    return [point for point in points if any(folder in (point, *point.parents) for folder in folders)]


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise LocalKubeError(f"{folder} cannot be removed: {error}", f"remove it by hand: `rm -rf {folder}`") from None


def _unescape(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)
