"""`python -m pressplay.runner [prepare]`: the init container and the runner of a run's pod.

Takes the signal to end before it loads the rest: a container's first process is spared every signal that it has not
asked for, so the kubelet would wait for the pod's whole grace period where one is ended while it loads.
"""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

from pressplay.resources.exits import RunnerExit


def main() -> int:
    """Load the program and run it; answers the exit code."""
    signal.signal(signal.SIGTERM, _leave)
    from pressplay.runner import program

    return program.main()


def _leave(*_: object) -> NoReturn:
    sys.exit(RunnerExit.ENDED_FROM_OUTSIDE)


if __name__ == "__main__":
    sys.exit(main())
