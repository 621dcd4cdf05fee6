"""Measures what the cluster promises: seconds until everything is ready, and memory when nothing happens.

`python -m tests.bench.cluster_bench` uses a cluster of its own, named `bench`, and removes it. It stops the engine once
if that is one of ours; clusters on it stand still until the next `up` then. `--cold` builds everything anew besides, in
an empty cache, which takes up to twenty minutes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from localkube import state
from localkube.engine import Engine, EngineHome, find_engine, stop
from localkube.engine import processes as running
from localkube.providers.kind import KindCluster

MIB = 1024 * 1024
# The bench is not to be in the way of a person's cluster, so the Argo UI takes any free port.
UP = ("up", "--yes", "--ui-port", "0")

COLD_SECONDS = 20 * 60
WARM_SECONDS = 90
AIMED_SECONDS = 60
MEMORY_MIB = 2048

IDLE_WITHIN_SECONDS = 180
IDLE_CORES = 0.35  # what an API server, etcd and a kubelet use when nobody asks anything
IDLE_WINDOW_SECONDS = 10.0


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    target: str
    measured: str
    kept: bool


def main() -> int:
    """Measure, print the table; 1 where a target was missed or not everything could be measured."""
    options = arguments()
    rows: list[Row] = []
    try:
        for row in measure(options.name, cold=options.cold):
            rows.append(row)  # noqa: PERF402 one by one: what was measured before a failure is shown
    except subprocess.CalledProcessError as failed:
        print(f"bench: `{' '.join(failed.cmd[1:])}` ended with exit code {failed.returncode}", file=sys.stderr)
        return 1
    finally:
        Console(width=None if sys.stdout.isatty() else 150).print(as_table(rows))
    return 0 if all(row.kept for row in rows) else 1


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cold", action="store_true", help="measure a build from nothing as well")
    parser.add_argument("--name", default="bench", help="the cluster that is made for this and removed")
    return parser.parse_args()


def measure(name: str, *, cold: bool) -> Iterable[Row]:
    """All measurements, in the order in which each finds what it needs."""
    remove(name)
    try:
        if cold:
            yield cold_start(f"{name}-cold")
        pressplay("cluster", *UP, "--name", name)  # whatever is not built yet is not part of a warm start
        yield Row("idle memory, engine included (PSS)", f"≤ {MEMORY_MIB} MiB", *idle_memory(name))
        yield timed("up again, where all is well", AIMED_SECONDS, lambda: up(name))
        yield from warm(name)
    finally:
        remove(name)


def warm(name: str) -> Iterable[Row]:
    """Starts with everything built: of a cluster that stands still, and of one that is not there yet."""
    engine = engine_of(name)
    halt(engine, name)
    yield timed("warm: up of a cluster whose engine was stopped", WARM_SECONDS, lambda: up(name))
    remove(name)
    if engine.ours:
        stop(quiet)
    yield timed("warm: up from no engine and no cluster" if engine.ours else "warm: up from no cluster",
                WARM_SECONDS, lambda: up(name))  # fmt: skip


def halt(engine: Engine, name: str) -> None:
    """Have nothing of the cluster run."""
    if engine.ours:
        stop(quiet)
    else:
        engine.run("stop", KindCluster.of(state.require(name)).node)


def timed(what: str, target: float, work: Callable[[], None]) -> Row:
    """How long something takes."""
    began = time.monotonic()
    work()
    took = time.monotonic() - began
    aimed = f" (aimed at {AIMED_SECONDS} s)" if target == WARM_SECONDS else ""
    return Row(what, f"≤ {target} s{aimed}", f"{took:.1f} s", took <= target)


def up(name: str) -> None:
    """Bring the cluster up; as it was made, so without choosing the port anew."""
    known = state.find(name)
    words = ("up", "--yes") if known and known.complete else UP
    pressplay("cluster", *words, "--name", name)


def cold_start(name: str) -> Row:
    """The first `up` of a machine that has built and fetched nothing, in folders of its own."""
    with tempfile.TemporaryDirectory(dir=Path.home(), prefix=".localkube-bench-") as folder:
        env = {
            "XDG_CACHE_HOME": f"{folder}/cache",
            "XDG_STATE_HOME": f"{folder}/state",
            "GOMODCACHE": f"{folder}/modules",
            "npm_config_cache": f"{folder}/npm",
        }
        try:
            return timed(
                "cold: up with nothing built or fetched", COLD_SECONDS,
                lambda: pressplay("cluster", *UP, "--name", name, env=env),
            )  # fmt: skip
        finally:
            pressplay("cluster", "down", "--yes", "--name", name, env=env)
            # Go writes modules without the right to delete them.
            subprocess.run(["chmod", "-R", "u+w", folder], check=False)


def remove(name: str) -> None:
    """Remove the cluster, if it is there."""
    if state.find(name):
        if find_engine() is None:
            pressplay("cluster", "up", "--yes", "--name", name)
        pressplay("cluster", "down", "--yes", "--name", name)


def pressplay(*words: str, env: Mapping[str, str] | None = None) -> None:
    """Run a command; what it says goes to standard error, so that standard output has the table only."""
    command = [sys.executable, "-m", "pressplay", *words]
    subprocess.run(command, check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})


def quiet(_: str) -> None:
    """Say nothing."""


def engine_of(name: str) -> Engine:
    """The engine that carries the cluster."""
    return KindCluster.of(state.require(name)).engine


def idle_memory(name: str) -> tuple[str, bool]:
    """The memory of all that the cluster consists of, once it has become quiet; and whether it is little enough."""
    pids = await_idle(name)
    shares = Counter[str]()
    for pid in pids:
        shares[called(pid)] += pss(pid)
    total = sum(shares.values())
    largest = ", ".join(f"{program} {share // MIB}" for program, share in shares.most_common(6))
    return f"{total // MIB} MiB ({largest}, …)", total <= MEMORY_MIB * MIB


def await_idle(name: str) -> set[int]:
    """Wait until the cluster uses little of a processor; answers its processes."""
    deadline = time.monotonic() + IDLE_WITHIN_SECONDS
    used = float("inf")
    while time.monotonic() < deadline:
        pids = belonging(name)
        before, began = cpu_seconds(pids), time.monotonic()
        time.sleep(IDLE_WINDOW_SECONDS)  # a rate is measured over a time
        used = (cpu_seconds(pids) - before) / (time.monotonic() - began)
        if used <= IDLE_CORES:
            return belonging(name)
    print(f"bench: after {IDLE_WITHIN_SECONDS} s the cluster still uses {used:.2f} cores", file=sys.stderr)
    return belonging(name)


def belonging(name: str) -> set[int]:
    """The processes of the cluster's node, of what lies between it and the engine, and of the engine itself."""
    cluster = KindCluster.of(state.require(name))
    root = int(cluster.engine.run("inspect", "--format", "{{.State.Pid}}", cluster.node))
    shim = parents()[root]
    found = descendants({shim} if shim > 1 else {root})
    if cluster.engine.ours:
        home = EngineHome()
        engine = (running.engine_processes, running.containerd_processes)
        found |= {process.pid for find in engine for process in find(home)}
        found |= {process.pid for process in running.processes() if leads_to(process.argv, cluster)}
    return found


