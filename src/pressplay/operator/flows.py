"""Workflows for the flows that events want: made once, stopped when they are stale, and woken.

The gateway says what is due, and says it again until it is told that it is done; names follow from key and generation.
So it does not matter where an operator dies.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from pressplay.kube import argo
from pressplay.kube.access import Access, Refused, Unreachable, objects
from pressplay.kube.argo import ArgoServer
from pressplay.operator import gateway as gateways
from pressplay.operator.metrics import Metrics
from pressplay.protocol.flows import Due, DueFlow, DueWake
from pressplay.resources import names

LOG = logging.getLogger(__name__)
# The gateway answers as soon as there is something.
WAIT_SECONDS: Final = 20.0
PAUSE_SECONDS: Final = 5.0
SWEEP_SECONDS: Final = 10.0


@dataclass
class FlowMaker:
    """Makes, stops and wakes Workflows in one namespace.

    Attributes:
        active: whether it may; a standby does nothing.
        look, wake: have a Workflow be looked at; have its gates be asked anew. By namespace and name.
    """

    access: Access
    gateway: gateways.Gateway
    server: ArgoServer
    metrics: Metrics
    namespace: str
    active: asyncio.Event
    look: Callable[[str, str], None]
    wake: Callable[[str, str], None]
    _swept: float = field(default=0.0)

    async def run(self) -> None:
        """Work, until cancelled."""
        while True:
            await self.active.wait()
            try:
                due = await self.gateway.due_flows(WAIT_SECONDS)
                # It may have waited so long that another is at work now.
                if self.active.is_set():
                    await self.step(due)
            except (Refused, Unreachable, gateways.NotReady, gateways.Refused) as error:
                self.metrics.failures.labels("flows").inc()
                LOG.warning("flows are looked at again in %.0f s: %s", PAUSE_SECONDS, error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def step(self, due: Due) -> None:
        """Do what is due.

        Raises:
            kube's errors, gateways.NotReady: not all of it was done.
        """
        broken: list[Exception] = []
        for flow, work in (*((flow, self._make) for flow in due.make), *((flow, self._stop) for flow in due.stop)):
            try:
                await work(flow)
            except (Refused, Unreachable, gateways.NotReady, gateways.Refused) as error:
                # One that cannot be made must not hold up those behind it.
                LOG.warning("flow %s of %s: %s", flow.flow, flow.key, error)
                broken.append(error)
        if due.wakes:
            await self._wake(due.wakes)
        if due.live and time.monotonic() - self._swept > SWEEP_SECONDS:
            self._swept = time.monotonic()
            await self._sweep(due.live)
        if broken:
            raise broken[0]

    async def _make(self, flow: DueFlow) -> None:
        wanted = build_workflow(flow, self.namespace)
        try:
            await asyncio.to_thread(self.access.create, self._path(), wanted)
        except Refused as refused:
            if refused.status != HTTPStatus.CONFLICT:
                raise
            there = await self._find(flow)
            if there is not None and not _same_flow(there, wanted):
                raise Unreachable(
                    f"a Workflow {workflow_name(flow)} is there already and not for it; delete it"
                ) from None
        await self.gateway.flow_news(flow.id, "made")
        self.metrics.flows.labels(flow.flow, "made").inc()
        self.look(self.namespace, workflow_name(flow))

    async def _stop(self, flow: DueFlow) -> None:
        # The server refuses to end what has ended.
        there = await self._find(flow)
        if there is not None and not argo.has_ended(there):
            await self.server.terminate(self.namespace, workflow_name(flow))
        await self.gateway.flow_news(flow.id, "ended")
        self.metrics.flows.labels(flow.flow, "stopped").inc()

    async def _find(self, flow: DueFlow) -> dict[str, Any] | None:
        return await asyncio.to_thread(self.access.find, f"{self._path()}/{workflow_name(flow)}")

    async def _wake(self, wakes: Iterable[DueWake]) -> None:
        for wake in wakes:
            about = f"{names.REPOSITORY_ID}={wake.repository_id},{names.SUBJECT}={label_of(wake.subject)}"
            for item in await self._listed(f"{about},{argo.NOT_COMPLETED}"):
                self.wake(self.namespace, item["metadata"]["name"])
                self.look(self.namespace, item["metadata"]["name"])
            if wake.parked:
                await self._park(await self._listed(about), wake.parked)
        await self.gateway.seen([wake.id for wake in wakes])

    async def _park(self, flows: Iterable[dict[str, Any]], why: str) -> None:
        """Have the latest flow of a subject say why none follows it."""
        latest = max(
            (item["metadata"] for item in flows), key=lambda meta: str(meta["creationTimestamp"]), default=None
        )  # fmt: skip
        if latest is None or (latest.get("annotations") or {}).get(names.PARKED) == why:
            return
        told = {"metadata": {"annotations": {names.PARKED: why}}}
        await asyncio.to_thread(self.access.patch, f"{self._path()}/{latest['name']}", told)
        self.metrics.flows.labels(latest["labels"][names.FLOW], "parked").inc()

    async def _sweep(self, live: Iterable[DueFlow]) -> None:
        """Tell of flows that were made and have ended, or are gone."""
        there = {item["metadata"]["name"] for item in await self._listed(f"{names.FLOW},{argo.NOT_COMPLETED}")}
        for flow in live:
            if workflow_name(flow) not in there:
                await self.gateway.flow_news(flow.id, "ended")
                self.metrics.flows.labels(flow.flow, "ended").inc()

    async def _listed(self, selector: str) -> list[dict[str, Any]]:
        listed = await asyncio.to_thread(lambda: self.access.metadata(self._path(), labelSelector=selector))
        found: list[dict[str, Any]] = listed["items"]
        return found

    def _path(self) -> str:
        return objects(argo.API_VERSION, argo.PLURAL, self.namespace)


def workflow_name(flow: DueFlow) -> str:
    """One name a key and generation: a second try finds what the first has made. A person names his own."""
    if flow.workflow:
        return flow.workflow
    digest = hashlib.sha256(f"{flow.key}#{flow.generation}".encode()).hexdigest()[:10]
    return f"{flow.flow}-{digest}"


def build_workflow(flow: DueFlow, namespace: str) -> dict[str, Any]:
    """The Workflow of a flow: the template of that name, with ids, names and commits as arguments."""
    parameters = [{"name": name, "value": value} for name, value in sorted(flow.parameters.items())]
    return {
        "apiVersion": argo.API_VERSION,
        "kind": "Workflow",
        "metadata": {
            "name": workflow_name(flow),
            "namespace": namespace,
            "labels": {
                names.MANAGED_BY: names.MANAGER,
                names.FLOW: flow.flow,
                names.FLOW_ID: str(flow.id),
                names.REPOSITORY_ID: str(flow.repository_id),
                names.SUBJECT: label_of(flow.subject),
            },
            "annotations": {names.FLOW_KEY: f"{flow.key}#{flow.generation}"},
        },
        "spec": {"workflowTemplateRef": {"name": flow.flow}, "arguments": {"parameters": parameters}},
    }


def _same_flow(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    key = names.FLOW_KEY
    told: str | None = (there["metadata"].get("annotations") or {}).get(key)
    return told is not None and told == wanted["metadata"]["annotations"][key]


def label_of(subject: str) -> str:
    """A subject as a label: as it reads where it is short and plain, else a digest."""
    plain = subject.replace(":", "-")
    if len(plain) <= 63 and re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", plain):
        return plain
    return hashlib.sha256(subject.encode()).hexdigest()[:40]
