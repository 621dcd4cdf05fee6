"""One look at one Workflow: its waiting nodes and their runs are read, what follows is decided, and done.

Everything is read anew. A look that is cut short is made again and finds what was done: names follow from the node and
its start, and a node that was completed waits no more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pressplay.kube import argo
from pressplay.kube.access import Access, Refused, Unreachable, objects
from pressplay.kube.argo import ArgoServer, Offloaded, SuspendedNode, Workflow, read_workflow
from pressplay.operator import gateway as gateways
from pressplay.operator.metrics import Metrics
from pressplay.operator.nodes.contract import OPERATION, Operation
from pressplay.operator.nodes.decide import (
    Action,
    Ask,
    Cancel,
    Complete,
    Create,
    Observed,
    Wait,
    decide,
    executable,
    refused,
)
from pressplay.operator.nodes.ledger import record, report, seen
from pressplay.operator.nodes.plays import Plays, is_task
from pressplay.operator.nodes.retry import grant
from pressplay.operator.nodes.runs import NodeRun, earlier_of, read_run, run_name
from pressplay.operator.nodes.tasks import TASK_FLOW
from pressplay.planner.plays import FLOW as PLAY_FLOW
from pressplay.protocol.gates import OF_OPERATION, GateAnswer, GateAsked
from pressplay.resources import names
from pressplay.resources.base import API_VERSION, PLURALS

LOG = logging.getLogger(__name__)
KIND = "Workflow"
UNAVAILABLE_WAIT = 10.0
# One message is four calls of the API server's.
TELL_SECONDS = 10.0
# Longer than a controller with much to do takes; some completed nodes leave it nothing to write, so not for ever.
NUDGE_SECONDS = 5.0
MOST_NUDGES = 2


@dataclass
class Memory:
    """What is remembered of a Workflow between two looks: only when something was done last, so it may be lost.

    Attributes:
        asked: by a node's id and start, the moment from which its gate may be asked again: one that is retried
            keeps its id and is asked at once.
        woken: how often something came that gates may wait for.
        told: when a message was last shown.
        version: of the Workflow as a completed node left it, "?" where that is not known, "" where it was taken up.
        since: when it was seen; `nudges`, how often its controller was woken since.
        recorded: the moment from which the ledger may be told of it again, where it did not take it.
        kinds: of runs that its nodes have asked for; all that there are, until it has been looked at.
    """

    uid: str
    asked: dict[tuple[str, datetime], float] = field(default_factory=dict)
    woken: int = 0
    told: float = float("-inf")
    version: str = ""
    since: float = 0.0
    nudges: int = 0
    recorded: float = 0.0
    kinds: frozenset[str] = frozenset(PLURALS)

    def completed(self, version: str) -> None:
        """A node has been, and the controller is to go on."""
        self.version, self.since, self.nudges = version, time.monotonic(), 0


@dataclass
class NodeWorker:
    """Looks at Workflows.

    Attributes:
        now: with a zone.
        also: have another Workflow be looked at, by namespace and name.
    """

    access: Access
    gateway: gateways.Gateway
    server: ArgoServer
    metrics: Metrics
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    also: Callable[[str, str], None] = lambda _namespace, _name: None
    _known: dict[tuple[str, str], Memory] = field(default_factory=dict)

    async def look(self, namespace: str, name: str) -> float | None:
        """Look at a Workflow; answers the seconds until the next look, None where an event will say.

        Raises:
            kube's errors, Unserved: look again.
        """
        workflow = await self._read(namespace, name)
        if workflow is None:
            self._known.pop((namespace, name), None)
            return None
        if await grant(self.access, self.server, self.gateway, workflow):
            # Its event brings the next look.
            return UNAVAILABLE_WAIT
        memory = self._remembered(workflow)
        workflow = await self._recorded(workflow, memory)
        runs = await self._runs(workflow, memory)
        nodes = [node for node in workflow.waiting if executable(workflow, node)]
        wanted = {run_name(workflow, node) for node in nodes}
        for run in runs.values():
            if run.name not in wanted and run.ended is None and not run.cancelled:
                await self._cancel(workflow, run)
        resumed = [node.name for node in workflow.resumed if OPERATION in node.inputs and not node.on_exit]
        if resumed and not workflow.finished and not workflow.shutdown:
            return await self._stop(workflow, resumed)
        # First: it goes by the version that was read, and work makes others.
        waits = [*await self._nudge(workflow, memory), *await self._work(workflow, memory, nodes, runs)]
        await self._follow_end(workflow)
        if workflow.finished:
            self._known.pop((namespace, name), None)
        return min(waits, default=None)

    async def _follow_end(self, workflow: Workflow) -> None:
        """What the end of a play means for its tasks, and that of a task for its play."""
        flow = workflow.labels.get(names.FLOW)
        if flow == PLAY_FLOW and workflow.shutdown:
            await self._plays.end(workflow)
        if flow == TASK_FLOW and workflow.finished and workflow.labels.get(names.PLAY):
            await self._plays.of_task(workflow, self.also)

    @property
    def _plays(self) -> Plays:
        return Plays(self.access, self.gateway, self.server)

    def wake(self, namespace: str, name: str) -> None:
        """Something has come that the Workflow's gates may wait for: the next look asks anew."""
        memory = self._known.get((namespace, name))
        if memory is not None:
            memory.woken += 1
            memory.asked.clear()

    def _remembered(self, workflow: Workflow) -> Memory:
        key = (workflow.namespace, workflow.name)
        if key not in self._known or self._known[key].uid != workflow.uid:
            self._known[key] = Memory(workflow.uid)
            if workflow.answered and not workflow.waiting:
                # Whoever completed them may not have lived to see it taken up.
                self._known[key].completed("?")
        return self._known[key]

    async def _recorded(self, workflow: Workflow, memory: Memory) -> Workflow:
        """Have the ledger know a flow that a person submitted; where it cannot now, nothing waits for that."""
        told = seen(workflow)
        if told is None or time.monotonic() < memory.recorded:
            return workflow
        try:
            return await record(self.access, self.gateway, workflow, told)
        except gateways.Refused as error:
            memory.recorded = float("inf")
            LOG.info("%s/%s is not in the ledger: %s", workflow.namespace, workflow.name, error)
        except (Refused, Unreachable, gateways.NotReady) as error:
            if names.PLAY in workflow.labels:
                # By its runs in the ledger it is found out whether the task is merged, so none begins unknown.
                raise Unreachable(str(error)) from None
            memory.recorded = time.monotonic() + UNAVAILABLE_WAIT
            LOG.info("%s/%s is not in the ledger yet: %s", workflow.namespace, workflow.name, error)
        return workflow

    async def _work(
        self, workflow: Workflow, memory: Memory, nodes: Sequence[SuspendedNode], runs: Mapping[str, NodeRun]
    ) -> list[float]:
        """Work on all nodes, gates last and asked together: nothing that is known waits for what has to be asked.

        Raises:
            as `look`, when all nodes have had their turn.
        """
        broken: list[Refused | Unreachable] = []
        waits: list[float] = []
        gates: list[tuple[SuspendedNode, Ask]] = []

        async def act(node: SuspendedNode, action: Action | None) -> None:
            try:
                wait = await self._act(workflow, memory, node, action)
            except (Refused, Unreachable) as error:
                broken.append(error)
            else:
                waits.extend([] if wait is None else [wait])

        of_play = [node for node in nodes if is_task(node)]
        for node, course in await self._plays.work(workflow, of_play) if of_play else ():
            await act(node, course)
        for node in (node for node in nodes if node not in of_play):
            run = runs.get(run_name(workflow, node))
            earlier = earlier_of(node, runs.values()) if run is None else None
            action = decide(Observed(workflow, node, run, None, self.now(), earlier))
            if isinstance(action, Ask):
                gates.append((node, action))
            else:
                await act(node, action)
        answers = await asyncio.gather(*(self._answer(workflow, memory, node, ask) for node, ask in gates))
        for (node, _), action in zip(gates, answers, strict=True):
            await act(node, action)
        if broken:
            raise broken[0]
        return waits

    async def _act(
        self, workflow: Workflow, memory: Memory, node: SuspendedNode, action: Action | None
    ) -> float | None:
        match action:
            case Create(manifest):
                return await self._create(workflow, memory, node, manifest)
            case Cancel(run):
                await self._cancel(workflow, run)
                return UNAVAILABLE_WAIT
            case Complete(phase, outputs, message):
                memory.completed("?")
                memory.completed(await self.server.complete(workflow, node.id, phase, outputs, message))
                operation = node.inputs.get(OPERATION, "")
                self.metrics.nodes.labels(operation if operation in set(Operation) else "unknown", phase).inc()
                # Its event brings the next look; this is for one that is lost, or overlooked by Argo's controller.
                return NUDGE_SECONDS
            case Wait(seconds, message):
                await self._tell(workflow, memory, node, message)
                return seconds
        return None

    async def _create(
        self, workflow: Workflow, memory: Memory, node: SuspendedNode, manifest: Mapping[str, Any]
    ) -> float | None:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        path = objects(API_VERSION, PLURALS[kind], workflow.namespace)
        try:
            await asyncio.to_thread(self.access.create, path, manifest)
        except Refused as refusal:
            if refusal.status == HTTPStatus.CONFLICT:
                found = await asyncio.to_thread(self.access.get, f"{path}/{name}")
                run = read_run({**found, "kind": kind})
                if run.owner == workflow.uid:
                    # Its label was taken off, so that it was not listed.
                    action = decide(Observed(workflow, node, run, None, self.now()))
                else:
                    action = refused(node, f"there is a {kind} {name} already that is none of this Workflow's")
                return await self._act(workflow, memory, node, action)
            if refusal.status in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.BAD_REQUEST):
                told = refused(node, f"the {kind} cannot be made: {refusal.message}")
                return await self._act(workflow, memory, node, told)
            if refusal.status == HTTPStatus.FORBIDDEN:
                # A quota has room again some time, and a right is given.
                await self._tell(workflow, memory, node, f"the {kind} may not be made: {refusal.message}")
            raise
        return UNAVAILABLE_WAIT

    async def _cancel(self, workflow: Workflow, run: NodeRun) -> None:
        path = objects(API_VERSION, PLURALS[run.kind], workflow.namespace, run.name)
        try:
            await asyncio.to_thread(self.access.patch, path, {"spec": {"cancel": True}})
        except Refused as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise

    async def _answer(self, workflow: Workflow, memory: Memory, node: SuspendedNode, ask: Ask) -> Action | None:
        """What follows for a gate; asks the gateway unless it was asked a moment ago and nothing has come since."""
        turn = (node.id, node.started)
        wait = memory.asked.get(turn, 0.0) - time.monotonic()
        if wait > 0:
            return Wait(wait)
        woken = memory.woken
        try:
            answer = await self._asked(workflow, node, ask)
        except gateways.NotReady as error:
            answer = GateAnswer(verdict=None, message=str(error), again=UNAVAILABLE_WAIT)
        except gateways.Refused as error:
            return refused(node, error.refusal.message)
        except ValueError:
            answer = GateAnswer(verdict=None, message="the gateway's answer cannot be read", again=UNAVAILABLE_WAIT)
        if memory.woken == woken:
            memory.asked[turn] = time.monotonic() + answer.again
        return decide(Observed(workflow, node, None, answer, self.now()))

    async def _asked(self, workflow: Workflow, node: SuspendedNode, ask: Ask) -> GateAnswer:
        if ask.operation is Operation.REPORT:
            return await report(self.gateway, workflow, ask.given["ended"])
        told = GateAsked(
            workflow=workflow.name, node=node.id, since=node.started.timestamp(), inputs=dict(ask.given)
        )  # fmt: skip
        return await self.gateway.gate(OF_OPERATION[ask.operation], told)

    async def _stop(self, workflow: Workflow, nodes: Sequence[str]) -> float:
        """End a flow that a person resumed by hand: without outputs nobody has found anything out, and it may hang."""
        told = f"{', '.join(nodes)[:500]}: resumed by hand, so it gave no outputs; submit the flow anew"
        path = objects(argo.API_VERSION, argo.PLURAL, workflow.namespace, workflow.name)
        body = {"metadata": {"annotations": {names.STOPPED: told}}, "spec": {"shutdown": "Stop"}}
        LOG.warning("%s/%s is stopped: %s", workflow.namespace, workflow.name, told)
        await asyncio.to_thread(self.access.patch, path, body)
        return UNAVAILABLE_WAIT

    async def _nudge(self, workflow: Workflow, memory: Memory) -> list[float]:
        """Wake Argo's controller where it overlooks that a node has ended; answers when to look whether it has.

        It keeps what it has written itself as the newest there is. Where a node is completed in the same moment, it
        goes by its own older copy for 20 minutes, unless the Workflow is written once more.
        """
        if not memory.version or workflow.finished:
            return []
        if memory.version not in ("?", workflow.version):
            memory.version = ""
            return []
        memory.version = workflow.version
        left = NUDGE_SECONDS - (time.monotonic() - memory.since)
        if left > 0:
            return [left]
        if memory.nudges >= MOST_NUDGES:
            memory.version = ""
            return []
        path = objects(argo.API_VERSION, argo.PLURAL, workflow.namespace, workflow.name)
        told = {"metadata": {"annotations": {names.NUDGED: self.now().isoformat(timespec="seconds")}}}
        answer = await asyncio.to_thread(self.access.patch, path, told)
        memory.version, memory.since = str(answer["metadata"]["resourceVersion"]), time.monotonic()
        memory.nudges += 1
        return [NUDGE_SECONDS]

    async def _tell(self, workflow: Workflow, memory: Memory, node: SuspendedNode, message: str) -> None:
        now = time.monotonic()
        if not message or message == node.message or now - memory.told < TELL_SECONDS:
            return
        memory.told = now
        try:
            await self.server.tell(workflow, node.id, message)
        except argo.Unserved as error:
            LOG.info("%s/%s shows no message: %s", workflow.namespace, workflow.name, error)

    async def _read(self, namespace: str, name: str) -> Workflow | None:
        body = await asyncio.to_thread(self.access.find, objects(argo.API_VERSION, argo.PLURAL, namespace, name))
        if body is None:
            return None
        try:
            return read_workflow(body)
        except Offloaded:
            return read_workflow(await self.server.read(namespace, name))
        except ValueError as error:
            raise Unreachable(f"its nodes cannot be read: {error}") from None

    async def _runs(self, workflow: Workflow, memory: Memory) -> dict[str, NodeRun]:
        def listed(kind: str) -> list[NodeRun]:
            selector = f"{names.WORKFLOW_UID}={workflow.uid}"
            path = objects(API_VERSION, PLURALS[kind], workflow.namespace)
            items = self.access.get(path, labelSelector=selector)["items"]
            return [read_run({**item, "kind": kind}) for item in items]

        asked = {node.inputs.get("kind") or "CodeRun" for node in workflow.waiting} & PLURALS.keys()
        kinds = memory.kinds | asked
        found = await asyncio.gather(*(asyncio.to_thread(listed, kind) for kind in kinds))
        # A label is anybody's to give.
        runs = {run.name: run for each in found for run in each if run.owner == workflow.uid}
        # What no node has asked for need not be listed again.
        first = memory.kinds == frozenset(PLURALS)
        memory.kinds = frozenset({run.kind for run in runs.values()} | asked) if first else kinds
        return runs
