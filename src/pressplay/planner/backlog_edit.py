"""Statuses of tasks, written into a backlog's file: nothing else is changed, unknown fields and order stay. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from pressplay.planner.backlog import Status, listed, loaded

# As TaskMaster writes it.
INDENT: Final = 2


def with_statuses(data: bytes, tag: str | None, statuses: Mapping[str, Status]) -> bytes:
    """A backlog in which some tasks have other statuses; the same bytes where none has.

    Args:
        tag: as `backlog.parse` takes it.
        statuses: by the tasks' ids; ids that the backlog has not are passed over.

    Raises:
        BacklogError: it is no backlog.
    """
    told = loaded(data)
    changed = False
    for task in listed(told, tag):
        wanted = statuses.get(str(task.get("id"))) if isinstance(task, dict) else None
        if wanted is not None and not _says(task.get("status"), wanted):
            task["status"] = wanted.value
            changed = True
    if not changed:
        return data
    return (json.dumps(told, indent=INDENT, ensure_ascii=False) + "\n").encode()


def _says(told: object, wanted: Status) -> bool:
    """Whether a status is that already; TaskMaster knows two words for what is done."""
    if told == wanted:
        return True
    return wanted.done and told in (Status.DONE, Status.COMPLETED)
