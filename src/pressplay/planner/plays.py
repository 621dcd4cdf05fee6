"""The Workflow of a play: a suspended node a task, which ends when that is merged; Argo decides what is ready. Pure.

As with workstreams, words stand among the Workflow's arguments, where Argo expands nothing that is handed on by name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pressplay.kube.argo import API_VERSION as ARGO
from pressplay.planner import schedule
from pressplay.planner.backlog import Task
from pressplay.planner.workstream_objects import unexpanded
from pressplay.resources import names
from pressplay.resources.run import LONGEST_TASK

FLOW: Final = "play-flow"
TASK_NODE: Final = "task"
REPORT_NODE: Final = "report"
LONGEST_STEM: Final = 36
# It begins a Workflow's name and is a label's value.
NAME: Final = re.compile(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?")
# A label's value, since a task's Workflow is found by it.
IDENTITY: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
# One Workflow has at most 1.5 MiB; Argo keeps each of its texts once more beside its nodes.
LONGEST_WORDS: Final = 600_000
MOST_NODES: Final = 100
# Around the name of the Workflow that works a task.
AT_WORK: Final = ("Workflow ", " is at work")


class PlayWrong(Exception):
    """The backlog cannot be played; says why and what to do."""


@dataclass(frozen=True)
class Settings:
    """How a backlog is played.

    Attributes:
        parallel: how many tasks at once; None for as many as there are.
        base: branch that the pull requests are for; None for the default branch.
    """

    repository: str
    persona: str = "rex"
    base: str | None = None
    model: str | None = None
    parallel: int | None = None


def play_name(source: str, repository: str) -> str:
    """The name by which a play is found again: the same for the same backlog of the same repository."""
    stem = re.sub(r"[^a-z0-9]+", "-", source.lower()).strip("-")[-LONGEST_STEM:].strip("-") or "play"
    stem = stem if stem[0].isalpha() else f"p-{stem}"
    digest = hashlib.sha256(f"{repository.lower()}\n{source}".encode()).hexdigest()[:8]
    return f"{stem}-{digest}"


def workflow_name(play: str, generation: int) -> str:
    """The Workflow's name."""
    return f"{play}-{generation}"


def chosen(tasks: Sequence[Task], only: Sequence[str] = ()) -> list[Task]:
    """The tasks that are to be worked and can be, in the order in which they would begin.

    Args:
        only: ids; all where there are none.

    Raises:
        PlayWrong: an id is not there, or cannot be.
    """
    known = {task.identity for task in tasks}
    unknown = next((name for name in only if name not in known), None)
    if unknown is not None:
        raise PlayWrong(f"there is no task {unknown}; there are: {', '.join(sorted(known))}")
    held = {turn.identity for turn in schedule.never(tasks)}
    wanted = [task for task in schedule.by_urgency(tasks) if task.status.to_do and task.identity not in held]
    wanted = [task for task in wanted if not only or task.identity in only]
    there = {task.identity for task in tasks if task.status.done} | {task.identity for task in wanted}
    for task in wanted:
        undone = next((name for name in task.depends_on if name not in there), None)
        if undone is not None:
            raise PlayWrong(f"task {task.identity} depends on {undone}, which is not done; choose it, too")
    strange = next((task.identity for task in wanted if not IDENTITY.fullmatch(task.identity)), None)
    if strange is not None:
        raise PlayWrong(f"task {strange}: its id must be of letters, digits and ._-, at most 63; give it another")
    long = next((task.identity for task in wanted if len(words_of(task)) > LONGEST_TASK), None)
    if long is not None:
        raise PlayWrong(f"task {long} has more than {LONGEST_TASK:,} characters; say it in fewer, or make two of it")
    if len(wanted) > MOST_NODES:
        raise PlayWrong(f"{len(wanted)} tasks are to do, and a play has at most {MOST_NODES}; choose some with --only")
    if sum(len((words_of(task) + "".join(task.paths)).encode()) for task in wanted) > LONGEST_WORDS:
        raise PlayWrong(f"the tasks have more than {LONGEST_WORDS:,} bytes; choose some with --only")
    return wanted


