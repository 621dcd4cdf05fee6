"""Following a run until it ends: what changes is told a line each, as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from pressplay.cli import runs
from pressplay.cli.describe import progress
from pressplay.cli.failures import Problem
from pressplay.kube.access import Access, Unreachable

# One watch's length; the API server may end it sooner.
WATCH_SECONDS = 60
PATIENCE_SECONDS = 30.0


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
    lost: float | None = None
    while not runs.finished(run) and (ends is None or clock() < ends):
        seconds = WATCH_SECONDS if ends is None else max(1, min(WATCH_SECONDS, int(ends - clock()) + 1))
        try:
            for seen in runs.changes(access, run, seconds):
                lost = None
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
        except Unreachable:
            # The run goes on, whether we can see it or not: a server that is started anew is waited for.
            lost = lost or clock()
            if clock() - lost > PATIENCE_SECONDS:
                raise
            time.sleep(1)
    return run
