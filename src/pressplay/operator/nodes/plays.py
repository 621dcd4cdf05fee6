"""Plays: reads what became of their tasks' Workflows, makes the next ones, and ends them with a play that is ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pressplay.kube import argo
from pressplay.kube.access import Access, Refused, objects
from pressplay.kube.argo import ArgoServer, SuspendedNode, Workflow
from pressplay.operator import gateway as gateways
from pressplay.operator.nodes import tasks
from pressplay.operator.nodes.contract import BadInput, Operation, check_outputs, checked, operation_of, supplied
from pressplay.operator.nodes.decide import LONGEST_MESSAGE, LOOK_AGAIN, Complete, Wait, refused
from pressplay.operator.nodes.tasks import Adopt, Asking, Begin, Child, Ended
from pressplay.planner.plays import FLOW as PLAY_FLOW
from pressplay.planner.plays import at_work
from pressplay.protocol.gates import GateAnswer, GateAsked
from pressplay.resources import names

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plays:
    """Works on nodes that are tasks of a play."""

    access: Access
    gateway: gateways.Gateway
    server: ArgoServer

    async def work(
        self, workflow: Workflow, nodes: Sequence[SuspendedNode]
    ) -> list[tuple[SuspendedNode, Complete | Wait]]:
        """Have tasks begin whose turn it is; answers what follows for each node.

        Raises:
            kube's errors: look again.
        """
        every, found = _read(workflow, nodes)
        if not every:
            return found
        children = await self._children(workflow.namespace, workflow.labels[names.PLAY])
        ended = {id(asked): child for asked in every if (child := tasks.latest(asked, children)) and child.ended}
        asked_of = [(asked, ended[id(asked)]) for asked in every if id(asked) in ended]
        told = await asyncio.gather(*(self._came_to(workflow, asked, child) for asked, child in asked_of))
        answers = {child.uid: answer for (_, child), answer in zip(asked_of, told, strict=True)}
        by_node = tasks.courses(workflow, every, children, answers)
        for asked in every:
            course = by_node[asked.node.id]
            if isinstance(course, Begin):
                found.append((asked.node, await self._begin(workflow, asked, course.manifest)))
            elif isinstance(course, Adopt):
                await self._adopt(workflow, course)
                found.append((asked.node, Wait(LOOK_AGAIN, at_work(course.child))))
            elif isinstance(course, Ended):
                found.append((asked.node, _completed(asked, course.answer)))
            else:
                found.append((asked.node, Wait(LOOK_AGAIN, course.message[:LONGEST_MESSAGE])))
        return found

    async def end(self, workflow: Workflow) -> None:
        """End what is at work for a play that somebody has ended; a newer one has made that its own.

        Raises:
            kube's errors, Unserved: not all of it was ended.
        """
        play = workflow.labels.get(names.PLAY, "")
        if not play or names.SUCCEEDED_BY in workflow.annotations:
            return
        for child in await self._children(workflow.namespace, play):
            if not child.ended and child.node.startswith(f"{workflow.uid}/"):
                LOG.info("%s/%s is ended with its play %s", workflow.namespace, child.name, play)
                await self.server.terminate(workflow.namespace, child.name)

    async def of_task(self, workflow: Workflow, look: Callable[[str, str], None]) -> None:
        """Have the play look whose task has ended."""
        play = workflow.labels.get(names.PLAY, "")
        selector = f"{names.PLAY}={play},{names.FLOW}={PLAY_FLOW},{argo.NOT_COMPLETED}"
        for item in await self._listed(workflow.namespace, selector):
            look(workflow.namespace, item["metadata"]["name"])

    async def _children(self, namespace: str, play: str) -> list[Child]:
        selector = f"{names.PLAY}={play},{names.FLOW}={tasks.TASK_FLOW}"
        return [tasks.child_of(item) for item in await self._listed(namespace, selector)]

    async def _listed(self, namespace: str, selector: str) -> list[dict[str, Any]]:
        path = objects(argo.API_VERSION, argo.PLURAL, namespace)
        listed = await asyncio.to_thread(lambda: self.access.metadata(path, labelSelector=selector))
        found: list[dict[str, Any]] = listed["items"]
        return found

    async def _came_to(self, workflow: Workflow, asked: Asking, child: Child) -> GateAnswer:
        """What a task's Workflow came to: what its nodes say of themselves is no evidence."""
        inputs = {"repository": asked.given["repository"], "flow-uid": child.uid}
        told = GateAsked(
            workflow=workflow.name, node=asked.node.id, since=asked.node.started.timestamp(), inputs=inputs
        )
        try:
            return await self.gateway.gate("task", told)
        except gateways.NotReady as error:
            return GateAnswer(verdict=None, message=str(error))
        except gateways.Refused as error:
            return GateAnswer(verdict=None, message=error.refusal.message)

    async def _adopt(self, workflow: Workflow, course: Adopt) -> None:
        path = objects(argo.API_VERSION, argo.PLURAL, workflow.namespace, course.child)
        told = {"metadata": {"annotations": {names.NODE: course.node}}}
        await asyncio.to_thread(self.access.patch, path, told)

    async def _begin(self, workflow: Workflow, asked: Asking, manifest: Mapping[str, Any]) -> Complete | Wait:
        path = objects(argo.API_VERSION, argo.PLURAL, workflow.namespace)
        try:
            await asyncio.to_thread(self.access.create, path, manifest)
        except Refused as refusal:
            if refusal.status in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.BAD_REQUEST):
                return refused(asked.node, f"its Workflow cannot be made: {refusal.message}")
            # One that is there was made by a look that was cut short. A quota has room again some time.
            if refusal.status != HTTPStatus.CONFLICT:
                return Wait(LOOK_AGAIN, f"its Workflow may not be made: {refusal.message}"[:LONGEST_MESSAGE])
        return Wait(LOOK_AGAIN, at_work(manifest["metadata"]["name"]))


def _read(
    workflow: Workflow, nodes: Sequence[SuspendedNode]
) -> tuple[list[Asking], list[tuple[SuspendedNode, Complete | Wait]]]:
    """What nodes ask for, and the end of those that ask for what cannot be."""
    every: list[Asking] = []
    found: list[tuple[SuspendedNode, Complete | Wait]] = []
    for node in nodes:
        try:
            check_outputs(node, Operation.TASK)
            asked = tasks.asking(workflow, node, checked(node))
            if asked.identity in [each.identity for each in every]:
                raise BadInput(f"parameter task-id: another node asks for {asked.identity}, too")
            every.append(asked)
        except BadInput as error:
            found.append((node, refused(node, str(error))))
    return every, found


def _completed(asked: Asking, answer: GateAnswer) -> Complete:
    verdict = answer.verdict or ""
    outputs = supplied(asked.node, {**answer.outputs, "verdict": verdict})
    return Complete("Succeeded", outputs, f"{verdict}: {answer.message}"[:LONGEST_MESSAGE])


def is_task(node: SuspendedNode) -> bool:
    """Whether a node is a task of a play."""
    try:
        return operation_of(node) is Operation.TASK
    except BadInput:
        return False
