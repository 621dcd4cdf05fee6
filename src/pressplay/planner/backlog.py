"""TaskMaster's `tasks.json`, in its tagged and its legacy form. Pure; fields that are unknown are passed over.

The form is that of task-master-ai 0.43, which also knows `relevantFiles` and `acceptanceCriteria`; its `metadata` is
the user's own, and there `paths` says in globs what a task will touch.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from pressplay.personas.permissions import nearest
from pressplay.planner import graph
from pressplay.planner.priority import Priority

DEFAULT_TAG: Final = "master"
MOST_TASKS: Final = 500
# What TaskMaster tells of a file that a task only looks at.
LOOKED_AT: Final = "reference"


class BacklogError(Exception):
    """The file is no backlog; says where and what to do."""


class Status(StrEnum):
    """What the file says of a task."""

    PENDING = "pending"
    IN_PROGRESS = "in-progress"
    REVIEW = "review"
    DONE = "done"
    COMPLETED = "completed"
    """As `done`: TaskMaster writes either."""
    DEFERRED = "deferred"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"

    @property
    def done(self) -> bool:
        """Whether it is done, so that what depends on it may begin."""
        return self in (Status.DONE, Status.COMPLETED)

    @property
    def to_do(self) -> bool:
        """Whether it is to be worked; one that is deferred, blocked or cancelled is neither that nor done."""
        return self in (Status.PENDING, Status.IN_PROGRESS, Status.REVIEW)


Kind = TypeVar("Kind", bound=StrEnum)


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        identity: as text: files have numbers and text.
        text: description, details and what it says about tests.
        depends_on: ids of tasks, each once; of a subtask the task that it belongs to.
        paths: globs of what it says it will touch; empty where it says nothing.
        criteria: what must hold for it to be accepted.
    """

    identity: str
    title: str
    text: str
    depends_on: tuple[str, ...] = ()
    status: Status = Status.PENDING
    priority: Priority = Priority.MEDIUM
    paths: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()


