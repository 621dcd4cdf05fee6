"""Which operator is at work: the one that holds the Lease (coordination.k8s.io/v1). It stops before another begins."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pressplay.kube.access import Access, Refused, Unreachable, objects

LOG = logging.getLogger(__name__)
NAME = "pressplay-operator"
HOLD_SECONDS = 15
RENEW_SECONDS = 4.0
# The holder gives up so long before others may take over.
SAFETY_SECONDS = 4.0


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

    async def run(self) -> None:
        """Take part, until cancelled; then let go."""
        renewed = time.monotonic()
        try:
            while True:
                try:
                    held = await asyncio.to_thread(self._try)
                except (Refused, Unreachable) as error:
                    LOG.warning("the lease cannot be had: %s", error)
                    held = self._leading and time.monotonic() - renewed < HOLD_SECONDS - SAFETY_SECONDS
                else:
                    renewed = time.monotonic() if held else renewed
                self._tell(held)
                await asyncio.sleep(RENEW_SECONDS)
        finally:
            self._tell(False)
            with suppress(Refused, Unreachable):
                await asyncio.to_thread(self._release)

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
        spec = lease["spec"]
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
            if refused.status == 409:
                return False
            raise
        return True

    def _release(self) -> None:
        lease = self._find()
        if lease is not None and lease["spec"].get("holderIdentity") == self.identity:
            self.access.replace(self._path(NAME), {**lease, "spec": {**lease["spec"], "holderIdentity": ""}})

    def _find(self) -> dict[str, Any] | None:
        try:
            return self.access.get(self._path(NAME))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def _path(self, name: str) -> str:
        return objects("coordination.k8s.io/v1", "leases", self.namespace, name)

    def _spec(self) -> dict[str, Any]:
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"holderIdentity": self.identity, "leaseDurationSeconds": HOLD_SECONDS, "renewTime": moment}
