"""A play in the cluster: its newest Workflow, and where each task of it is. Everything is read anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from pressplay.cli import workflows
from pressplay.cli.failures import Problem
from pressplay.kube.access import Access, Refused, objects
from pressplay.kube.argo import API_VERSION, PLURAL
from pressplay.planner import plays
from pressplay.planner.backlog import Task
from pressplay.planner.plays import FLOW, Settings
from pressplay.protocol.gates import MERGED
from pressplay.resources import names

WAITING: Final = "waiting"
WORKING: Final = "working"
HELD: Final = "held"
ENDED: Final = "ended"
# Argo's phases of a node that was not executed.
NOT_RUN: Final = ("Skipped", "Omitted")


@dataclass(frozen=True)
class Where:
    """Where a task is.

    Attributes:
        state: waiting, working, merged, parked, held or ended.
        flow: name of the Workflow that works it.
        pull: number of its pull request.
        why: what it waits for, or how it ended.
    """

    task: str
    state: str
    flow: str = ""
    pull: str = ""
    why: str = ""


@dataclass(frozen=True)
class Board:
    """Where a play is.

    Attributes:
        over: nothing more happens by itself.
    """

    name: str
    workflow: str
    phase: str
    over: bool
    tasks: tuple[Where, ...]

    @property
    def merged(self) -> bool:
        """Whether every task is merged."""
        return all(each.state == MERGED for each in self.tasks)


def place(access: Access) -> str:
    """The namespace in which plays are played.

    Raises:
        Problem: there is none, since there is no Argo.
    """
    namespace = workflows.flows_namespace(access)
    if namespace is None:
        raise Problem("a play needs Argo Workflows", "install it, and set flows.enabled; runs alone need none")
    return namespace


def begin(access: Access, namespace: str, play: str, tasks: Sequence[Task], settings: Settings) -> str:
    """Have a play begin, or go on with the backlog as it is now; answers its Workflow's name.

    What an older Workflow of it has begun goes on: that one is told that it has a successor before it is ended.
    """
    before = generations(access, namespace, play)
    number = max((generation(each) for each in before), default=0) + 1
    name = plays.workflow_name(play, number)
    manifest, there = plays.build(play, tasks, settings, number), objects(API_VERSION, PLURAL, namespace)
    # What the API server would not take must not end what is at work.
    access.create(there, manifest, dryRun="All")
    for each in before:
        if not workflows.finished(each):
            path = objects(API_VERSION, PLURAL, namespace, each["metadata"]["name"])
            told = {"metadata": {"annotations": {names.SUCCEEDED_BY: name}}, "spec": {"shutdown": "Terminate"}}
            access.patch(path, told)
    try:
        access.create(there, manifest)
    except Refused as refusal:
        if refusal.status != HTTPStatus.CONFLICT:
            raise
        raise Problem(
            f"somebody else has begun {name} just now", f"`pressplay plays {play}` tells where it is"
        ) from None
    return name


def refuse_beside(access: Access, namespace: str, play: str) -> None:
    """See that a play of some tasks alone does not take the place of one that is at work.

    Raises:
        Problem: it would.
    """
    live = next((each for each in generations(access, namespace, play) if not workflows.finished(each)), None)
    if live is not None:
        name = live["metadata"]["name"]
        told = f"wait for it, or end it with `argo stop {name}`; or take another --name"
        raise Problem(f"workflow/{name} plays this backlog, and --only would take its place", told)


def generations(access: Access, namespace: str, play: str) -> list[dict[str, Any]]:
    """The Workflows of a play, the newest last."""
    selector = f"{names.PLAY}={play},{names.FLOW}={FLOW}"
    found = access.get(objects(API_VERSION, PLURAL, namespace), labelSelector=selector)["items"]
    return sorted(found, key=generation)


def newest(access: Access, namespace: str) -> list[dict[str, Any]]:
    """The newest Workflow of each play."""
    selector = f"{names.PLAY},{names.FLOW}={FLOW}"
    found = access.get(objects(API_VERSION, PLURAL, namespace), labelSelector=selector)["items"]
    return list({workflows.label(each, names.PLAY): each for each in sorted(found, key=generation)}.values())


def generation(workflow: Mapping[str, Any]) -> int:
    """Which Workflow of its play it is, from 1 on."""
    told = (workflow["metadata"].get("labels") or {}).get(names.GENERATION, "")
    return int(told) if told.isdigit() else 0


def board_of(workflow: dict[str, Any]) -> Board:
    """Where a play is, by its Workflow."""
    nodes = {str(node.get("displayName")): node for node in workflows.nodes(workflow).values()}
    over = workflows.finished(workflow)
    tasks = tuple(_where(identity, nodes.get(node), over) for node, identity in _tasks(workflow))
    meta = workflow["metadata"]
    return Board(workflows.label(workflow, names.PLAY), meta["name"], workflows.phase(workflow), over, tasks)


def _tasks(workflow: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of nodes and ids of tasks, as the Workflow was made."""
    for template in workflow["spec"].get("templates") or []:
        for task in (template.get("dag") or {}).get("tasks") or []:
            given = {each["name"]: each.get("value", "") for each in task["arguments"]["parameters"]}
            yield task["name"], given.get("task-id", "")


def _where(task: str, node: Mapping[str, Any] | None, over: bool) -> Where:
    if node is None:
        return Where(task, HELD if over else WAITING, why="" if over else "what comes before it")
    outputs = {each["name"]: each.get("value", "") for each in (node.get("outputs") or {}).get("parameters") or []}
    message, phase = str(node.get("message") or ""), str(node.get("phase") or "")
    if phase in NOT_RUN:
        return Where(task, HELD, why="what it depends on is not merged")
    if outputs.get("verdict"):
        return Where(task, outputs["verdict"], pull=outputs.get("pull-request", ""), why=message)
    if phase not in ("Running", "Pending", ""):
        return Where(task, ENDED, why=message)
    flow = plays.flow_at_work(message)
    return Where(task, WORKING if flow else WAITING, flow, why="" if flow else message)
