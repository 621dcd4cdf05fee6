"""Plays on the cluster's own Argo: tasks begin when what they depend on is merged, one Workflow each, whatever happens.

What a task's Workflow does is not looked at here: it stands still until the test ends it, and the gateway's answer says
what it came to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pressplay.cli import plays_cluster
from pressplay.kube import argo
from pressplay.kube.access import Access, objects
from pressplay.operator.nodes.worker import NodeWorker
from pressplay.planner.backlog import Task
from pressplay.planner.plays import Settings, chosen
from pressplay.resources import names
from tests.apiserver.a_flow import WORKFLOWS, Place, place
from tests.apiserver.conftest import NAME
from tests.apiserver.test_flow_nodes import Killed, Life, MortalAccess
from tests.unit.test_schedule import DIAMOND, task

PLAY = "backlog"
MERGED = {"verdict": "merged", "message": "it is merged", "outputs": {"verdict": "merged", "head": "a" * 40}}
PARKED = {"verdict": "parked", "message": "qa says fail", "outputs": {"verdict": "parked", "pull-request": "7"}}
STANDS_STILL = {
    "apiVersion": argo.API_VERSION, "kind": "WorkflowTemplate", "metadata": {"name": "task-flow"},
    "spec": {"entrypoint": "hold", "templates": [{"name": "hold", "suspend": {}}]},
}  # fmt: skip


@dataclass
class Stage:
    """A namespace in which plays are played.

    Attributes:
        begun: tasks in the order in which they began; together: which were at work at once.
    """

    here: Place
    begun: list[str] = field(default_factory=list)
    together: list[set[str]] = field(default_factory=list)

    def play(self, *tasks: Task, parallel: int | None = None) -> str:
        """Play, as the command line does; answers the Workflow's name."""
        settings = Settings("acme/sums", parallel=parallel)
        return plays_cluster.begin(self.here.access, self.here.namespace, PLAY, chosen(tasks), settings)

    def children(self) -> list[dict[str, Any]]:
        """The Workflows of tasks."""
        selector = f"{names.PLAY}={PLAY},{names.FLOW}=task-flow"
        path = objects(*WORKFLOWS, self.here.namespace)
        found: list[dict[str, Any]] = self.here.access.get(path, labelSelector=selector)["items"]
        return found

    def live(self) -> list[dict[str, Any]]:
        """Those at work."""
        return [each for each in self.children() if not argo.has_ended(each)]

    def end(self, count: int = 100) -> None:
        """End what is at work, so many at most; and note what was."""
        live = self.live()
        at_work = {each["metadata"]["labels"][names.TASK] for each in live}
        self.begun += sorted(at_work - set(self.begun))
        if at_work:
            self.together.append(at_work)
        for each in live[:count]:
            self.here.change(each["metadata"]["name"], {"shutdown": "Terminate"})

    def board(self) -> dict[str, str]:
        """Where each task is, as people are told."""
        newest = plays_cluster.generations(self.here.access, self.here.namespace, PLAY)[-1]
        return {each.task: each.state for each in plays_cluster.board_of(newest).tasks}


@pytest.fixture
def stage(access: Access, tmp_path: Path) -> Iterator[Stage]:
    with place(access, NAME, tmp_path) as here:
        here.access.create(objects(argo.API_VERSION, "workflowtemplates", here.namespace), STANDS_STILL)
        here.script.gates["task"] = MERGED
        yield Stage(here)


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 240))


async def settled(stage: Stage, worker: NodeWorker, name: str) -> None:
    """A play to its end."""
    await stage.here.drive(worker, name, stage.end)


def test_a_diamond_is_played_to_its_end_in_its_order(stage: Stage) -> None:
    async def work() -> None:
        async with stage.here.worker() as worker:
            await settled(stage, worker, stage.play(*DIAMOND))

    run(work)
    assert stage.begun == ["a", "b", "c", "d"]
    assert stage.here.phase(f"{PLAY}-1") == "Succeeded"
    assert stage.board() == dict.fromkeys("abcd", "merged")
    assert len(stage.children()) == 4


def test_two_on_the_same_files_are_never_at_work_together(stage: Stage) -> None:
    tasks = [task(name, paths=("src/",) if name in "ab" else ()) for name in "abc"]

    async def work() -> None:
        async with stage.here.worker() as worker:
            await settled(stage, worker, stage.play(*tasks))

    run(work)
    assert not any({"a", "b"} <= each for each in stage.together)
    assert any({"a", "c"} <= each for each in stage.together)


def test_what_is_parked_keeps_what_depends_on_it_and_is_tried_once_more_when_it_is_played_again(stage: Stage) -> None:
    async def work() -> None:
        async with stage.here.worker() as worker:
            stage.here.script.gates["task"] = PARKED
            await settled(stage, worker, stage.play(*DIAMOND))
            assert stage.board() == {"a": "parked", "b": "held", "c": "held", "d": "held"}
            # Of what ended before this play the gateway says the same again, and it is tried once more.
            name = stage.play(*DIAMOND)
            await stage.here.waiting(name, "task-a")
            await worker.look(stage.here.namespace, name)
            assert len(stage.live()) == 1
            stage.here.script.gates["task"] = MERGED
            await settled(stage, worker, name)

    run(work)
    assert stage.board() == dict.fromkeys("abcd", "merged")
    assert len(stage.children()) == 5


def test_a_play_that_is_stopped_ends_its_tasks(stage: Stage) -> None:
    async def work() -> None:
        async with stage.here.worker() as worker:
            name = stage.play(*DIAMOND)
            await _begun(stage, worker, name)
            stage.here.change(name, {"shutdown": "Stop"})
            await stage.here.drive(worker, name)
            with suppress(argo.Unserved):
                await worker.look(stage.here.namespace, name)
            await stage.here.until("its task to end", lambda: not stage.live())

    run(work)


def test_a_backlog_that_changed_goes_on_with_what_is_at_work_and_nothing_is_worked_twice(stage: Stage) -> None:
    async def work() -> None:
        async with stage.here.worker() as worker:
            first = stage.play(*DIAMOND)
            await _begun(stage, worker, first)
            second = stage.play(*DIAMOND, task("e"))
            # The old one is looked at once more, and has no say any more.
            await worker.look(stage.here.namespace, first)
            await stage.here.ended(first, "Failed")
            await worker.look(stage.here.namespace, first)
            assert len(stage.live()) == 1
            await settled(stage, worker, second)

    run(work)
    assert stage.begun == ["a", "e", "b", "c", "d"]
    assert len(stage.children()) == 5
    assert stage.board() == dict.fromkeys("abcde", "merged")


@pytest.mark.parametrize("after", [False, True])
def test_an_operator_that_dies_beside_a_task_s_beginning_has_it_begin_once(stage: Stage, *, after: bool) -> None:
    async def work() -> None:
        name = stage.play(task("a"))
        life = Life(1, after)
        async with stage.here.worker(MortalAccess(stage.here.access, life)) as mortal:
            with suppress(Killed):
                await stage.here.drive(mortal, name, stage.end)
        async with stage.here.worker() as following:
            await settled(stage, following, name)

    run(work)
    assert len(stage.children()) == 1
    assert stage.board() == {"a": "merged"}


async def _begun(stage: Stage, worker: NodeWorker, name: str) -> None:
    """Wait until a task of a play is at work."""
    await stage.here.waiting(name, "task-a")
    for _ in range(3):
        with suppress(argo.Unserved):
            await worker.look(stage.here.namespace, name)
    assert len(stage.live()) == 1
