"""The runner's side of the exchange (see `pressplay.protocol.workbench`)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pressplay.workspace.beneath import Beneath, NotBeneath, TooLarge

READY_SECONDS = 120.0
POLL_SECONDS = 0.05
# Beyond the workbench's own limit: it ends the process group by itself.
PATIENCE = 20.0
MOST_READ = 64 * 1024 * 1024
LONGEST_WORD = 200
_NUMBER = re.compile(r"[0-9]{1,9}")
_CODE = re.compile(r"[0-9]{1,3}")


class WorkbenchUnusable(Exception):
    """There is no workbench that does what is needed."""


@dataclass(frozen=True)
class Ran:
    """What became of a command.

    Attributes:
        code: its exit code; 124 where its time was over.
        output: both outputs; of very long ones the beginning and the end.
    """

    code: int
    output: bytes
    late: bool


class Commands(Protocol):
    """Whoever has commands executed, or has had them."""

    async def run(self, script: str, folder: Path, seconds: float) -> Ran:
        """What became of a shell script in a folder."""


class Exchange:
    """Has commands executed, one at a time."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._tree = Beneath(folder)
        self._clock = clock
        self._number = 0

    async def ready(self) -> None:
        """Wait for the workbench.

        Raises:
            WorkbenchUnusable: it does not answer, or has no git.
        """
        deadline = self._clock() + READY_SECONDS
        while (mark := self._said("ready")) is None:
            if self._clock() > deadline:
                raise WorkbenchUnusable(
                    f"no workbench within {READY_SECONDS:.0f} s; its image needs a POSIX shell at /bin/sh"
                )
            await asyncio.sleep(POLL_SECONDS)
        if mark == "none":
            raise WorkbenchUnusable(
                "the workbench's image has no git; set spec.workbench.image to one with a POSIX shell and git"
            )
        # A runner that was started again goes on behind what is there.
        with suppress(OSError):
            names = [path.name for path in (self._folder / "in").iterdir() if _NUMBER.fullmatch(path.name)]
            self._number = max(map(int, names), default=0)

    async def run(self, script: str, folder: Path, seconds: float) -> Ran:
        """Execute a shell script in a folder.

        Raises:
            OSError: the exchange cannot be written, for example because the disk is full.
            WorkbenchUnusable: what ran there has put something in its way.
        """
        self._number += 1
        name = str(self._number)
        self.put(name, script, str(folder), seconds)
        return await self._outcome(name, seconds)

    def put(self, name: str, script: str, folder: str, seconds: float) -> None:
        """Write a request down, to be executed after those whose names stand before its own.

        Raises:
            OSError, WorkbenchUnusable: as of `run`.
        """
        told = {"script": script, "folder": folder, "seconds": str(max(1, int(seconds)))}
        try:
            for file, text in told.items():
                self._tree.write(f"in/.{name}/{file}", text.encode("utf-8", "surrogateescape"))
            self._tree.rename(f"in/.{name}", name)
        except NotBeneath as error:
            raise WorkbenchUnusable(f"the exchange is not as it was made: {error}") from None

    async def _outcome(self, name: str, seconds: float) -> Ran:
        deadline = self._clock() + seconds + PATIENCE
        while (ran := self.outcome(name)) is None:
            if self._clock() > deadline:
                return Ran(124, self._output(name), late=True)
            await asyncio.sleep(POLL_SECONDS)
        return ran

    def outcome(self, name: str) -> Ran | None:
        """What became of a request; None where that has not ended."""
        told = self._said(f"out/{name}/code")
        if told is None:
            return None
        late = self._said(f"out/{name}/late") is not None
        code = int(told) if _CODE.fullmatch(told) else 1
        return Ran(124 if late else code, self._output(name), late)

    def _said(self, path: str) -> str | None:
        """A word of the workbench's; None where there is none yet, or what is there is no small file."""
        try:
            return self._tree.read(path, LONGEST_WORD).decode("utf-8", "replace").strip()
        except (OSError, NotBeneath, TooLarge):
            return None

    def _output(self, name: str) -> bytes:
        try:
            return self._tree.ends(f"out/{name}/output", MOST_READ // 2)
        except (OSError, NotBeneath):
            return b""
