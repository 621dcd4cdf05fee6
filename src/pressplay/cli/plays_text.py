"""Plays in words: the plan, and where each task is. Pure. What a backlog says is put on one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pressplay.cli.plays_cluster import Board, Where
from pressplay.cli.show import clipped, one_line, table
from pressplay.planner import schedule
from pressplay.planner.backlog import Task
from pressplay.planner.overlap import first_overlap
from pressplay.planner.schedule import Limits

LONGEST_TITLE = 60
LONGEST_WHY = 100


def plan(name: str, tasks: Sequence[Task], chosen: Sequence[Task], limits: Limits) -> str:
    """What would begin together, what would wait for whose files, and what cannot begin."""
    rows = [
        (str(number), task.identity, task.priority.value, ", ".join(task.depends_on) or "-",
         ", ".join(task.paths) or "-", clipped(one_line(task.title), LONGEST_TITLE))
        for number, task in _by_wave(tasks, chosen, limits)
    ]  # fmt: skip
    parts = [f"Play {name}: {len(chosen)} of {len(tasks)} tasks", table(_HEADER, rows)]
    parts += [f"{one} and {other} touch the same files ({common}), so one waits for the other" for one, other, common
              in overlaps(chosen)]  # fmt: skip
    held_ = held(tasks)
    return "\n\n".join(part for part in (*parts[:2], "\n".join(parts[2:]), held_) if part)


_HEADER = ("WAVE", "TASK", "PRIORITY", "AFTER", "TOUCHES", "TITLE")


def plan_json(name: str, tasks: Sequence[Task], chosen: Sequence[Task], limits: Limits) -> dict[str, Any]:
    """The same for programs."""
    return {
        "name": name,
        "tasks": [
            {"id": task.identity, "title": task.title, "wave": number, "priority": task.priority.value,
             "dependencies": list(task.depends_on), "paths": list(task.paths)}
            for number, task in _by_wave(tasks, chosen, limits)
        ],
        "overlaps": [{"tasks": [one, other], "paths": common} for one, other, common in overlaps(chosen)],
        "held": {turn.identity: turn.waits_for for turn in schedule.never(tasks)},
    }  # fmt: skip


def overlaps(tasks: Sequence[Task]) -> list[tuple[str, str, str]]:
    """Pairs of tasks that would touch the same files, and which."""
    found = []
    for place, one in enumerate(tasks):
        for other in tasks[place + 1 :]:
            common = first_overlap(one.paths, other.paths)
            if common:
                found.append((one.identity, other.identity, " and ".join(dict.fromkeys(common))))
    return found


def held(tasks: Sequence[Task]) -> str:
    """What cannot begin as the backlog is, and why, a line each."""
    return "\n".join(f"{turn.identity} cannot begin: it depends on {turn.waits_for}" for turn in schedule.never(tasks))


def board_table(board: Board) -> str:
    """Where each task is."""
    rows = [
        (each.task, each.state, f"#{each.pull}" if each.pull else "-", each.flow or "-", _why(each))
        for each in board.tasks
    ]
    return table(("TASK", "STATE", "PR", "FLOW", "WHY"), rows)


def counts(board: Board) -> str:
    """How many are where, in one line."""
    found = Counter(each.state for each in board.tasks)
    return ", ".join(f"{number} {state}" for state, number in sorted(found.items()))


def _why(where: Where) -> str:
    return clipped(one_line(where.why), LONGEST_WHY) or "-"


def _by_wave(tasks: Sequence[Task], chosen: Sequence[Task], limits: Limits) -> list[tuple[int, Task]]:
    wanted = {task.identity: task for task in chosen}
    done = [replace(task, depends_on=()) for task in tasks if task.status.done]
    waves = schedule.waves([*done, *chosen], limits)
    return [(number, wanted[turn.identity]) for number, wave in enumerate(waves, start=1) for turn in wave]