def leads_to(argv: tuple[str, ...], cluster: KindCluster) -> bool:
    """Whether a process is the engine's proxy of one of the node's ports."""
    if not argv or Path(argv[0]).name != "docker-proxy":
        return False
    told = cluster.engine.run(
        "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", cluster.node
    )
    return any(address in argv for address in told.split())


def descendants(roots: set[int]) -> set[int]:
    """The processes `roots` and all below them."""
    known, above = set(roots), parents()
    while found := {pid for pid, parent in above.items() if parent in known and pid not in known}:
        known |= found
    return known


def parents() -> dict[int, int]:
    """Every process and the one that started it."""
    return {int(entry.name): int(fields[1]) for entry, fields in stats()}


def cpu_seconds(pids: set[int]) -> float:
    """The processor time that these have used so far."""
    ticks = sum(int(fields[11]) + int(fields[12]) for entry, fields in stats() if int(entry.name) in pids)
    return ticks / os.sysconf("SC_CLK_TCK")


def stats() -> list[tuple[Path, list[str]]]:
    """/proc/PID/stat of every process, from the third field on."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit():
                found.append((entry, (entry / "stat").read_text().rpartition(")")[2].split()))
    return found


def pss(pid: int) -> int:
    """Bytes, of what several processes share only this one's part; 0 where it is gone."""
    with suppress(OSError):
        told = re.search(r"^Pss:\s+(\d+) kB", (Path("/proc") / str(pid) / "smaps_rollup").read_text(), re.MULTILINE)
        return int(told[1]) * 1024 if told else 0
    return 0


def called(pid: int) -> str:
    """The name of the program."""
    found = running.read_process(pid)
    return found.program if found else "?"


def as_table(rows: list[Row]) -> Table:
    """The measurements beside what was promised."""
    table = Table("what", "target", "measured", "")
    for row in rows:
        table.add_row(row.what, row.target, row.measured, "kept" if row.kept else "MISSED")
    return table


if __name__ == "__main__":
    sys.exit(main())