def parse(data: bytes, tag: str | None = None) -> list[Task]:
    """The tasks of a file.

    Args:
        tag: of the tagged form; `master`, or the only one, where it is None.

    Raises:
        BacklogError: it is no such file.
    """
    tasks = listed(loaded(data), tag)
    if not tasks or len(tasks) > MOST_TASKS:
        raise BacklogError(f"has {len(tasks)} tasks; from 1 to {MOST_TASKS} are taken")
    names = [_identity(each, place) for place, each in enumerate(tasks)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BacklogError(f"has two tasks with the id {twice}")
    return [_task(each, name, frozenset(names)) for name, each in zip(names, tasks, strict=True)]


def loaded(data: bytes) -> dict[str, Any]:
    """The object that a file holds.

    Raises:
        BacklogError: it holds none.
    """
    if data.startswith(b"SQLite format 3\0"):
        raise BacklogError("is TaskMaster's SQLite form; export it to tasks.json first")
    try:
        told = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BacklogError(f"is no JSON: {error}") from None
    if not isinstance(told, dict):
        raise BacklogError("must be an object with `tasks`, or with a tag for each list of tasks")
    return told


def check(tasks: list[Task]) -> list[str]:
    """What keeps tasks from being played, each with its remedy; empty where nothing does."""
    names = [task.identity for task in tasks]
    troubles = list(_unknown(tasks, names))
    circle = graph.find_circle({task.identity: task.depends_on for task in tasks})
    if circle:
        told = " → ".join((*circle, circle[0]))
        troubles.append(f"the dependencies of tasks go round: {told}; take one of them out")
    return troubles


def _unknown(tasks: list[Task], names: list[str]) -> Iterator[str]:
    for task in tasks:
        for wanted in task.depends_on:
            if wanted not in names:
                near = nearest(wanted, names)
                remedy = f"is it {near}?" if near else "take it out, or add that task"
                yield f"task {task.identity} depends on {wanted}, which is not there: {remedy}"


def listed(told: dict[str, Any], tag: str | None) -> list[Any]:
    """The tasks of a file as they stand in it.

    Raises:
        BacklogError: it has none of this tag.
    """
    if isinstance(told.get("tasks"), list):
        return list(told["tasks"])
    tagged = {name: each["tasks"] for name, each in told.items() if isinstance(each, dict) and "tasks" in each}
    chosen = tag or (DEFAULT_TAG if DEFAULT_TAG in tagged else next(iter(tagged), DEFAULT_TAG))
    if chosen not in tagged or not isinstance(tagged[chosen], list):
        raise BacklogError(f"has no tag `{chosen}`; it has: {', '.join(sorted(tagged)) or 'none'}")
    return list(tagged[chosen])


def _identity(told: object, place: int) -> str:
    if not isinstance(told, dict) or not isinstance(told.get("id"), str | int) or not told.get("title"):
        raise BacklogError(f"task {place + 1} needs an id and a title")
    return str(told["id"])


def _task(told: Mapping[str, Any], identity: str, names: Collection[str]) -> Task:
    parts = [str(told[name]) for name in ("description", "details", "testStrategy") if told.get(name)]
    below = [each for each in _list(told, "subtasks", identity) if isinstance(each, dict)]
    parts += [
        f"- {identity}.{each.get('id')}: {each.get('title', '')}. {each.get('description', '')}" for each in below
    ]
    return Task(
        identity=identity,
        title=str(told["title"]),
        text="\n".join(parts),
        depends_on=_dependencies(told, below, identity, names),
        status=_one_of(Status, told, "status", Status.PENDING, identity),
        priority=_one_of(Priority, told, "priority", Priority.MEDIUM, identity),
        paths=tuple(dict.fromkeys(_paths(told, identity))),
        criteria=_criteria(told.get("acceptanceCriteria")),
    )


def _dependencies(
    told: Mapping[str, Any], below: list[dict[str, Any]], identity: str, names: Collection[str]
) -> tuple[str, ...]:
    """Its own and its subtasks': one of those names a brother by a number, another task's by `task.subtask`."""
    own = [str(each) for each in _list(told, "dependencies", identity)]
    lower = [str(each) for one in below for each in _list(one, "dependencies", identity) if "." in str(each)]
    owners = (each if each in names else _owner(each) for each in (*own, *lower))
    return tuple(each for each in dict.fromkeys(owners) if each != identity or identity in own)


def _owner(told: str) -> str:
    """The task that a subtask belongs to; what names no subtask is itself."""
    task, _, subtask = told.rpartition(".")
    return task if task and subtask.isdigit() else told


def _paths(told: Mapping[str, Any], identity: str) -> Iterator[str]:
    for each in _list(told, "relevantFiles", identity):
        if isinstance(each, dict) and isinstance(each.get("path"), str) and each.get("action") != LOOKED_AT:
            yield each["path"].removeprefix("./")
    metadata = told.get("metadata")
    if isinstance(metadata, dict):
        for each in _list(metadata, "paths", identity):
            yield str(each).removeprefix("./")


def _criteria(told: object) -> tuple[str, ...]:
    lines = told if isinstance(told, list) else str(told or "").splitlines()
    said = (str(line).strip().removeprefix("- ").strip() for line in lines)
    return tuple(each for each in said if each)


def _list(told: Mapping[str, Any], name: str, identity: str) -> list[Any]:
    found = told.get(name)
    if found is not None and not isinstance(found, list):
        raise BacklogError(f"task {identity}: `{name}` must be a list")
    return list(found or [])


def _one_of(kind: type[Kind], told: Mapping[str, Any], name: str, otherwise: Kind, identity: str) -> Kind:
    value = told.get(name)
    if value is None or value == "":
        return otherwise
    try:
        return kind(str(value).lower())
    except ValueError:
        near = nearest(str(value), kind)
        remedy = f"is it `{near}`?" if near else f"choose one of {', '.join(kind)}"
        raise BacklogError(f"task {identity}: {name} `{str(value)[:40]}` is none: {remedy}") from None
