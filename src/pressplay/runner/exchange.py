"""The runner's side of the exchange (see `pressplay.protocol.workbench`)."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pressplay.workspace.beneath import Beneath, NotBeneath

READY_SECONDS = 120.0
POLL_SECONDS = 0.05
# Beyond the workbench's own limit: it ends the process group by itself.
PATIENCE = 20.0
MOST_READ = 64 * 1024 * 1024


class WorkbenchUnusable(Exception):
    """There is no workbench that does what is needed."""


@dataclass(frozen=True)
class Ran:
    """What became of a command.

    Attributes:
        code: its exit code; 124 where its time was over.
        output: both outputs, in full.
    """

    code: int
    output: bytes
    late: bool


class Exchange:
    """Has commands executed, one at a time."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._number = 0

    async def ready(self) -> None:
        """Wait for the workbench.

        Raises:
            WorkbenchUnusable: it does not answer, or has no git.
        """
        deadline = self._clock() + READY_SECONDS
        mark = self._folder / "ready"
        while not mark.exists():
            if self._clock() > deadline:
                raise WorkbenchUnusable(
                    f"no workbench within {READY_SECONDS:.0f} s; its image needs a POSIX shell at /bin/sh"
                )
            await asyncio.sleep(POLL_SECONDS)
        if mark.read_text(errors="replace").strip() == "none":
            raise WorkbenchUnusable(
                "the workbench's image has no git; set spec.workbench.image to one with a POSIX shell and git"
            )
        # A runner that was started again goes on behind what is there.
        names = [path.name for path in (self._folder / "in").iterdir() if path.name.isdigit()]
        self._number = max(map(int, names), default=0)

    async def run(self, script: str, folder: Path, seconds: float) -> Ran:
        """Execute a shell script in a folder.

        Raises:
            OSError: the exchange cannot be written, for example because the disk is full.
        """
        self._number += 1
        name = str(self._number)
        part = self._folder / "in" / f".{name}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for file, text in (("script", script), ("folder", str(folder)), ("seconds", str(max(1, int(seconds))))):
            (part / file).write_text(text, encoding="utf-8", errors="surrogateescape")
        part.rename(self._folder / "in" / name)
        return await self._outcome(name, seconds)

    async def _outcome(self, name: str, seconds: float) -> Ran:
        out = self._folder / "out" / name
        deadline = self._clock() + seconds + PATIENCE
        while not (out / "code").exists():
            if self._clock() > deadline:
                return Ran(124, self._output(name), late=True)
            await asyncio.sleep(POLL_SECONDS)
        told = (out / "code").read_text(errors="replace").strip()
        late = (out / "late").exists()
        code = int(told) if told.isdigit() else 1
        return Ran(124 if late else code, self._output(name), late)

    def _output(self, name: str) -> bytes:
        path = f"out/{name}/output"
        tree = Beneath(self._folder)
        try:
            size = tree.status(path).st_size
            if size <= MOST_READ:
                return tree.read(path, MOST_READ)
            return self._ends(name)
        except (OSError, NotBeneath):
            return b""

    def _ends(self, name: str) -> bytes:
        half = MOST_READ // 2
        handle = os.open(self._folder / "out" / name / "output", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            head = file.read(half)
            file.seek(-half, os.SEEK_END)
            return head + b"\n...\n" + file.read(half)
