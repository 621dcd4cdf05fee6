"""The errors a user meets: one line that says what is wrong, one that says what to do about it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

SHOWN_CHARACTERS = 100


class LocalKubeError(Exception):
    """Something the user can read and act on.

    Args:
        message: what is wrong, one line, naming the thing (a field, a port, a path).
        remedy: what to do about it, one line; empty only where nothing can be done.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message


class CommandFailed(LocalKubeError):
    """A program that we ran ended with an error; carries the end of what it printed and where the rest is."""

    def __init__(self, argv: Sequence[str], returncode: int, output: str, log: Path | None = None) -> None:
        tail = "\n".join(f"    {line}" for line in output.strip().splitlines()[-20:])
        where = f"the whole log is in {log}" if log else ""
        command = textwrap.shorten(" ".join(argv), SHOWN_CHARACTERS, placeholder=" …")
        super().__init__(f"`{command}` ended with exit code {returncode}\n{tail}".rstrip(), where)
        self.argv = tuple(argv)
        self.returncode = returncode
        self.output = output

    @property
    def last_line(self) -> str:
        """The last line of what it printed, where most programs say what is wrong."""
        return (self.output.strip().splitlines() or ["no answer"])[-1].strip()
