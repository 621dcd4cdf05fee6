"""Tasks of a play: each is worked by a task-flow of its own, which outlives the play's Workflow. Pure.

Argo decides what is ready; here is decided whose turn it is. A task's flow is found by the play's name and the task's
id, so a newer Workflow of the same play goes on with what an older one has begun.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pressplay.kube import argo
from pressplay.kube.argo import SuspendedNode, Workflow
from pressplay.operator.nodes.contract import BadInput, check_task
from pressplay.planner import schedule
from pressplay.planner.backlog import Task
from pressplay.planner.plays import at_work
from pressplay.planner.schedule import Limits, Standing, State
from pressplay.protocol.gates import MERGED, GateAnswer
from pressplay.resources import names

TASK_FLOW: Final = "task-flow"
KEPT_SECONDS: Final = 180 * 24 * 3600
NEEDED: Final = ("repository", "play", "task-id", "words")
HANDED_ON: Final = ("repository", "github-app", "base", "model")
PARALLEL: Final = "parallel"


@dataclass(frozen=True)
class Asking:
    """A node that asks for a task.

    Attributes:
        given: its inputs, each of its form.
        text: the task in words; paths: that it says it will touch.
    """

    node: SuspendedNode
    given: Mapping[str, str]
    text: str
    paths: tuple[str, ...]

    @property
    def identity(self) -> str:
        """The task's id."""
        return self.given["task-id"]

    @property
    def about(self) -> str:
        """Which task it is: its repository and its title, the first line of its words."""
        told = f"{self.given['repository'].lower()} {self.text.splitlines()[0]}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Child:
    """The Workflow that works, or has worked, a task.

    Attributes:
        ended: nothing of it runs any more.
        created: when it was made, in the API server's words.
        node: the start of a node that it was made for, or that has gone on with it since.
        about: which task of which repository it is, whatever its id: ids are given anew.
    """

    name: str
    uid: str
    task: str
    ended: bool
    created: str
    paths: tuple[str, ...] = ()
    node: str = ""
    about: str = ""


@dataclass(frozen=True)
class Begin:
    """Make the Workflow that works a task."""

    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class Adopt:
    """Note that a Workflow which another one has begun is this node's from now on.

    Attributes:
        child: its name; node: as in `Child`.
    """

    child: str
    node: str


@dataclass(frozen=True)
class Ended:
    """The task has come to its end, as the gateway found it."""

    answer: GateAnswer


@dataclass(frozen=True)
class Waits:
    """It waits, and for what."""

    message: str


Course = Begin | Adopt | Ended | Waits


def asking(workflow: Workflow, node: SuspendedNode, given: Mapping[str, str]) -> Asking:
    """What a node asks for.

    Raises:
        BadInput: something is missing.
    """
    missing = next((name for name in NEEDED if name not in given), None)
    if missing is not None:
        raise BadInput(f"parameter {missing}: it is empty; `pressplay play` fills it")
    if given["play"] != workflow.labels.get(names.PLAY):
        raise BadInput(f"parameter play: the Workflow's label {names.PLAY} says another; `pressplay play` makes both")
    text = workflow.parameters.get(given["words"], "").strip()
    if not text:
        raise BadInput(f"parameter words: the Workflow has no parameter {given['words']}, or it is empty")
    check_task(text)
    paths = workflow.parameters.get(given.get("paths", ""), "").splitlines()
    return Asking(node, given, text, tuple(each for each in paths if each))


def child_of(body: Mapping[str, Any]) -> Child:
    """A task's Workflow, by its metadata alone."""
    meta = body["metadata"]
    labels, notes = meta.get("labels") or {}, meta.get("annotations") or {}
    return Child(
        meta["name"], meta["uid"], labels.get(names.TASK, ""), labels.get(argo.COMPLETED) == "true",
        str(meta.get("creationTimestamp") or ""), tuple((notes.get(names.PATHS) or "").splitlines()),
        notes.get(names.NODE, ""), notes.get(names.ABOUT, ""),
    )  # fmt: skip


def start_of(workflow: Workflow, asked: Asking) -> str:
    """One start of one node: a node that is started anew keeps its id."""
    return f"{workflow.uid}/{asked.node.id}/{asked.node.started.isoformat()}"


