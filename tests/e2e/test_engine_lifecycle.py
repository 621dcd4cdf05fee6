"""A real engine of our own, beside whatever else runs: started, killed in every way, started again, removed.

It lives in a network namespace of its own: engines in one network would share the firewall's chains.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from localkube.engine import processes as running
from localkube.engine.debian import answers
from localkube.engine.home import EngineHome
from localkube.engine.model import Engine

pytestmark = [
    pytest.mark.elsewhere,
    pytest.mark.xdist_group("engine"),
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("go"),
        reason="starts an engine: needs Linux, root and Go (for a static program)",
    ),
]

PROGRAM = """
package main

import ("fmt"; "os"; "os/signal")

func main() {
	if len(os.Args) > 1 {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop)
		<-stop
	}
	fmt.Println("it runs")
}
"""
FOREIGN_RULE = ["-A", "FORWARD", "-s", "198.51.100.0/24", "-j", "ACCEPT"]


@dataclass(frozen=True)
class Place:
    """One engine's folders and network namespace."""

    home: EngineHome
    network: str

    def call(self, code: str) -> subprocess.Popen[str]:
        """Run Python in the network namespace, with `home` at hand."""
        places = f"Path({str(self.home.run_dir)!r}), Path({str(self.home.lib_dir)!r}), {self.home.bridge!r}"
        prelude = (
            "from pathlib import Path; from localkube.engine import EngineHome, install_and_start, stop\n"
            f"home = EngineHome({places})\n"
        )
        return subprocess.Popen(
            self._inside(sys.executable, "-c", prelude + code),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def start(self) -> str:
        return finish(self.call("install_and_start(print, home)"))

    def stop(self, *, purge: bool = False) -> str:
        return finish(self.call(f"stop(print, home, purge={purge})"))

    def inside(self, *argv: str) -> str:
        return subprocess.run(self._inside(*argv), check=True, capture_output=True, text=True, timeout=60).stdout

    def docker(self, *args: str) -> str:
        return Engine("docker", "docker", self.home.host).run(*args, timeout=120).strip()

    def _inside(self, *argv: str) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.network}", *argv]

    @property
    def everything(self) -> list[running.Process]:
        return [
            *running.engine_processes(self.home),
            *running.containerd_processes(self.home),
            *running.shim_processes(self.home),
            *running.container_processes(self.home),
        ]


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    return out


def kill(processes: list[running.Process]) -> None:
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    assert running.wait_until(lambda: not any(process.alive() for process in processes), 10)


@pytest.fixture(scope="module")
def image_tar() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "main.go").write_text(PROGRAM)
        environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GO111MODULE": "off"}
        subprocess.run(["go", "build", "-o", "runs", "main.go"], cwd=root, check=True, env=environment, timeout=300)
        subprocess.run(["tar", "-cf", "image.tar", "runs"], cwd=root, check=True, timeout=60)
        yield root / "image.tar"


@pytest.fixture(scope="module")
def place(image_tar: Path) -> Iterator[Place]:
    # Not pytest's own folder: the path of a socket may have 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="lk", dir="/var/tmp") as folder:
        network = f"lk{os.getpid()}"
        found = Place(EngineHome(Path(folder) / "run", Path(folder) / "lib", f"lkt{os.getpid() % 10**7}"), network)
        subprocess.run(["ip", "netns", "add", network], check=True, timeout=30)
        try:
            found.inside("ip", "link", "set", "lo", "up")
            found.inside("iptables", *FOREIGN_RULE)
            found.inside("sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward")
            found.start()
            found.docker("import", str(image_tar), "runs:1")
            yield found
        finally:
            found.stop(purge=True)
            subprocess.run(["ip", "netns", "del", network], check=True, timeout=30)


@pytest.fixture
def container(place: Place) -> Iterator[str]:
    name = place.docker("run", "--detach", "--privileged", "--publish", "127.0.0.1:18080:80", "runs:1", "/runs", "on")
    yield name
    place.start()
    place.docker("rm", "--force", name)


def test_a_privileged_container_runs_and_a_privileged_exec_too(place: Place, container: str) -> None:
    assert place.docker("run", "--rm", "--privileged", "runs:1", "/runs") == "it runs"
    assert place.docker("exec", "--privileged", container, "/runs") == "it runs"


