"""Which tasks of a backlog may begin now, and what each other one waits for. Pure: the same answer for the same state.

A task begins when all that it depends on is merged, there is room, and no task at work touches what it will touch. So
whenever nothing is at work and a task is free of dependencies, one begins: there is always progress where there can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pressplay.planner import graph
from pressplay.planner.backlog import Status, Task
from pressplay.planner.overlap import first_overlap


class State(StrEnum):
    """Where a task is in a play."""

    WAITING = "waiting"
    """Nothing of it has begun."""
    WORKING = "working"
    """Its flow is at work."""
    MERGED = "merged"


@dataclass(frozen=True)
class Standing:
    """Where a task is.

    Attributes:
        touches: paths that its branch has changed so far.
    """

    state: State = State.WAITING
    touches: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Limits:
    """What a play may do at once.

    Attributes:
        parallel: how many tasks; None for as many as there are.
    """

    parallel: int | None = None


@dataclass(frozen=True)
class Turn:
    """What is to become of a task that has not begun.

    Attributes:
        begins: now; else `waits_for` says what it waits for, in words.
        blockers: ids of the tasks that keep it from beginning.
        for_files: whether that is because of files which they touch, too.
    """

    identity: str
    begins: bool
    waits_for: str = ""
    blockers: tuple[str, ...] = ()
    for_files: bool = False


def decide(tasks: Sequence[Task], standings: Mapping[str, Standing], limits: Limits) -> tuple[Turn, ...]:
    """What is to become of each task that is to do and has not begun, the most urgent first.

    Args:
        tasks: without circles, and each that is depended on is there (`backlog.check`).
        standings: of tasks that are no longer in the backlog, too: they go on, and are in the way.
    """
    by_name = {task.identity: task for task in tasks}
    working = {name: _claims(by_name.get(name), one) for name, one in standings.items() if one.state is State.WORKING}
    # What waits for files that are in use keeps its place before others that want them, or it might wait for ever.
    ahead: dict[str, tuple[str, ...]] = {}
    turns = []
    for task in by_urgency(tasks):
        if not task.status.to_do or standing_of(task, standings).state is not State.WAITING:
            continue
        turn = (
            _unmerged(task, by_name, standings)
            or _without_room(task, working, limits)
            or _in_the_way(task, working, "is at work on")
            or _in_the_way(task, ahead, "goes first and touches")
            or Turn(task.identity, begins=True)
        )
        if turn.begins:
            working[task.identity] = task.paths
        elif turn.for_files:
            ahead[task.identity] = task.paths
        turns.append(turn)
    return tuple(turns)


def standing_of(task: Task, standings: Mapping[str, Standing]) -> Standing:
    """Where a task is: one of which the backlog says that it is done counts as merged."""
    found = standings.get(task.identity, Standing())
    return Standing(State.MERGED) if task.status.done and found.state is State.WAITING else found


def by_urgency(tasks: Sequence[Task]) -> list[Task]:
    """The most urgent first: by priority, then by how much comes after it, then as the file has them."""
    heights = graph.heights({task.identity: task.depends_on for task in tasks})
    place = {task.identity: number for number, task in enumerate(tasks)}
    return sorted(tasks, key=lambda task: (task.priority.rank, -heights[task.identity], place[task.identity]))


def waves(tasks: Sequence[Task], limits: Limits) -> tuple[tuple[Turn, ...], ...]:
    """What would begin together if every task took as long as every other; what can never begin is not in it."""
    standings: dict[str, Standing] = {}
    found = []
    while begun := tuple(turn for turn in decide(tasks, standings, limits) if turn.begins):
        found.append(begun)
        standings |= {turn.identity: Standing(State.MERGED) for turn in begun}
    return tuple(found)


def never(tasks: Sequence[Task]) -> tuple[Turn, ...]:
    """Tasks that cannot begin as the backlog is, and why."""
    merged = {turn.identity: Standing(State.MERGED) for wave in waves(tasks, Limits()) for turn in wave}
    return tuple(turn for turn in decide(tasks, merged, Limits()) if not turn.begins)


def _unmerged(task: Task, by_name: Mapping[str, Task], standings: Mapping[str, Standing]) -> Turn | None:
    missing = [name for name in task.depends_on if _stands(by_name[name], standings) is not State.MERGED]
    if not missing:
        return None
    told = ", ".join(_missing(by_name[name]) for name in missing)
    return Turn(task.identity, begins=False, waits_for=told, blockers=tuple(missing))


def _without_room(task: Task, working: Mapping[str, object], limits: Limits) -> Turn | None:
    if limits.parallel is None or len(working) < limits.parallel:
        return None
    told = f"its turn: {len(working)} of {limits.parallel} tasks are at work"
    return Turn(task.identity, begins=False, waits_for=told, blockers=tuple(working))


def _in_the_way(task: Task, others: Mapping[str, Iterable[str]], does: str) -> Turn | None:
    for name, paths in others.items():
        common = first_overlap(task.paths, paths)
        if common:
            told = f"{name}, which {does} the same files: {' and '.join(dict.fromkeys(common))}"
            return Turn(task.identity, begins=False, waits_for=told, blockers=(name,), for_files=True)
    return None


def _missing(task: Task) -> str:
    """What a dependency lacks, in words."""
    if task.status in (Status.DEFERRED, Status.BLOCKED, Status.CANCELLED):
        return f"{task.identity}, which is {task.status}"
    return f"{task.identity} to be merged"


def _stands(task: Task, standings: Mapping[str, Standing]) -> State:
    return standing_of(task, standings).state


def _claims(task: Task | None, standing: Standing) -> tuple[str, ...]:
    return (*(task.paths if task else ()), *sorted(standing.touches))
