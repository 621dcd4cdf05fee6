"""Which operator is at work: the one that holds the Lease (coordination.k8s.io/v1). It stops before another begins."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

from pressplay.kube.access import Access, Refused, Unreachable, objects

LOG = logging.getLogger(__name__)
NAME = "pressplay-operator"
HOLD_SECONDS = 15
RENEW_SECONDS = 4.0
# The holder gives up so long before others may take over.
SAFETY_SECONDS = 4.0
# A try makes two requests: it is over, and the next one made, before the holder must give up.
REQUEST_SECONDS = 2.5
T = TypeVar("T")


class NotLeading(Exception):
    """What was being done was ended, since another may lead now."""


@dataclass
class Leadership:
    """Whether this operator leads. What only a leader may do is done through here, and ended when it leads no more.

    Attributes:
        active: set while it leads.
    """

    active: asyncio.Event = field(default_factory=asyncio.Event)
    _doing: dict[asyncio.Future[Any], bool] = field(default_factory=dict)

    def tell(self, leads: bool) -> None:
        """It leads from now on, or no longer."""
        if leads:
            self.active.set()
            return
        self.active.clear()
        for task in self._doing:
            self._doing[task] = True
            task.cancel()

    async def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something as soon as it leads.

        Raises:
            NotLeading: it was ended, for this operator leads no more.
        """
        await self.active.wait()
        task = asyncio.ensure_future(work())
        self._doing[task] = False
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self._doing[task] and not (current is not None and current.cancelling()):
                raise NotLeading from None
            raise
        finally:
            del self._doing[task]


@dataclass
class Election:
    """One candidate.

    Attributes:
        lead: called with True when this one leads from now on, with False when it no longer does.
    """

    access: Access
    namespace: str
    identity: str
    lead: Callable[[bool], None]
    _leading: bool = False
    _seen: tuple[str, float] = ("", 0.0)
    _heard: float = field(default_factory=time.monotonic)
    _until: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Take part, until cancelled; then let go."""
        self.access = self.access.hurried(REQUEST_SECONDS)
        # Not the threads that everything else waits in: they may all be held up when it matters most.
        threads = ThreadPoolExecutor(2, "lease")
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = time.monotonic()
                try:
                    async with asyncio.timeout(2 * REQUEST_SECONDS):
                        held = await loop.run_in_executor(threads, self._try)
                except (Refused, Unreachable, TimeoutError) as error:
                    LOG.warning("the lease cannot be had: %s", str(error) or "no answer in time")
                else:
                    self._heard = time.monotonic()
                    self._heard_of(held, began)
                await asyncio.sleep(RENEW_SECONDS)
        finally:
            self._tell(False)
            with suppress(Refused, Unreachable):
                await loop.run_in_executor(threads, self._release)
            threads.shutdown(wait=False, cancel_futures=True)

    def silent(self) -> float:
        """Seconds since the API server has last answered."""
        return time.monotonic() - self._heard

    def _heard_of(self, held: bool, began: float) -> None:
        """Lead, if at all, until a moment that no answer can put off: counted from before the Lease was asked for."""
        left = began + HOLD_SECONDS - SAFETY_SECONDS - time.monotonic()
        if self._until is not None:
            self._until.cancel()
        held = held and left > 0
        if held:
            self._until = asyncio.get_running_loop().call_later(left, self._tell, False)
        self._tell(held)

    def _tell(self, leads: bool) -> None:
        if leads != self._leading:
            self._leading = leads
            LOG.info("this operator %s", "leads" if leads else "stands by")
            self.lead(leads)

    def _try(self) -> bool:
        lease = self._find()
        if lease is None:
            meta = {"name": NAME, "namespace": self.namespace}
            kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta}
            self.access.create(self._path(""), {**kind, "spec": self._spec()})
            return True
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        # By our own clock since we saw it change: clocks of nodes differ.
        stamp = f"{holder} {spec.get('renewTime')}"
        if stamp != self._seen[0]:
            self._seen = (stamp, time.monotonic())
        expired = time.monotonic() - self._seen[1] > int(spec.get("leaseDurationSeconds") or HOLD_SECONDS)
        if holder not in ("", self.identity) and not expired:
            return False
        # With the version that was seen: of two that try, one gets it.
        try:
            self.access.replace(self._path(NAME), {**lease, "spec": {**spec, **self._spec()}})
        except Refused as refused:
            if refused.status == HTTPStatus.CONFLICT:
                return False
            raise
        return True

    def _release(self) -> None:
        lease = self._find()
        if lease is not None and (lease.get("spec") or {}).get("holderIdentity") == self.identity:
            self.access.replace(self._path(NAME), {**lease, "spec": {**lease["spec"], "holderIdentity": ""}})

    def _find(self) -> dict[str, Any] | None:
        return self.access.find(self._path(NAME))

    def _path(self, name: str) -> str:
        return objects("coordination.k8s.io/v1", "leases", self.namespace, name)

    def _spec(self) -> dict[str, Any]:
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"holderIdentity": self.identity, "leaseDurationSeconds": HOLD_SECONDS, "renewTime": moment}