def words_of(task: Task) -> str:
    """What an agent is told of a task."""
    # The first line says which task it is: by it what was done of it is found again.
    parts = [f"{' '.join(task.title.split())} (task {task.identity})", task.text]
    if task.criteria:
        parts.append("It is accepted when all of this holds:\n" + "\n".join(f"- {each}" for each in task.criteria))
    return "\n\n".join(part for part in parts if part)


def build(play: str, tasks: Sequence[Task], settings: Settings, generation: int) -> dict[str, Any]:
    """The Workflow that plays some tasks.

    Args:
        tasks: as `chosen` answers them; what they depend on besides is done.
    """
    nodes = _node_names(tasks)
    arguments = {"repository": settings.repository, "parallel": str(settings.parallel or "")}
    for place, task in enumerate(tasks, start=1):
        arguments[f"task-{place}"] = unexpanded(words_of(task))
        arguments[f"paths-{place}"] = unexpanded("\n".join(task.paths))
    return {
        "apiVersion": ARGO,
        "kind": "Workflow",
        "metadata": {
            "name": workflow_name(play, generation),
            "labels": {
                names.MANAGED_BY: names.MANAGER, names.FLOW: FLOW, names.PLAY: play,
                names.GENERATION: str(generation),
            },
            "annotations": {
                "workflows.argoproj.io/title": f"{settings.repository}: play {play}",
                "workflows.argoproj.io/description": f"{len(tasks)} tasks; a node each waits until it is merged",
            },
        },
        "spec": {
            "entrypoint": FLOW,
            "arguments": {"parameters": [{"name": name, "value": value} for name, value in arguments.items()]},
            "ttlStrategy": {"secondsAfterSuccess": 7 * 86_400, "secondsAfterFailure": 30 * 86_400},
            # What is parked or fails keeps only those from beginning that depend on it.
            "templates": [{"name": FLOW, "dag": {
                "failFast": False,
                "tasks": [_node(play, task, place, nodes, settings) for place, task in enumerate(tasks, start=1)],
            }}],
            "hooks": {"exit": {
                "templateRef": {"name": names.NODES, "template": REPORT_NODE},
                "arguments": {"parameters": [{"name": "ended", "value": "{{workflow.status}}"}]},
            }},
        },
    }  # fmt: skip


def _node(play: str, task: Task, place: int, nodes: Mapping[str, str], settings: Settings) -> dict[str, Any]:
    given = {
        "repository": settings.repository, "play": play, "task-id": task.identity, "rank": str(place),
        "words": f"task-{place}", "paths": f"paths-{place}", "github-app": settings.persona,
        "base": settings.base or "", "model": settings.model or "",
    }  # fmt: skip
    before = [nodes[name] for name in task.depends_on if name in nodes]
    merged = " && ".join(f"tasks['{name}'].outputs.parameters['verdict'] == 'merged'" for name in before)
    return {
        "name": nodes[task.identity],
        **({"depends": " && ".join(f"{name}.Succeeded" for name in before)} if before else {}),
        **({"when": f"{{{{={merged}}}}}"} if before else {}),
        "templateRef": {"name": names.NODES, "template": TASK_NODE},
        "arguments": {"parameters": [{"name": name, "value": value} for name, value in given.items() if value]},
    }


def at_work(flow: str) -> str:
    """What a task's node shows while a Workflow works it."""
    return f"{AT_WORK[0]}{flow}{AT_WORK[1]}"


def flow_at_work(message: str) -> str:
    """The Workflow that a task's node shows; "" where it shows something else."""
    begins, ends = AT_WORK
    shown = message.startswith(begins) and message.endswith(ends)
    return message.removeprefix(begins).removesuffix(ends) if shown else ""


def _node_names(tasks: Sequence[Task]) -> dict[str, str]:
    """Names that Argo takes, by ids: letters, digits and `-`; two that would be one are told apart by a number."""
    found: dict[str, str] = {}
    for task in tasks:
        stem = name = f"task-{re.sub(r'[^A-Za-z0-9]+', '-', task.identity)}"
        number = 2
        while name in found.values():
            name, number = f"{stem}-{number}", number + 1
        found[task.identity] = name
    return found
