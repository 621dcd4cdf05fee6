"""Which tasks begin: never two on the same files, never one before what it depends on, and always one where one can."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pressplay.planner.backlog import Status, Task
from pressplay.planner.overlap import first_overlap
from pressplay.planner.priority import Priority
from pressplay.planner.schedule import Limits, Standing, State, decide, never, standing_of, waves

FILES = ("a/x", "a/y", "b/x", "c")
CLAIMS = ("a/", "a/x", "a/y", "b/*", "c", "**")


def task(identity: str, *after: str, **fields: object) -> Task:
    return replace(Task(identity, identity, "", tuple(after)), **fields)  # type: ignore[arg-type]


def begun(*tasks: Task, limits: Limits | None = None, **standings: Standing) -> list[str]:
    return [turn.identity for turn in decide(tasks, standings, limits or Limits()) if turn.begins]


def told(*tasks: Task, limits: Limits | None = None, **standings: Standing) -> dict[str, str]:
    return {turn.identity: turn.waits_for for turn in decide(tasks, standings, limits or Limits()) if not turn.begins}


MERGED, WORKING = Standing(State.MERGED), Standing(State.WORKING)
DIAMOND = (task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c"))


def test_a_task_begins_when_what_it_depends_on_is_merged_and_not_when_a_level_ends() -> None:
    assert begun(*DIAMOND) == ["a"]
    assert begun(*DIAMOND, a=MERGED) == ["b", "c"]
    tail = (*DIAMOND, task("e", "b"))
    assert begun(*tail, a=MERGED, b=MERGED, c=WORKING) == ["e"]
    assert told(*tail, a=MERGED, b=MERGED, c=WORKING) == {"d": "c to be merged"}


def test_the_most_urgent_begins_first_then_what_most_depends_on() -> None:
    tasks = (task("low", priority=Priority.LOW), task("short"), task("long"), task("after", "long"))
    assert begun(*tasks, limits=Limits(parallel=2)) == ["long", "short"]
    assert told(*tasks, limits=Limits(parallel=2))["low"] == "its turn: 2 of 2 tasks are at work"


def test_two_that_touch_the_same_files_do_not_begin_together_and_it_is_said_which() -> None:
    tasks = (task("one", paths=("src/",)), task("two", paths=("src/a.py",)), task("three", paths=("docs/",)))
    assert begun(*tasks) == ["one", "three"]
    assert told(*tasks) == {"two": "one, which is at work on the same files: src/a.py and src/"}


def test_what_a_running_branch_touches_counts_even_if_its_task_said_nothing_or_is_gone() -> None:
    touching = Standing(State.WORKING, frozenset({"src/a.py"}))
    assert begun(task("two", paths=("src/",)), gone=touching) == []
    assert begun(task("two", paths=("docs/",)), gone=touching) == ["two"]


def test_what_waits_for_files_is_not_overtaken_by_others_that_want_them() -> None:
    tasks = (task("first", paths=("a/x", "b/"), priority=Priority.HIGH), task("second", paths=("b/",)))
    at_work = Standing(State.WORKING, frozenset({"a/x"}))
    assert begun(*tasks, other=at_work) == []
    assert told(*tasks, other=at_work)["second"] == "first, which goes first and touches the same files: b/"


def test_what_is_deferred_keeps_what_depends_on_it_and_what_is_done_does_not() -> None:
    tasks = (task("a", status=Status.DEFERRED), task("b", "a"), task("c", status=Status.DONE), task("d", "c"))
    assert begun(*tasks) == ["d"]
    assert {turn.identity: turn.waits_for for turn in never(tasks)} == {"b": "a, which is deferred"}


def test_waves_are_what_begins_together() -> None:
    found = [[turn.identity for turn in wave] for wave in waves(DIAMOND, Limits())]
    assert found == [["a"], ["b", "c"], ["d"]]


class APlay(RuleBasedStateMachine):
    """A backlog that is played and edited in any order, and in which tasks are merged or come to nothing."""

    @initialize(parallel=st.one_of(st.none(), st.integers(1, 4)))
    def begin(self, parallel: int | None) -> None:
        self.tasks: dict[str, Task] = {}
        self.standings: dict[str, Standing] = {}
        self.limits = Limits(parallel)

    @rule(data=st.data(), paths=st.lists(st.sampled_from(CLAIMS), max_size=2), priority=st.sampled_from(Priority))
    def add(self, data: st.DataObject, paths: list[str], priority: Priority) -> None:
        known = sorted(self.tasks)
        after = data.draw(st.lists(st.sampled_from(known), max_size=3, unique=True)) if known else []
        name = f"t{len(self.tasks)}"
        self.tasks[name] = task(name, *after, paths=tuple(paths), priority=priority)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), status=st.sampled_from(Status))
    def edit(self, data: st.DataObject, status: Status) -> None:
        name = data.draw(st.sampled_from(sorted(self.tasks)))
        self.tasks[name] = replace(self.tasks[name], status=status)

    @rule()
    def step(self) -> None:
        before = dict(self.standings)
        for turn in decide(list(self.tasks.values()), before, self.limits):
            if turn.begins:
                one = self.tasks[turn.identity]
                assert one.status.to_do
                assert all(self.merged(name) for name in one.depends_on)
                assert before.get(turn.identity, Standing()).state is State.WAITING
                self.standings[turn.identity] = WORKING
            else:
                assert turn.waits_for
                assert turn.blockers

    @rule(data=st.data(), state=st.sampled_from([State.MERGED, State.WAITING]))
    def goes_on(self, data: st.DataObject, state: State) -> None:
        if self.working():
            self.standings[data.draw(st.sampled_from(sorted(self.working())))] = Standing(state)

    def merged(self, name: str) -> bool:
        return standing_of(self.tasks[name], self.standings).state is State.MERGED

    def working(self) -> list[str]:
        return [name for name, one in self.standings.items() if one.state is State.WORKING]

    @invariant()
    def no_two_at_work_touch_the_same_files(self) -> None:
        at_work = self.working()
        for place, one in enumerate(at_work):
            for other in at_work[place + 1 :]:
                assert first_overlap(self.tasks[one].paths, self.tasks[other].paths) is None

    @invariant()
    def no_more_are_at_work_than_may_be(self) -> None:
        assert self.limits.parallel is None or len(self.working()) <= self.limits.parallel

    @invariant()
    def something_begins_where_nothing_is_at_work_and_something_can(self) -> None:
        able = [
            each for each in self.tasks.values()
            if each.status.to_do and self.standings.get(each.identity, Standing()).state is State.WAITING
            and all(self.merged(name) for name in each.depends_on)
        ]  # fmt: skip
        if able and not self.working():
            assert any(turn.begins for turn in decide(list(self.tasks.values()), self.standings, self.limits))


TestAnyPlay = APlay.TestCase
