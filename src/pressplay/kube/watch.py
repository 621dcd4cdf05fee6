"""Names of a collection's objects, told whenever one comes, changes or goes: a list, then a watch, then both again.

Told is that somebody should look, never what was seen: an event that is lost or comes twice does no harm. A thread of
its own reads, since the client is a synchronous one; it ends with the process.
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pressplay.kube.access import Access, Refused, Unreachable

LOG = logging.getLogger(__name__)
WATCH_SECONDS = 300
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
EXPIRED = 410


@dataclass
class Watch:
    """One collection.

    Attributes:
        what: for people: what it is that is watched.
        selector: of labels.
        seen: told namespace and name, in the loop that `run` is called in.
    """

    access: Access
    path: str
    what: str
    selector: str
    seen: Callable[[str, str], None]
    _ended: threading.Event = field(default_factory=threading.Event)

    async def run(self) -> None:
        """Watch, until cancelled."""
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()

        def fail(error: BaseException) -> None:
            if not over.done():
                over.set_exception(error)

        def work() -> None:
            try:
                self._work(loop)
            except BaseException as error:  # noqa: BLE001 - told where it is awaited
                loop.call_soon_threadsafe(fail, error)

        threading.Thread(target=work, name=f"watch {self.what}", daemon=True).start()
        try:
            await over
        finally:
            self._ended.set()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        wait, version = FIRST_WAIT, ""
        while not self._ended.is_set():
            try:
                version = version or self._list(loop)
                version = self._follow(loop, version)
                wait = FIRST_WAIT
            except (Refused, Unreachable) as error:
                LOG.warning("%s cannot be watched, again in %.0f s: %s", self.what, wait, error)
            # Whatever is odd about one event, those after it are told.
            except Exception:
                LOG.exception("%s cannot be watched, again in %.0f s", self.what, wait)
            else:
                continue
            # What happened meanwhile is seen by listing anew.
            version = ""
            self._ended.wait(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    def _list(self, loop: asyncio.AbstractEventLoop) -> str:
        listed = self.access.metadata(self.path, labelSelector=self.selector)
        for item in listed["items"]:
            self._tell(loop, item)
        return str(listed["metadata"]["resourceVersion"])

    def _follow(self, loop: asyncio.AbstractEventLoop, version: str) -> str:
        """Tell of changes until the API server ends the watch; answers where to go on, empty to list anew."""
        began = time.monotonic()
        query = {"labelSelector": self.selector, "resourceVersion": version, "allowWatchBookmarks": "true"}
        for event in self.access.watch(self.path, WATCH_SECONDS, metadata=True, **query):
            if event["type"] == "ERROR":
                told = event["object"]
                if told.get("code") == EXPIRED:
                    return ""
                raise Refused(int(told.get("code") or 500), str(told.get("reason")), str(told.get("message")))
            version = str(event["object"]["metadata"]["resourceVersion"])
            if event["type"] != "BOOKMARK":
                self._tell(loop, event["object"])
        if time.monotonic() - began < FIRST_WAIT:
            # One that ends at once would be begun again without a pause.
            self._ended.wait(FIRST_WAIT)
        return version

    def _tell(self, loop: asyncio.AbstractEventLoop, item: dict[str, Any]) -> None:
        if self._ended.is_set():
            # The loop may be closed by now.
            return
        meta = item["metadata"]
        loop.call_soon_threadsafe(self.seen, str(meta["namespace"]), str(meta["name"]))
