"""Where a set of workstreams is: what has run of it, what that means for each, and what may begin next. Pure.

A workstream may run more than once. Its runs have generations, which count over the whole set; the latest one holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pressplay.planner.workstreams import Planned, Status, urgency


class State(StrEnum):
    """Where a workstream is."""

    DONE = "done"
    RUNNING = "running"
    READY = "ready"
    """All that it depends on is done; it has not begun."""
    WAITING = "waiting"
    """Something that it depends on is not done yet."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"
    """Something that it depends on will not be done: it failed, was cancelled, or is held."""
    HELD = "held"
    """Its file says so."""


NEVER = frozenset({State.FAILED, State.CANCELLED, State.BLOCKED, State.HELD})


@dataclass(frozen=True)
class Ran:
    """A run of a workstream.

    Attributes:
        state: DONE, RUNNING, FAILED or CANCELLED.
        run: the CodeRun's name; empty where there is none yet, or none any more.
        workflow: the Workflow that it belongs to; empty where the command line made it.
        began, ended: as the API server writes times; empty where it has not.
        cost: US dollars, as text.
    """

    workstream: str
    generation: int
    state: State
    run: str = ""
    workflow: str = ""
    reason: str = ""
    message: str = ""
    pull_request: int | None = None
    url: str = ""
    branch: str = ""
    cost: str = ""
    began: str = ""
    ended: str = ""
    summary: str = ""


@dataclass(frozen=True)
class Board:
    """A set of workstreams, and where each is.

    Attributes:
        name: of the set.
        plan: in the order in which they begin.
        ran: of each that has run, its latest run.
    """

    name: str
    plan: tuple[Planned, ...]
    states: Mapping[str, State]
    ran: Mapping[str, Ran] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether nothing more happens by itself."""
        return not any(state in (State.RUNNING, State.READY, State.WAITING) for state in self.states.values())

    @property
    def done(self) -> bool:
        """Whether all is reached; what is held by its own file is not asked for."""
        return all(state in (State.DONE, State.HELD) for state in self.states.values())

    def waits_for(self, name: str) -> tuple[str, ...]:
        """What a workstream depends on and is not done."""
        stream = next(each.stream for each in self.plan if each.name == name)
        return tuple(each for each in stream.dependencies if self.states[each] is not State.DONE)


def board(name: str, plan: Sequence[Planned], ran: Iterable[Ran], wanted: Mapping[str, int] | None = None) -> Board:
    """Where each workstream is.

    Args:
        wanted: the least generation that counts for a workstream; what ran before is as if it had not.
    """
    last = latest(each for each in ran if each.generation >= (wanted or {}).get(each.workstream, 0))
    states: dict[str, State] = {}
    # In the plan's order, so what a workstream depends on has its state already.
    for each in plan:
        states[each.name] = _state(each, last.get(each.name), [states[name] for name in each.stream.dependencies])
    names = set(states)
    return Board(name, tuple(plan), states, {name: one for name, one in last.items() if name in names})


def latest(ran: Iterable[Ran]) -> dict[str, Ran]:
    """The latest run of each workstream."""
    found: dict[str, Ran] = {}
    for each in ran:
        if each.workstream not in found or each.generation >= found[each.workstream].generation:
            found[each.workstream] = each
    return found


def wanted_generations(plan: Sequence[Planned], ran: Sequence[Ran], *, again: bool) -> dict[str, int]:
    """The generation that each workstream is to have run in: a new one where it has not, failed or was cancelled.

    Args:
        again: whether what is done is to be done once more.
    """
    last, new = latest(ran), next_generation(ran)
    found = {}
    for each in plan:
        one = last.get(each.name)
        stays = one is not None and (one.state is State.RUNNING or (one.state is State.DONE and not again))
        found[each.name] = one.generation if one is not None and stays else new
    return found


def next_generation(ran: Iterable[Ran]) -> int:
    """One more than the latest."""
    return max((each.generation for each in ran), default=0) + 1


def next_up(where: Board, most: int | None = None) -> tuple[str, ...]:
    """The workstreams to begin now, the most urgent first.

    Args:
        most: how many may be at work at once.
    """
    ready = [each for each in where.plan if where.states[each.name] is State.READY]
    chosen = tuple(each.name for each in sorted(ready, key=lambda each: urgency(each.stream)))
    if most is None:
        return chosen
    running = sum(1 for state in where.states.values() if state is State.RUNNING)
    return chosen[: max(0, most - running)]


def _state(each: Planned, ran: Ran | None, before: Sequence[State]) -> State:
    if each.stream.status is Status.DONE:
        return State.DONE
    if ran is not None:
        return ran.state
    if each.stream.status is Status.HELD:
        return State.HELD
    if any(state in NEVER for state in before):
        return State.BLOCKED
    return State.READY if all(state is State.DONE for state in before) else State.WAITING
