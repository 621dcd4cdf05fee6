"""A set of workstreams being worked: by a Workflow of Argo's, which goes on without us, or from here, run by run.

Looks at the cluster, does what follows, and waits for the next change. What is printed is said by who calls.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pressplay.cli import runs
from pressplay.cli import workstreams_text as text
from pressplay.cli.failures import Problem
from pressplay.cli.follow import WATCH_SECONDS, Patience
from pressplay.cli.show import say
from pressplay.cli.workstreams_cluster import Seen, begin, gather
from pressplay.kube.access import Access, Unreachable, objects
from pressplay.kube.argo import API_VERSION as ARGO
from pressplay.kube.argo import PLURAL
from pressplay.planner.workstream_board import NEVER, Board, State, board, next_generation, next_up, wanted_generations
from pressplay.planner.workstream_objects import FLOW, build_run, build_workflow
from pressplay.planner.workstreams import Planned
from pressplay.resources import names


@dataclass(frozen=True)
class Set:
    """A folder's workstreams.

    Attributes:
        name: by which it is found again in the cluster.
    """

    name: str
    plan: tuple[Planned, ...]


class Worked(ABC):
    """A set that is being worked.

    Attributes:
        places: namespaces that may have something of it, that in which it is worked first.
        seen: what there was of it at the last look.
        wanted: the least generation that counts, by workstream.
    """

    kind: str

    def __init__(self, access: Access, places: Sequence[str], told: Set) -> None:
        self.access, self.places, self.namespace, self.told = access, places, places[0], told
        self.wanted: dict[str, int] = {}
        self.seen = Seen((), None)

    @abstractmethod
    def begin(self, again: bool) -> None:
        """Begin it, or find that it has begun."""

    @abstractmethod
    def step(self) -> Board:
        """Look, and do what follows."""

    @abstractmethod
    def over(self, where: Board) -> bool:
        """Whether nothing more happens."""

    @abstractmethod
    def left_alone(self, where: Board) -> str:
        """What becomes of it when nobody waits."""

    @abstractmethod
    def changes(self) -> tuple[str, dict[str, Any]]:
        """The path that tells of changes, and the query."""

    def wait_for_a_change(self, seconds: int) -> None:
        """Wait until something has happened since the last look, or for some seconds."""
        path, query = self.changes()
        for _ in self.access.watch(path, seconds, resourceVersion=self.seen.versions[self.kind], **query):
            return

    def look(self) -> Board:
        """Look."""
        self.seen = gather(self.access, self.places, self.told.name)
        return board(self.told.name, self.told.plan, self.seen.ran, self.wanted)


class InWorkflow(Worked):
    """Argo works it."""

    kind = "Workflow"
    workflow = ""

    def begin(self, again: bool) -> None:
        """Have Argo begin; a Workflow of the set that still runs is followed instead."""
        self.look()
        if self.seen.live is not None:
            self.workflow, self.wanted = self.seen.live["metadata"]["name"], self.seen.wanted
            say(f"workflow/{self.workflow} works {self.told.name} already, with the files as they were when it began")
            return
        self.wanted = wanted_generations(self.told.plan, self.seen.ran, again=again)
        before = self.look()
        going = [name for name, state in before.states.items() if state is State.RUNNING]
        if going:
            raise Problem(f"runs of an earlier call go on: {', '.join(going)}", "wait for them, or add --no-argo")
        chosen = {name for name, state in before.states.items() if state in (State.READY, State.WAITING)}
        if not chosen:
            return
        manifest = build_workflow(self.told.name, self.told.plan, next_generation(self.seen.ran), chosen)
        self.workflow = manifest["metadata"]["name"]
        begin(self.access, objects(ARGO, PLURAL, self.namespace), manifest)
        say(f"workflow/{self.workflow} is made in {self.namespace}: {len(chosen)} of {len(before.plan)} workstreams")

    def step(self) -> Board:
        """Look: Argo does the rest."""
        return self.look()

    def over(self, where: Board) -> bool:
        """Whether the Workflow has ended, by itself or because somebody stopped it."""
        live = self.seen.live
        return where.settled or live is None or live["metadata"]["name"] != self.workflow

    def left_alone(self, where: Board) -> str:
        """It goes on, or it was ended from outside."""
        if self.over(where):
            return f"workflow/{self.workflow} has ended before all had begun; run it again for the others"
        return "Argo goes on with it; `pressplay workstreams status` says where it is"

    def changes(self) -> tuple[str, dict[str, Any]]:
        """Those of the Workflow."""
        return objects(ARGO, PLURAL, self.namespace), {"fieldSelector": f"metadata.name={self.workflow}"}


class FromHere(Worked):
    """This command works it.

    Args:
        most: how many at once.
    """

    kind = "CodeRun"

    def __init__(self, access: Access, places: Sequence[str], told: Set, most: int | None) -> None:
        super().__init__(access, places, told)
        self.most = most

    def begin(self, again: bool) -> None:
        """Fix which generation each is to run in, so that what fails now is not begun again in this call."""
        self.look()
        if self.seen.live is not None:
            name = self.seen.live["metadata"]["name"]
            raise Problem(f"workflow/{name} works {self.told.name} already", "leave --no-argo out to follow it")
        self.wanted = wanted_generations(self.told.plan, self.seen.ran, again=again)

    def step(self) -> Board:
        """Look, and begin what may begin."""
        by_name = {each.name: each for each in self.told.plan}
        begun: set[str] = set()
        while True:
            where = self.look()
            # Each at most once a step, whatever the cluster answers; again, since one may have ended meanwhile.
            chosen = [name for name in next_up(where, self.most) if name not in begun]
            for name in chosen:
                manifest = build_run(self.told.name, by_name[name], self.wanted[name])
                if begin(self.access, runs.path("CodeRun", self.namespace), manifest):
                    say(f"coderun/{manifest['metadata']['name']} is made in {self.namespace}: {by_name[name].persona}")
            begun.update(chosen)
            if not chosen:
                return where

    def over(self, where: Board) -> bool:
        """Whether nothing runs, and nothing may begin."""
        return where.settled

    def left_alone(self, where: Board) -> str:
        """What runs goes on; what has not begun does not begin."""
        later = [name for name, state in where.states.items() if state in (State.READY, State.WAITING)]
        if not later:
            return "what runs goes on without us"
        return f"without Argo nobody begins {', '.join(later)}: run it again when the others are done, or with --wait"

    def changes(self) -> tuple[str, dict[str, Any]]:
        """Those of the set's runs."""
        selector = f"{names.SUBJECT}={self.told.name},{names.FLOW}={FLOW}"
        return runs.path("CodeRun", self.namespace), {"labelSelector": selector}


def until_settled(
    work: Worked, tell: Callable[[str], None], timeout: float | None, clock: Callable[[], float] = time.monotonic
) -> Board:
    """Look and do what follows until nothing more happens; answers where the set is then.

    Args:
        tell: is given a line for each workstream that has got on.
        timeout: seconds to wait; None for as long as it takes.
    """
    ends = None if timeout is None else clock() + timeout
    before: dict[str, State] = {}
    patience = Patience(clock)
    while True:
        try:
            where = work.step()
            for name, state in where.states.items():
                if state is not before.get(name) and state not in (State.WAITING, State.READY):
                    told = text.why(where, name) if state in NEVER else _result(where, name)
                    tell(f"{runs.now().astimezone():%H:%M:%S}  {name} {state}{f': {told}' if told else ''}")
            before = dict(where.states)
            patience.seen()
            if work.over(where) or (ends is not None and clock() >= ends):
                return where
            work.wait_for_a_change(WATCH_SECONDS if ends is None else max(1, min(WATCH_SECONDS, int(ends - clock()))))
        except Unreachable as error:
            patience.unseen(error)


def _result(where: Board, name: str) -> str:
    ran = where.ran.get(name)
    if ran is None:
        return text.why(where, name)
    return ran.url or ran.run