def name_of(asked: Asking, before: Child | None) -> str:
    """One name a task and try: whoever looks at the same time, for whichever Workflow of the play, makes one alone.

    Args:
        before: the last Workflow of the task.
    """
    told = f"{asked.about} {asked.given['play']} {asked.identity} {before.uid if before else ''}"
    return f"{TASK_FLOW}-{hashlib.sha256(told.encode()).hexdigest()[:10]}"


def latest(asked: Asking, children: Iterable[Child]) -> Child | None:
    """The Workflow of a task: the one at work, else the last that was."""
    same = [child for child in children if (child.task, child.about) == (asked.identity, asked.about)]
    return max(same, key=lambda child: (not child.ended, child.created, child.name), default=None)


def courses(
    workflow: Workflow, every: Sequence[Asking], children: Sequence[Child], answers: Mapping[str, GateAnswer]
) -> dict[str, Course]:
    """What follows for each node, by its id.

    Args:
        children: of the whole play.
        answers: what ended Workflows came to, by their uids.
    """
    found: dict[str, Course] = {}
    free: list[tuple[Asking, Child | None]] = []
    for asked in every:
        child = latest(asked, children)
        start = start_of(workflow, asked)
        if child is None or (child.ended and child.node != start and answers[child.uid].verdict not in (MERGED, None)):
            # What ended without a merge before this node began is tried once more: the play was begun anew for that.
            free.append((asked, child))
        elif not child.ended:
            found[asked.node.id] = Waits(at_work(child.name)) if child.node == start else Adopt(child.name, start)
        else:
            answer = answers[child.uid]
            found[asked.node.id] = Ended(answer) if answer.verdict else Waits(answer.message)
    if workflow.held:
        return {**found, **{asked.node.id: Waits("the Workflow is suspended") for asked, _ in free}}
    return {**found, **_turns(workflow, free, children, answers)}


def _turns(
    workflow: Workflow, free: Sequence[tuple[Asking, Child | None]], children: Sequence[Child],
    answers: Mapping[str, GateAnswer],
) -> dict[str, Course]:  # fmt: skip
    by_rank = sorted(free, key=lambda each: int(each[0].given.get("rank", "0")))
    tasks = [Task(asked.identity, "", "", paths=asked.paths) for asked, _ in by_rank]
    working = {child.task: Standing(State.WORKING, frozenset(child.paths)) for child in children if not child.ended}
    by_identity = {asked.identity: (asked, before) for asked, before in by_rank}
    found: dict[str, Course] = {}
    for turn in schedule.decide(tasks, working, limits_of(workflow)):
        asked, before = by_identity[turn.identity]
        if turn.begins:
            # What was parked with an open pull request goes on with that.
            number = answers[before.uid].outputs.get("pull-request", "") if before else ""
            found[asked.node.id] = Begin(build(workflow, asked, name_of(asked, before), number))
        else:
            found[asked.node.id] = Waits(f"it waits for {turn.waits_for}")
    return found


def limits_of(workflow: Workflow) -> Limits:
    """How much of a play may be at work at once."""
    told = workflow.parameters.get(PARALLEL, "")
    return Limits(int(told) if told.isascii() and told.isdecimal() and int(told) else None)


def build(workflow: Workflow, asked: Asking, name: str, pull: str = "") -> dict[str, Any]:
    """The Workflow that works a task. Nobody owns it: it outlives the Workflow of the play.

    Args:
        pull: number of a pull request that holds work of it already.
    """
    given = {**{name: asked.given[name] for name in HANDED_ON if name in asked.given}, "task": asked.text}
    given |= {"pull-request": pull} if pull else {}
    play = asked.given["play"]
    return {
        "apiVersion": argo.API_VERSION,
        "kind": "Workflow",
        "metadata": {
            "name": name,
            "namespace": workflow.namespace,
            "labels": {
                names.MANAGED_BY: names.MANAGER, names.FLOW: TASK_FLOW, names.PLAY: play, names.TASK: asked.identity,
            },
            "annotations": {
                names.PATHS: "\n".join(asked.paths), names.NODE: start_of(workflow, asked), names.ABOUT: asked.about,
            },
        },
        "spec": {
            "workflowTemplateRef": {"name": TASK_FLOW},
            "arguments": {"parameters": [{"name": name, "value": value} for name, value in given.items()]},
            # By it the play knows that the task is merged, for as long as the backlog does not say so.
            "ttlStrategy": {"secondsAfterCompletion": KEPT_SECONDS},
        },
    }  # fmt: skip
