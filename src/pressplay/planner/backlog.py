"""TaskMaster's `tasks.json`, in its tagged and its legacy form. Pure; fields that are unknown are passed over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

DEFAULT_TAG = "master"
MOST_TASKS = 500


class BacklogError(Exception):
    """The file is no backlog; says where and what to do."""


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        identity: as text: files have numbers and text.
        text: description, details and what it says about tests.
    """

    identity: str
    title: str
    text: str
    depends_on: tuple[str, ...] = ()


def parse(data: bytes, tag: str | None = None) -> list[Task]:
    """The tasks of a file.

    Args:
        tag: of the tagged form; `master`, or the only one, where it is None.

    Raises:
        BacklogError: it is no such file.
    """
    if data.startswith(b"SQLite format 3\0"):
        raise BacklogError("is TaskMaster's SQLite form; export it to tasks.json first")
    try:
        told = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BacklogError(f"is no JSON: {error}") from None
    if not isinstance(told, dict):
        raise BacklogError("must be an object with `tasks`, or with a tag for each list of tasks")
    tasks = _listed(told, tag)
    if not tasks or len(tasks) > MOST_TASKS:
        raise BacklogError(f"has {len(tasks)} tasks; from 1 to {MOST_TASKS} are taken")
    found = [_task(each, place) for place, each in enumerate(tasks)]
    names = [task.identity for task in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BacklogError(f"has two tasks with the id {twice}")
    return found


def _listed(told: dict[str, Any], tag: str | None) -> list[Any]:
    if isinstance(told.get("tasks"), list):
        return list(told["tasks"])
    tagged = {name: each["tasks"] for name, each in told.items() if isinstance(each, dict) and "tasks" in each}
    chosen = tag or (DEFAULT_TAG if DEFAULT_TAG in tagged else next(iter(tagged), DEFAULT_TAG))
    if chosen not in tagged or not isinstance(tagged[chosen], list):
        raise BacklogError(f"has no tag `{chosen}`; it has: {', '.join(sorted(tagged)) or 'none'}")
    return list(tagged[chosen])


def _task(told: object, place: int) -> Task:
    if not isinstance(told, dict) or not isinstance(told.get("id"), str | int) or not told.get("title"):
        raise BacklogError(f"task {place + 1} needs an id and a title")
    parts = [str(told[name]) for name in ("description", "details", "testStrategy") if told.get(name)]
    below = [each for each in told.get("subtasks") or [] if isinstance(each, dict)]
    parts += [
        f"- {told['id']}.{each.get('id')}: {each.get('title', '')}. {each.get('description', '')}" for each in below
    ]
    return Task(
        identity=str(told["id"]),
        title=str(told["title"]),
        text="\n".join(parts),
        depends_on=tuple(str(each) for each in told.get("dependencies") or []),
    )
