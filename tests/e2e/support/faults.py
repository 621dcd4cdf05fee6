"""What befalls machines: programs killed without a word, a command cut off in the middle.

Kills what belongs to clusters of ours only: an engine that we did not start is left alone, its node containers are not.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from localkube.engine import Engine, EngineHome, find_engine
from localkube.engine import processes as running
from localkube.engine.processes import Process
from localkube.providers.kind import KindCluster
from localkube.state import ClusterRecord
from tests.e2e.support.commands import command_line
from tests.e2e.support.kube import Manifest
from tests.e2e.support.waiting import until

CTR = ("ctr", "--namespace", "k8s.io")


def engine() -> Engine:
    """The engine that answers."""
    found = find_engine()
    assert found is not None, "no container engine answers"
    return found


def kill_engine() -> None:
    """`kill -9` of the engine; containers go on. Of an engine that is not ours: nothing."""
    if engine().ours:
        home = EngineHome()
        _kill([*running.engine_processes(home), *running.containerd_processes(home)])


def kill_everything(clusters: Iterable[ClusterRecord]) -> None:
    """`kill -9` of all that these clusters consist of: the engine, and everything in their nodes."""
    found, nodes = engine(), [node_started(record)[0] for record in clusters]
    if not found.ours:
        found.run("kill", "--signal=KILL", *nodes)
        return
    home = EngineHome()
    inside = [process for process in running.container_processes(home) if _belongs_to(process, nodes)]
    shims = [process for process in running.shim_processes(home) if set(process.argv) & set(nodes)]
    kill_engine()
    _kill([*shims, *inside])


def _belongs_to(process: Process, containers: list[str]) -> bool:
    with suppress(OSError):
        cgroup = Path("/proc", str(process.pid), "cgroup").read_text()
        return any(one in cgroup for one in containers)
    return False


def cut_off(*words: str, when: Callable[[], object], what: str, env: Mapping[str, str] | None = None) -> str:
    """Run `pressplay WORDS…` and kill it with all that it started as soon as `when` holds; answers what it had said."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command_line(*words), stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
            start_new_session=True, env={**os.environ, **(env or {})},
        )  # fmt: skip

        def told() -> str:
            said.seek(0)
            return said.read()

        def come() -> bool:
            assert process.poll() is None, f"it ended before {what}: {told()}"
            return bool(when())

        try:
            until(what, come, seconds=180, seen=told)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return told()


def node_started(record: ClusterRecord) -> tuple[str, str]:
    """Which container is the node, and since when it runs."""
    (shown,) = json.loads(engine().run("inspect", KindCluster.of(record).node))
    return shown["Id"], shown["State"]["StartedAt"]


def kill_container(record: ClusterRecord, pod: Manifest, name: str) -> None:
    """`kill -9` of one container of a pod, in the node."""
    status = pod["status"]
    every = [*status.get("initContainerStatuses", ()), *status["containerStatuses"]]
    (identity,) = [each["containerID"].partition("://")[2] for each in every if each["name"] == name]
    kill_task(record, identity)


def kill_task(record: ClusterRecord, identity: str) -> None:
    """`kill -9` of what containerd in the node knows by this id."""
    engine().run("exec", KindCluster.of(record).node, *CTR, "tasks", "kill", "--signal", "SIGKILL", identity)


def _kill(wanted: list[Process]) -> None:
    for process in wanted:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    until("the killed to be dead", lambda: not any(process.alive() for process in wanted), seconds=30)
