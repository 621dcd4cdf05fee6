"""Keys without parsing, parsing without keys: signer and quarantine as processes, with a probe in the place of `git`.

A whole run is admitted and handed over. The probe tells what git is given and what it can reach, and then is git.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pressplay.protocol.changeset import Changeset
from tests.unit.a_gateway import SECONDS, Hub, changed, keys, listening, platform

CHART = Path(__file__).parents[2] / "charts" / "pressplay" / "templates" / "gateway.yaml"
LLM_KEY = "sk-ant-canary-of-the-vendor"
VARIABLE = "canary-of-the-environment"
PROBE = """#!{python} -IS
import json, os, socket, sys

def attempt(family, kind, address):
    try:
        made = socket.socket(family, kind)
    except OSError as error:
        return f"no socket: {{error.errno}}"
    made.settimeout(1)
    try:
        if kind == socket.SOCK_DGRAM:
            made.sendto(b"x", address)
        else:
            made.connect(address)
    except OSError as error:
        return f"no connection: {{error.errno}}"
    return "reached"

targets = {{
    "inet": (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", {port})),
    "inet datagram": (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", {port})),
    "inet6": (socket.AF_INET6, socket.SOCK_STREAM, ("::1", {port})),
    "netlink": (socket.AF_NETLINK, socket.SOCK_RAW, (0, 0)),
    "packet": (socket.AF_PACKET, socket.SOCK_RAW, ("lo", 0)),
    "vsock": (socket.AF_VSOCK, socket.SOCK_STREAM, (2, 1)),
    "signer": (socket.AF_UNIX, socket.SOCK_STREAM, {signer!r}),
    "unix datagram": (socket.AF_UNIX, socket.SOCK_DGRAM, {datagram!r}),
    "unix sequence": (socket.AF_UNIX, socket.SOCK_SEQPACKET, {signer!r}),
}}
descriptors = {{}}
for name in os.listdir("/proc/self/fd"):
    try:
        descriptors[name] = os.readlink(f"/proc/self/fd/{{name}}")
    except OSError:
        pass
told = {{
    "words": sys.argv[1:], "environment": dict(os.environ), "descriptors": descriptors, "parent": os.getppid(),
    "status": open("/proc/self/status").read(),
    "reached": {{name: attempt(*target) for name, target in targets.items()}},
}}
with open({trace!r}, "a") as trace:
    trace.write(json.dumps(told) + chr(10))
os.execv({git!r}, ["git", *sys.argv[1:]])
"""


@dataclass
class Seen:
    """What a whole run left."""

    probes: list[dict[str, Any]]
    quarantine: int
    keys: list[str]
    outcome: str


@contextmanager
def program(module: str, path: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-m", module], env=env) as process:
        try:
            listening(path, process)
            yield process
        finally:
            process.terminate()
            process.wait(SECONDS)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("apart")
    programs, trace = folder / "bin", folder / "trace"
    programs.mkdir()
    signs, shuts = folder / "signer.sock", folder / "quarantine.sock"
    base = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "CANARY": VARIABLE, "GIT_DIR": VARIABLE}
    found = Seen([], 0, [], "")

    @contextmanager
    def sign(_: Path, there: Hub) -> Iterator[Path]:
        apps, llm = keys(folder, there.app, LLM_KEY)
        found.keys += [there.app["private_key"].split("\n")[3], LLM_KEY, VARIABLE]
        env = {
            **base, "PRESSPLAY_SIGNER_SOCKET": str(signs), "PRESSPLAY_APPS": str(apps), "PRESSPLAY_LLM": str(llm),
            "PRESSPLAY_GITHUB_API_URL": f"{there.address}/api/v3",
        }  # fmt: skip
        with program("pressplay.gateway.signer", signs, env):
            yield signs

    @contextmanager
    def shut_in(_: Path, there: Hub) -> Iterator[Path]:
        env = {**base, "PRESSPLAY_QUARANTINE_SOCKET": str(shuts), "PRESSPLAY_MIRRORS": str(folder / "mirrors")}
        with program("pressplay.gateway.quarantine", shuts, env) as process:
            found.quarantine = process.pid
            yield shuts

    with socket.socket() as tcp, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        datagrams.bind(str(folder / "datagrams"))
        facts = {
            "python": sys.executable, "port": tcp.getsockname()[1], "signer": str(signs), "git": shutil.which("git"),
            "datagram": str(folder / "datagrams"), "trace": str(trace),
        }  # fmt: skip
        (programs / "git").write_text(PROBE.format(**facts))
        (programs / "git").chmod(0o755)
        with platform(folder, sign, shut_in) as made:
            admission = made.admit("run")
            changes = Changeset(base=admission.base_sha, files=(changed("new.py"),))
            found.outcome = made.hand_over("run", changes).json().get("outcome")
            made.call("GET", "/run/workspace", "token-run")
    found.probes += [json.loads(line) for line in trace.read_text().splitlines()]
    return found


def test_the_run_comes_to_its_pull_request_and_git_was_started_by_the_quarantine_alone(seen: Seen) -> None:
    assert seen.outcome == "pull_request"
    used = {word for probe in seen.probes for word in probe["words"]}
    assert {"index-pack", "hash-object", "write-tree", "commit-tree", "pack-objects"} <= used
    assert {probe["parent"] for probe in seen.probes} == {seen.quarantine}


def test_git_is_given_no_key_and_no_setting_of_its_surroundings(seen: Seen) -> None:
    for probe in seen.probes:
        told = json.dumps(probe)
        assert [key for key in seen.keys if key in told or json.dumps(key)[1:-1] in told] == []
        named = {name for name in probe["environment"] if not re.match(r"GIT_|PATH$|HOME$|LC_", name)}
        assert named == set(), named
        assert probe["environment"]["HOME"] == "/nonexistent"
        assert probe["environment"]["GIT_CONFIG_GLOBAL"] == "/dev/null"


def test_git_has_no_open_file_but_its_own_three(seen: Seen) -> None:
    for probe in seen.probes:
        # The probe's own look at the folder is the fourth.
        others = {name: where for name, where in probe["descriptors"].items() if int(name) > 2}
        assert [where for where in others.values() if "socket" in where or "signer" in where] == []
        assert len(others) <= 1, others


def test_git_can_connect_to_nothing_neither_a_network_nor_the_signer(seen: Seen) -> None:
    for probe in seen.probes:
        assert "Seccomp:\t2" in probe["status"]
        assert "NoNewPrivs:\t1" in probe["status"]
        reached = probe["reached"]
        assert reached.pop("signer") == "no connection: 1"
        assert set(reached.values()) == {"no socket: 1"}, reached


def containers() -> dict[str, str]:
    """The text of each container of the gateway's pod, as the chart has it."""
    text = CHART.read_text().partition("      containers:\n")[2].partition("\n      volumes:\n")[0]
    parts = re.split(r"(?m)^        - name: (\w+)$", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_in_the_pod_only_the_signer_has_the_keys_and_only_the_quarantine_the_mirrors() -> None:
    every = containers()
    mounts = {name: set(re.findall(r"- \{name: ([\w-]+), mountPath", text)) for name, text in every.items()}
    assert mounts["quarantine"] == {"data", "quarantine-socket", "quarantine-tmp"}
    assert mounts["signer"] == {"apps", "llm", "signer-socket", "signer-tmp", "ca"}
    assert not {"apps", "llm", "signer-tmp", "quarantine-tmp"} & mounts["gateway"]
    assert "subPath: mirrors" in every["quarantine"]
    assert "subPath: ledger" in every["gateway"]
    users = {name: re.findall(r"runAsUser: (\d+)", text) for name, text in every.items()}
    assert users["signer"] != users["quarantine"]
    assert all("secretKeyRef" not in every[name] for name in ("signer", "quarantine"))
    assert "automountServiceAccountToken: false" in CHART.read_text()
