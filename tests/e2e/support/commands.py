"""The command line as a user types it, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

SECONDS = 240


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


def command_line(*words: str) -> list[str]:
    """The words that start `pressplay` with the Python that runs the tests."""
    return [sys.executable, "-m", "pressplay", *words]


def answer(*words: str, env: Mapping[str, str] | None = None, seconds: float = SECONDS) -> Answer:
    """Run `pressplay WORDS…` to its end, however it ends."""
    done = subprocess.run(
        command_line(*words), env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    return Answer(done.returncode, done.stdout, done.stderr)


def pressplay(*words: str, env: Mapping[str, str] | None = None, seconds: float = SECONDS) -> str:
    """Run `pressplay WORDS…`, which must succeed, and answer what it printed."""
    got = answer(*words, env=env, seconds=seconds)
    assert got.code == 0, f"pressplay {' '.join(words)} ended with {got.code}:\n{got.out}{got.err}"
    return got.out


def refused(*words: str, env: Mapping[str, str] | None = None) -> str:
    """Run `pressplay WORDS…`, which must be refused without a traceback, and answer what it said."""
    got = answer(*words, env=env)
    assert got.code != 0, f"pressplay {' '.join(words)} was not refused:\n{got.out}{got.err}"
    assert "Traceback" not in got.err, got.err
    return got.err
