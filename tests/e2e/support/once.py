"""What the processes of one test run do together once: bring the cluster up, sweep it, install the product."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path


def once(folder: Path, what: str, do: Callable[[], None]) -> None:
    """Do something unless another process of this run has done it; where it fails, each of them tries and fails.

    Args:
        folder: that all processes of the run share, and no other run.
        what: one word for it.
    """
    done = folder / f"{what}.done"
    with (folder / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            do()
            done.touch()


def is_one_of_several() -> bool:
    """Whether other processes run tests beside this one."""
    return "PYTEST_XDIST_WORKER" in os.environ
