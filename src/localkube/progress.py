"""What a person sees while work goes on: component, step, elapsed time and what is left.

On a terminal a live table; elsewhere a line at every step, and one every half minute where a step is long, so that a
log of CI shows that something still happens. Everything goes to standard error: standard output is for results.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

HEARTBEAT_SECONDS = 30.0


@dataclass
class _Part:
    cost: int
    step: str = ""
    step_began: float = 0
    began: float | None = None
    ended: float | None = None


@dataclass
class Progress:
    """The progress of named parts, told from any thread. Use as a context manager.

    Args:
        console: where to write; standard error by default.
        clock: seconds, monotonic.
    """

    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    clock: Callable[[], float] = time.monotonic
    _parts: dict[str, _Part] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _live: Live | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _heart: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._start = self.clock()

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(console=self.console, get_renderable=self._table, refresh_per_second=4, transient=True)
            self._live.start()
        else:
            self._heart = threading.Thread(target=self._beat, daemon=True)
            self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._live:
            self._live.stop()
        if self._heart:
            self._heart.join()

    def plan(self, costs: Mapping[str, int]) -> None:
        """Name parts that are to come, with the CPU seconds that each is known to cost."""
        with self._lock:
            for name, cost in costs.items():
                self._parts.setdefault(name, _Part(cost))

    def step(self, name: str, title: str) -> None:
        """Part `name` now does `title`; its first step starts its clock."""
        with self._lock:
            part = self._parts.setdefault(name, _Part(0))
            part.step, part.step_began = title, self.clock()
            part.began = part.began if part.began is not None else part.step_began
            if not self._live:
                self._print(f"{name}: {title}{self._left()}")

    def done(self, name: str, note: str = "") -> None:
        """Part `name` is finished."""
        with self._lock:
            part = self._parts.setdefault(name, _Part(0))
            part.ended = self.clock()
            took = part.ended - (part.began if part.began is not None else part.ended)
            self._print(f"{name}: {note or 'done'} ({duration(took)})")

    def say(self, line: str) -> None:
        """A line that belongs to no part."""
        with self._lock:
            self._print(line)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to somebody else for a while: to a question."""
        if self._live:
            self._live.stop()
        yield
        if self._live:
            self._live.start()

    def _print(self, line: str) -> None:
        clock = duration(self.clock() - self._start)
        self.console.print(Text(f"[{clock:>6}] {line}"), soft_wrap=True)

    def _running(self) -> dict[str, _Part]:
        return {name: part for name, part in self._parts.items() if part.began is not None and part.ended is None}

    def _left(self) -> str:
        waiting = [name for name, part in self._parts.items() if part.began is None and part.ended is None]
        if not waiting and not any(part.cost for part in self._running().values()):
            return ""
        finished = sum(part.ended is not None for part in self._parts.values())
        names = f"; then {', '.join(waiting)}" if waiting else ""
        return f"  ({finished} of {len(self._parts)} done, about {duration(self._seconds_left())} left{names})"

    def _seconds_left(self) -> float:
        cores = os.cpu_count() or 1
        waiting = sum(part.cost for part in self._parts.values() if part.began is None and part.ended is None)
        running = sum(
            max(part.cost - (self.clock() - (part.began or 0)) * cores / max(1, len(self._running())), 0)
            for part in self._running().values()
        )
        return (waiting + running) / cores

    def _table(self) -> Group:
        with self._lock:
            table = Table.grid(padding=(0, 2))
            for name, part in self._running().items():
                took = duration(self.clock() - (part.began or 0))
                table.add_row(Spinner("dots"), Text(name, style="bold"), Text(part.step), Text(took, style="dim"))
            return Group(table, Text(self._left().strip(), style="dim"))

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            with self._lock:
                running = [
                    f"{name}: {part.step} for {duration(self.clock() - part.step_began)}"
                    for name, part in self._running().items()
                ]
                if running:
                    self._print(f"still at {', '.join(running)}{self._left()}")


def duration(seconds: float) -> str:
    """Seconds as a person reads them: 9 s, 2m05s, 1h02m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
