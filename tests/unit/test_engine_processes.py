"""Telling our engine's processes from all others, on a made-up /proc and on real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from ipaddress import IPv4Network
from pathlib import Path

from localkube.engine import processes as running
from localkube.engine.home import EngineHome

IDENTITY = "ab" * 32


def write(
    proc: Path, pid: int, argv: list[str], *, state: str = "S", network: str = "net:[1]", cgroup: str = ""
) -> None:
    folder = proc / str(pid)
    (folder / "ns").mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} (a (strange) name) {state} " + " ".join(str(n) for n in range(1, 40)))
    (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in argv))
    (folder / "cgroup").write_text(cgroup)
    (folder / "ns" / "net").symlink_to(network)


def test_a_process_is_read_with_its_beginning(tmp_path: Path) -> None:
    write(tmp_path, 7, ["/usr/sbin/dockerd", "--config-file", "/x"])
    found = running.read_process(7, tmp_path)
    assert found == running.Process(7, "19", ("/usr/sbin/dockerd", "--config-file", "/x"))
    assert found.program == "dockerd"


def test_a_dead_process_that_nobody_has_reaped_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, 7, ["dockerd"], state="Z")
    assert running.read_process(7, tmp_path) is None
    assert not list(running.processes(tmp_path))


def test_a_pid_that_was_given_anew_is_another_process() -> None:
    me = running.read_process(os.getpid())
    assert me is not None
    assert me.alive()
    assert not running.Process(me.pid, "0", me.argv).alive()


def test_only_engines_in_our_network_that_are_not_ours_are_foreign(tmp_path: Path) -> None:
    home = EngineHome(lib_dir=Path("/ours"))
    write(tmp_path, os.getpid(), ["python"])
    write(tmp_path, 2_000_001, ["dockerd", "--config-file", "/ours/daemon.json"])
    write(tmp_path, 2_000_002, ["dockerd", "-H", "fd://"])
    write(tmp_path, 2_000_003, ["dockerd", "-H", "fd://"], network="net:[2]")
    write(tmp_path, 2_000_004, ["vim", "dockerd"])
    assert [found.pid for found in running.foreign_engines(home, tmp_path)] == [2_000_002]


def test_what_runs_in_our_containers_is_known_by_their_ids(tmp_path: Path) -> None:
    home = EngineHome(lib_dir=tmp_path / "lib")
    (home.data_root / "containers" / IDENTITY).mkdir(parents=True)
    proc = tmp_path / "proc"
    write(proc, 11, ["server"], cgroup=f"4:memory:/docker/{IDENTITY}\n")
    write(proc, 12, ["server"], cgroup=f"0::/system.slice/docker-{IDENTITY}.scope/kubelet\n")
    write(proc, 13, ["server"], cgroup=f"4:memory:/docker/{'cd' * 32}\n")
    write(proc, 14, ["server"], cgroup="0::/init.scope\n")
    assert {found.pid for found in running.container_processes(home, proc)} == {11, 12}


def test_a_port_proxy_is_ours_when_it_leads_into_our_network() -> None:
    ours = IPv4Network("10.213.0.0/16")
    argv = ("docker-proxy", "-proto", "tcp", "-container-ip", "10.213.0.2", "-container-port", "80")
    assert running._leads_into(argv, ours)
    assert not running._leads_into(argv, IPv4Network("172.17.0.0/16"))
    assert not running._leads_into(("docker-proxy",), ours)


def test_ending_kills_what_does_not_listen() -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()
        found = running.read_process(deaf.pid)
        assert found is not None
        running.end([found], patience=0.2)
        assert deaf.wait(10) == -signal.SIGKILL