def test_limits_beyond_the_machines_own_are_lowered_instead_of_failing(place: Place) -> None:
    told = ("--ulimit", "nofile=9999999:9999999", "--oom-score-adj", "-900")
    assert place.docker("run", "--rm", *told, "runs:1", "/runs") == "it runs"


def test_starting_twice_changes_nothing(place: Place) -> None:
    before = [(process.pid, process.began) for process in running.engine_processes(place.home)]
    assert place.start() == ""
    assert [(process.pid, process.began) for process in running.engine_processes(place.home)] == before


def test_two_that_start_it_at_once_get_one_engine(place: Place) -> None:
    place.stop()
    assert not place.everything
    for process in [place.call("install_and_start(print, home)") for _ in range(2)]:
        finish(process)
    assert len(running.engine_processes(place.home)) == 1


def test_containers_go_on_when_the_engine_was_killed(place: Place, container: str) -> None:
    kill([*running.engine_processes(place.home), *running.containerd_processes(place.home)])
    place.start()
    assert place.docker("inspect", "--format", "{{.State.Status}}", container) == "running"
    assert place.docker("exec", container, "/runs") == "it runs"


def test_after_everything_was_killed_the_container_can_be_started_again(place: Place, container: str) -> None:
    kill(place.everything)
    place.start()
    assert place.docker("inspect", "--format", "{{.State.Status}}", container) == "exited"
    place.docker("start", container)
    assert place.docker("exec", container, "/runs") == "it runs"


def test_a_pid_file_that_names_another_program_does_not_matter(place: Place) -> None:
    kill([*running.engine_processes(place.home), *running.containerd_processes(place.home)])
    place.home.pidfile.write_text(str(os.getpid()))
    (place.home.exec_root / "containerd" / "containerd.pid").write_text(str(os.getpid()))
    place.start()
    assert answers(place.home)


def test_an_engine_that_hangs_is_replaced(place: Place) -> None:
    (stuck,) = running.engine_processes(place.home)
    os.kill(stuck.pid, signal.SIGSTOP)
    assert "hangs" in place.start()
    assert answers(place.home)
    assert not stuck.alive()


def test_the_bridge_is_made_again_after_it_was_lost(place: Place) -> None:
    before = json.loads(place.home.config.read_text())["default-address-pools"]
    place.stop()
    place.inside("ip", "link", "del", place.home.bridge)
    place.start()
    assert json.loads(place.home.config.read_text())["default-address-pools"] == before
    assert place.docker("run", "--rm", "runs:1", "/runs") == "it runs"


def test_stopping_ends_everything_and_keeps_the_images(place: Place, container: str) -> None:
    place.stop()
    assert not place.everything
    assert not answers(place.home)
    place.start()
    assert place.docker("image", "inspect", "--format", "{{.RepoTags}}", "runs:1") == "[runs:1]"


def test_purging_leaves_nothing_of_ours_and_everything_of_others(place: Place, image_tar: Path) -> None:
    place.docker("network", "create", "extra")
    place.docker("run", "--detach", "--network", "extra", "--publish", "127.0.0.1:18081:80", "runs:1", "/runs", "on")
    (ours,) = running.engine_processes(place.home)
    kill([ours])  # the hardest case: nobody is left who could tidy up
    place.stop(purge=True)
    assert not place.everything
    assert not place.home.run_dir.exists()
    assert not place.home.lib_dir.exists()
    assert not place.home.lock.exists()
    assert str(place.home.lib_dir.parent) not in Path("/proc/self/mountinfo").read_text()
    links = place.inside("ip", "-brief", "link")
    assert place.home.bridge not in links
    assert "br-" not in links
    rules = place.inside("iptables", "-S").splitlines()
    assert rules == ["-P INPUT ACCEPT", "-P FORWARD ACCEPT", "-P OUTPUT ACCEPT", " ".join(FOREIGN_RULE)]
    assert not [line for line in place.inside("iptables", "-t", "nat", "-S").splitlines() if line[:2] != "-P"]
    assert place.inside("cat", "/proc/sys/net/ipv4/ip_forward") == "0\n"
    place.start()
    place.docker("import", str(image_tar), "runs:1")
    assert place.docker("run", "--rm", "runs:1", "/runs") == "it runs"
