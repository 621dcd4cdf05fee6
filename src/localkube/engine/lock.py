"""The lock under which one process at a time changes an engine of our own."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from localkube.engine.home import EngineHome
from localkube.engine.processes import POLL_SECONDS
from localkube.errors import LocalKubeError

LOCK_SECONDS = 300.0

Say = Callable[[str], None]


@contextmanager
def locked(home: EngineHome, say: Say) -> Iterator[None]:
    """Only one process at a time changes an engine. The kernel lets go of the lock when its holder dies."""
    home.lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(home.lock, say)
    try:
        yield
    finally:
        if not home.lib_dir.exists():
            home.lock.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path, say: Say) -> int:
    deadline = time.monotonic() + LOCK_SECONDS
    descriptor = _try_lock(path)
    if descriptor is None:
        say("waiting for another process that starts or stops the container engine")
    while descriptor is None:
        if time.monotonic() > deadline:
            raise LocalKubeError(
                f"another process has been starting or stopping the container engine for {LOCK_SECONDS:.0f} s",
                f"see which one with `fuser -v {path}`, end it, then try again",
            )
        time.sleep(POLL_SECONDS)
        descriptor = _try_lock(path)
    return descriptor


def _try_lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its holder may have removed the file that we opened; then the lock on it is worth nothing.
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    os.close(descriptor)
    return None
