"""How the bench finds processes and measures them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.bench import cluster_bench as bench


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """A process and its child; both run until the test ends."""
    with subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        child = int(shell.stdout.readline())
        yield shell.pid, child
        os.kill(child, signal.SIGKILL)


def test_a_processs_children_and_theirs_belong_to_it(family: tuple[int, int]) -> None:
    parent, child = family
    assert {parent, child} <= bench.descendants({os.getpid()})
    assert os.getpid() not in bench.descendants({parent})


def test_memory_is_counted_in_bytes() -> None:
    held = bytearray(os.urandom(64)) * (1024 * 1024)  # 64 MiB that are really there
    assert bench.pss(os.getpid()) > len(held)


def test_a_process_that_is_gone_has_no_memory_and_used_no_time() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert bench.pss(gone.pid) == 0
    assert bench.cpu_seconds({gone.pid}) == 0


def test_the_time_that_processes_used_grows() -> None:
    before = bench.cpu_seconds({os.getpid()})
    while bench.cpu_seconds({os.getpid()}) == before:
        pass
    assert bench.cpu_seconds({os.getpid()}) > before


@pytest.mark.parametrize(("target", "kept"), [(60, True), (0, False)])
def test_a_target_is_kept_or_missed(target: float, kept: bool) -> None:
    assert bench.timed("nothing", target, lambda: None).kept is kept
