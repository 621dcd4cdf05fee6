"""git's plumbing, run so that nothing but our own arguments decides what it does.

No configuration of the machine or the user, no hooks, no filters, no network, no credential; a time-out ends the whole
process group, and what is printed is bounded.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pressplay.workspace.pipes import TooMuch, talk

SECONDS = 300.0
MOST_OUTPUT = 256 * 1024 * 1024
# Into a file more may go: the pack of a large repository.
MOST_WRITTEN = 8 * 1024 * 1024 * 1024
TAIL = 2_000

# Each of these can make git start a program or read a file that somebody else wrote.
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.precomposeUnicode=false",
    "core.autocrlf=false",
    "diff.external=",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    "safe.directory=*",
    "submodule.recurse=false",
)
_ENVIRONMENT = {
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
}


class GitFailed(Exception):
    """A git command ended with an error.

    Attributes:
        command: its words.
        said: the end of what it wrote to standard error.
    """

    def __init__(self, command: Sequence[str], code: int, said: str) -> None:
        self.command = tuple(command)
        self.code = code
        self.said = said.strip()[-TAIL:]
        super().__init__(f"git {' '.join(command[:3])} ended with {code}: {self.said}")

    @property
    def no_space(self) -> bool:
        """Whether the disk was full."""
        return "No space left on device" in self.said or "Disk quota exceeded" in self.said


@dataclass(frozen=True)
class Git:
    """git bound to one repository.

    Attributes:
        folder: of the repository: a working tree with `.git`, or a bare one.
        variables: laid over the clean environment, for example another object folder.
    """

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def with_variables(self, **variables: str) -> Git:
        """The same with further variables."""
        return Git(self.folder, {**self.variables, **variables})

    def run(self, *words: str, stdin: bytes | IO[bytes] = b"", seconds: float = SECONDS) -> bytes:
        """Run a command to its end; answers its standard output.

        Raises:
            GitFailed: it ended with an error, printed too much, or took longer than `seconds`.
        """
        with self._start(words, stdin) as process:
            return self._finish(process, words, stdin, seconds, MOST_OUTPUT)

    def text(self, *words: str, stdin: bytes = b"") -> str:
        """The same as text, without the last line's end."""
        return self.run(*words, stdin=stdin).decode("utf-8", "surrogateescape").rstrip("\n")

    def write(self, target: Path, *words: str, stdin: bytes = b"", seconds: float = SECONDS) -> None:
        """Run a command with its standard output in a file.

        Raises:
            GitFailed: as `run`; what the file holds is of no use then.
        """
        with target.open("wb") as sink, self._start(words, stdin) as process:
            self._finish(process, words, stdin, seconds, MOST_WRITTEN, sink)

    def succeeds(self, *words: str) -> bool:
        """Whether a command ends well."""
        try:
            self.run(*words)
        except GitFailed:
            return False
        return True

    def _start(self, words: Sequence[str], stdin: bytes | IO[bytes]) -> subprocess.Popen[bytes]:
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        environment = {"PATH": os.environ.get("PATH", os.defpath), **_ENVIRONMENT, **self.variables}
        return subprocess.Popen(
            ["git", *settings, *words],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def _finish(
        self, process: subprocess.Popen[bytes], words: Sequence[str], stdin: bytes | IO[bytes], seconds: float,
        most: int, sink: IO[bytes] | None = None,
    ) -> bytes:  # fmt: skip
        try:
            out, said = talk(process, stdin if isinstance(stdin, bytes) else b"", most, seconds, sink)
        except TimeoutError:
            self._kill(process)
            raise GitFailed(words, 124, f"no end after {seconds:.0f} s") from None
        except TooMuch:
            self._kill(process)
            raise GitFailed(words, 1, f"printed more than {most:,} bytes") from None
        except BaseException:
            self._kill(process)
            raise
        if process.returncode:
            raise GitFailed(words, process.returncode, said.decode("utf-8", "replace"))
        return out

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
