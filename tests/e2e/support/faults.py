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

from localkube.engine import Engine, EngineHome, find_engine
from localkube.engine import processes as running
from localkube.engine.processes import Process
from localkube.providers.kind import KindCluster
from localkube.state import ClusterRecord
from tests.e2e.support.commands import command_line
from tests.e2e.support.waiting import until


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
    """`kill -9` of all that a cluster consists of: the engine, and everything in the nodes."""
    found = engine()
    if not found.ours:
        for record in clusters:
            found.run("kill", "--signal=KILL", KindCluster.of(record).node)
        return
    home = EngineHome()
    containers = running.container_processes(home)
    kill_engine()
    _kill([*running.shim_processes(home), *containers])


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


def _kill(wanted: list[Process]) -> None:
    for process in wanted:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    until("the killed to be dead", lambda: not any(process.alive() for process in wanted), seconds=30)
