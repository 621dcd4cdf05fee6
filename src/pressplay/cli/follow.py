"""Following a run until it ends: what changes is told a line each, as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pressplay.cli import runs
from pressplay.cli.describe import progress
from pressplay.cli.failures import Problem
from pressplay.kube.access import Access, Unreachable

# One watch's length; the API server may end it sooner.
WATCH_SECONDS = 60
PATIENCE_SECONDS = 30.0


@dataclass
class Patience:
    """With a cluster that does not answer: what is watched goes on, and a server that is started anew is waited for."""

    clock: Callable[[], float] = time.monotonic
    _lost: float | None = None

    def seen(self) -> None:
        """It answered."""
        self._lost = None

    def unseen(self, error: Unreachable) -> None:
        """It did not: wait a moment.

        Raises:
            Unreachable: it has not for long.
        """
        self._lost = self._lost or self.clock()
        if self.clock() - self._lost > PATIENCE_SECONDS:
            raise error
        time.sleep(1)


def until_finished(
    access: Access,
    run: runs.Run,
    tell: Callable[[str], None],
    timeout: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = runs.now,
) -> runs.Run:
    """Wait for the end of a run; answers the run as it was last, finished or not.

    Args:
        tell: is given a line at each change.
        timeout: seconds to wait; None for as long as it takes.

    Raises:
        Problem: the run was deleted.
    """
    ends = None if timeout is None else clock() + timeout
    last = ""
    patience = Patience(clock)
    while not runs.finished(run) and (ends is None or clock() < ends):
        seconds = WATCH_SECONDS if ends is None else max(1, min(WATCH_SECONDS, int(ends - clock()) + 1))
        try:
            for seen in runs.changes(access, run, seconds):
                patience.seen()
                if seen is None:
                    name = run["metadata"]["name"]
                    raise Problem(f"{name} was deleted", "nothing more happens; `pressplay get` lists the others")
                run = {"kind": run["kind"], "apiVersion": run["apiVersion"], **seen}
                line = progress(run)
                if line != last and not runs.finished(run):
                    tell(f"{now().astimezone():%H:%M:%S}  {line}")
                last = line
                if runs.finished(run) or (ends is not None and clock() >= ends):
                    break
        except Unreachable as error:
            patience.unseen(error)
    return run
