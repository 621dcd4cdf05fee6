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
from pressplay.protocol.gates import GateAnswer, GateAsked
from pressplay.resources import names

LOG = logging.getLogger(__name__)
NOT_COMPLETED = f"{tasks.COMPLETED}!=true"


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
        children = await self._children(workflow.namespace, every[0].given["play"])
        ended = {id(asked): child for asked in every if (child := tasks.latest(asked, children)) and child.ended}
        asked_of = [(asked, ended[id(asked)]) for asked in every if id(asked) in ended]
        told = await asyncio.gather(*(self._came_to(workflow, asked, child) for asked, child in asked_of))
        answers = {child.uid: answer for (_, child), answer in zip(asked_of, told, strict=True)}
        by_node = tasks.courses(workflow, every, children, answers)
        for asked in every:
            course = by_node[asked.node.id]
            if isinstance(course, Begin):
                await self._begin(workflow, course.manifest)
                found.append((asked.node, Wait(LOOK_AGAIN, tasks.at_work(course.manifest["metadata"]["name"]))))
            elif isinstance(course, Adopt):
                await self._adopt(workflow, course)
                found.append((asked.node, Wait(LOOK_AGAIN, tasks.at_work(course.child))))
            elif isinstance(course, Ended):
                found.append((asked.node, _completed(asked, course.answer)))
            else:
                found.append((asked.node, Wait(LOOK_AGAIN, course.message[:LONGEST_MESSAGE])))
        return found

    async def end(self, workflow: Workflow) -> None:
        """End what is at work for a play that somebody has ended; not where a newer one goes on with it.

        Raises:
            kube's errors, Unserved: not all of it was ended.
        """
        play = workflow.labels.get(names.PLAY, "")
        if not play or names.SUCCEEDED_BY in workflow.annotations or await self._goes_on(workflow, play):
            return
        for child in await self._children(workflow.namespace, play):
            if not child.ended:
                LOG.info("%s/%s is ended with its play %s", workflow.namespace, child.name, play)
                await self.server.terminate(workflow.namespace, child.name)

    async def of_task(self, workflow: Workflow, look: Callable[[str, str], None]) -> None:
        """Have the play look whose task has ended."""
        play = workflow.labels.get(names.PLAY, "")
        selector = f"{names.PLAY}={play},{names.FLOW}={tasks.PLAY_FLOW},{NOT_COMPLETED}"
        for item in await self._listed(workflow.namespace, selector):
            look(workflow.namespace, item["metadata"]["name"])

    async def _goes_on(self, workflow: Workflow, play: str) -> bool:
        """Whether another Workflow of the same play is at work."""
        selector = f"{names.PLAY}={play},{names.FLOW}={tasks.PLAY_FLOW},{NOT_COMPLETED}"
        return any(item["metadata"]["uid"] != workflow.uid for item in await self._listed(workflow.namespace, selector))

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

    async def _begin(self, workflow: Workflow, manifest: Mapping[str, Any]) -> None:
        path = objects(argo.API_VERSION, argo.PLURAL, workflow.namespace)
        try:
            await asyncio.to_thread(self.access.create, path, manifest)
        except Refused as refusal:
            # A look that was cut short has made it.
            if refusal.status != HTTPStatus.CONFLICT:
                raise


def _read(
    workflow: Workflow, nodes: Sequence[SuspendedNode]
) -> tuple[list[Asking], list[tuple[SuspendedNode, Complete | Wait]]]:
    """What nodes ask for, and the end of those that ask for what cannot be."""
    every: list[Asking] = []
    found: list[tuple[SuspendedNode, Complete | Wait]] = []
    for node in nodes:
        try:
            check_outputs(node, Operation.TASK)
            every.append(tasks.asking(workflow, node, checked(node)))
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
