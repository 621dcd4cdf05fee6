"""What the agent of a run writes, told line by line beside what becomes of the run."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pressplay.cli.pods import choose, pods_of, waiting_reason
from pressplay.cli.runs import Run
from pressplay.cli.show import shown
from pressplay.kube.access import Access, Refused, Unreachable, objects
from pressplay.resources.names import RUNNER_CONTAINER

LOOK_AGAIN_SECONDS = 1.0
# A container's last lines come after its end is known.
LAST_LINES_SECONDS = 3.0
WIDTH = 200


class Tail:
    """Follows the pods of a run, one attempt after the other, as long as it is entered.

    Losing sight of a pod is no error: what counts is told by the run's status.
    """

    def __init__(self, access: Access, run: Run, tell: Callable[[str], None]) -> None:
        self._access = access
        self._run = run
        self._tell = tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(LAST_LINES_SECONDS)

    def _follow(self) -> None:
        seen: set[str] = set()
        while not self._over.is_set():
            try:
                pod = choose(pods_of(self._access, self._run), None)
                if pod and pod["metadata"]["uid"] not in seen and waiting_reason(pod, RUNNER_CONTAINER) is None:
                    seen.add(pod["metadata"]["uid"])
                    self._print(pod["metadata"]["name"])
                    continue
            except (Refused, Unreachable):
                pass
            self._over.wait(LOOK_AGAIN_SECONDS)

    def _print(self, pod: str) -> None:
        path = objects("v1", "pods", self._access.namespace, pod, "log")
        for line in self._access.lines(path, None, container=RUNNER_CONTAINER, follow="true"):
            self._tell(f"          {shown(line.decode(errors='replace').rstrip())[:WIDTH]}")
