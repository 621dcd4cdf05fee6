"""What is read of a machine, on made-up trees and on this one, and what is said of it."""

from __future__ import annotations

import platform
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from localkube import kernel
from localkube import machine as machines
from localkube.engine import Engine
from localkube.machine import GIB, Disk, Machine, inspect, port_is_free, problems_for_kind

GOOD = Machine(
    system="Linux",
    architecture="x86_64",
    cores=2,
    memory=16 * GIB,
    disks=(Disk("builds", Path("/c"), 1, 40 * GIB, 15 * GIB), Disk("images", Path("/d"), 1, 40 * GIB, 5 * GIB)),
    cgroup_version=2,
    controllers=frozenset(machines.CONTROLLERS),
    features=dict.fromkeys(kernel.FEATURES, True),
    namespaces=frozenset(machines.NAMESPACES),
    inotify_instances=128,
    inotify_watches=100_000,
)


def tree(root: Path, *, mounts: str, config: str = "") -> Path:
    for folder in ("proc/self/ns", "proc/sys/kernel", "proc/sys/fs/inotify", "sys/fs/cgroup", "sys/module", "boot"):
        (root / folder).mkdir(parents=True)
    (root / "proc/mounts").write_text(mounts)
    (root / "proc/meminfo").write_text("MemTotal:        4194304 kB\nMemFree:  1 kB\n")
    (root / "proc/self/status").write_text("Name:\tx\nCapBnd:\t000001fffeffffff\n")
    (root / "proc/sys/kernel/cap_last_cap").write_text("40\n")
    (root / "proc/sys/fs/inotify/max_user_instances").write_text("128\n")
    for name in machines.NAMESPACES:
        (root / "proc/self/ns" / name).touch()
    if config:
        (root / f"boot/config-{platform.release()}").write_text(config)
    return root


V1 = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n" + "".join(
    f"cgroup /sys/fs/cgroup/{name} cgroup rw,{name} 0 0\n" for name in ("cpu", "cpuset", "memory", "pids")
)
V2 = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads what only Linux has")


@linux
def test_this_machine_is_read() -> None:
    found = inspect()
    assert found.linux
    assert found.cores >= 1
    assert {"net", "pid"} <= found.namespaces
    assert all(disk.free > 0 for disk in found.disks)


@linux
def test_control_groups_of_version_1_are_read(tmp_path: Path) -> None:
    found = inspect(root=tree(tmp_path, mounts=V1))
    assert found.cgroup_version == 1
    assert machines.check_controllers(found) is None
    assert found.missing_capabilities == ("SYS_RESOURCE",)
    assert found.memory == 4 * GIB
    assert found.inotify_instances == 128
    assert found.inotify_watches is None


@linux
def test_control_groups_of_version_2_are_read_with_their_limit(tmp_path: Path) -> None:
    root = tree(tmp_path, mounts=V2)
    (root / "sys/fs/cgroup/cgroup.controllers").write_text("cpuset cpu io memory\n")
    (root / "sys/fs/cgroup/memory.max").write_text(f"{2 * GIB}\n")
    found = inspect(root=root)
    assert found.cgroup_version == 2
    assert found.memory == 2 * GIB
    problem = machines.check_controllers(found)
    assert problem is not None
    assert "pids" in problem.message


@linux
def test_without_control_groups_it_says_so(tmp_path: Path) -> None:
    found = inspect(root=tree(tmp_path, mounts="proc /proc proc rw 0 0\n"))
    assert machines.check_cgroups(found) is not None


@linux
def test_a_kernel_that_tells_nothing_is_not_accused(tmp_path: Path) -> None:
    found = inspect(root=tree(tmp_path, mounts=V1))
    assert set(found.features.values()) == {None}
    assert machines.check_features(found) is None


@linux
def test_built_in_features_loadable_ones_and_missing_ones_are_told_apart(tmp_path: Path) -> None:
    config = "CONFIG_OVERLAY_FS=m\nCONFIG_BRIDGE=m\nCONFIG_NF_TABLES=y\nCONFIG_NF_NAT=y\n# CONFIG_VETH is not set\n"
    root = tree(tmp_path, mounts=V1, config=config)
    modules = root / "lib/modules" / platform.release()
    modules.mkdir(parents=True)
    (modules / "modules.dep").write_text("kernel/fs/overlayfs/overlay.ko.xz:\n")
    found = inspect(root=root)
    assert found.features["overlay file systems"]
    assert found.features["nf_tables"]
    assert found.features["network bridges"] is False
    problem = machines.check_features(found)
    assert problem is not None
    assert "modprobe -a bridge veth" in problem.remedy


def test_a_good_machine_has_no_problem() -> None:
    assert problems_for_kind(GOOD) == []


def test_needs_on_one_disk_add_up_and_are_named() -> None:
    disks = tuple(replace(disk, free=17 * GIB) for disk in GOOD.disks)
    problem = machines.check_disk(replace(GOOD, disks=disks))
    assert problem is not None
    assert "20.0 GiB are needed (15.0 GiB for builds in /c and 5.0 GiB for images in /d)" in problem.message
    assert "free 3.0 GiB" in problem.remedy
    apart = (replace(disks[0], device=2), disks[1])
    assert machines.check_disk(replace(GOOD, disks=apart)) is None


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"architecture": "riscv64"}, "architecture"),
        ({"missing_capabilities": ("NET_ADMIN", "SYS_RESOURCE")}, "capabilities"),
        ({"namespaces": frozenset({"net"})}, "namespaces"),
        ({"cgroup_version": 0, "controllers": frozenset()}, "cgroups"),
        ({"controllers": frozenset({"cpu"})}, "controllers"),
        ({"features": {"virtual network pairs": False}}, "kernel"),
        ({"memory": 2 * GIB}, "memory"),
        ({"inotify_instances": 8}, "inotify"),
    ],
)
def test_each_lack_is_one_problem_with_a_remedy(change: dict[str, object], name: str) -> None:
    (problem,) = problems_for_kind(replace(GOOD, **change))  # type: ignore[arg-type]
    assert problem.name == name
    assert problem.remedy
    assert "\n" not in problem.message


def test_the_checks_stand_in_their_order() -> None:
    names = [check.__name__.removeprefix("check_") for check in machines.KIND_CHECKS]
    assert names[:3] == ["architecture", "capabilities", "namespaces"]
    assert names[-3:] == ["memory", "disk", "inotify"]


def test_a_missing_capability_that_can_be_left_out_is_no_problem() -> None:
    assert problems_for_kind(replace(GOOD, missing_capabilities=("SYS_RESOURCE", "SYS_TIME"))) == []


def test_beside_an_engine_that_answers_the_kernel_here_does_not_matter() -> None:
    bad = replace(GOOD, cgroup_version=0, memory=GIB)
    assert problems_for_kind(bad, Engine("docker", "docker", "tcp://192.0.2.1:2375")) == []
    assert problems_for_kind(bad, Engine("docker", "docker", "unix:///x", ours=True))


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not port_is_free(port)
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()
            client.recv(1)
    assert port_is_free(port)


def test_room_is_asked_of_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    device, free = machines.disk_free(tmp_path / "a" / "b" / "c")
    assert device == tmp_path.stat().st_dev
    assert free > 0
