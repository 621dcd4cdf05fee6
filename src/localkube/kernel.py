"""What the running kernel tells of itself below /proc, /sys, /boot and /lib. Judges nothing."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path

# What a container engine and kube-proxy ask of the kernel: feature → its switch, and its module where it may be one.
FEATURES = {
    "overlay file systems": ("CONFIG_OVERLAY_FS", "overlay"),
    "network bridges": ("CONFIG_BRIDGE", "bridge"),
    "virtual network pairs": ("CONFIG_VETH", "veth"),
    "nf_tables": ("CONFIG_NF_TABLES", "nf_tables"),
    "network address translation": ("CONFIG_NF_NAT", "nf_nat"),
}


def memory(root: Path) -> int:
    """The bytes of memory that this machine, or our control group, has."""
    text = (root / "proc/meminfo").read_text()
    total = next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("MemTotal:"))
    limit = number(root / "sys/fs/cgroup/memory.max") or number(root / "sys/fs/cgroup/memory/memory.limit_in_bytes")
    return min(total, limit) if limit else total


def cgroups(root: Path) -> tuple[int, frozenset[str]]:
    """The version of the control groups that are mounted (0: none are) and their controllers."""
    mounts = [line.split() for line in (root / "proc/mounts").read_text().splitlines()]
    below = [words for words in mounts if words[1].startswith("/sys/fs/cgroup")]
    if any(words[1] == "/sys/fs/cgroup" and words[2] == "cgroup2" for words in below):
        return 2, frozenset((root / "sys/fs/cgroup/cgroup.controllers").read_text().split())
    controllers = frozenset(option for words in below if words[2] == "cgroup" for option in words[3].split(","))
    return (1 if controllers else 0), controllers


def features(root: Path, release: str) -> dict[str, bool | None]:
    """Whether the kernel has each of `FEATURES`, or could load it; None where it does not tell."""
    switches = _kernel_config(root, release)
    present = {line.split()[0] for line in _text(root / "proc/modules").splitlines()}
    loadable = {Path(line.partition(":")[0]).name.partition(".")[0] for line in _modules(root, release)}
    found: dict[str, bool | None] = {}
    for name, (switch, module) in FEATURES.items():
        if module in present or (root / "sys/module" / module).exists():
            found[name] = True
        elif switches is None:
            found[name] = None
        elif switches.get(switch) == "m":
            found[name] = module.replace("-", "_") in {one.replace("-", "_") for one in loadable}
        else:
            found[name] = switches.get(switch) == "y"
    return found


def _kernel_config(root: Path, release: str) -> dict[str, str] | None:
    with suppress(OSError):
        return _switches(gzip.decompress((root / "proc/config.gz").read_bytes()).decode())
    with suppress(OSError):
        return _switches((root / f"boot/config-{release}").read_text())
    return None


def _switches(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines() if line.startswith("CONFIG_"))
    return {name: value for name, _, value in lines}


def _modules(root: Path, release: str) -> list[str]:
    return _text(root / "lib/modules" / release / "modules.dep").splitlines()


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""


def number(path: Path) -> int | None:
    """The number that a file holds; None where there is no such file, or no number in it."""
    with suppress(ValueError):
        return int(_text(path))
    return None
