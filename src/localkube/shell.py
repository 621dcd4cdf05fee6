"""Running other programs to their end, and turning their failure into an error that a user can read.

Nothing here goes through a shell: arguments are passed as a list.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from localkube.errors import CommandFailed, LocalKubeError

TAIL_BYTES = 8192
POLL_SECONDS = 0.2
# The exit code of what we ended ourselves, as timeout(1) has it.
STOPPED = 124


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    timeout: float | None = None,
) -> str:
    """Run a program to its end and return its standard output.

    Args:
        argv: the program and its arguments.
        cwd: the folder to run it in.
        env: variables laid over this process's own.
        stdin: text for its standard input.
        timeout: seconds after which it is killed.

    Raises:
        CommandFailed: it ended with a code other than 0, or was killed after `timeout` (code 124).
        LocalKubeError: there is no such program.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words, cwd=cwd, env=_over_our_own(env), input=stdin,
            capture_output=True, text=True, errors="replace", timeout=timeout, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise _not_found(words) from None
    except subprocess.TimeoutExpired as expired:
        raise CommandFailed(words, STOPPED, f"no end after {expired.timeout:.0f} s") from None
    if done.returncode != 0:
        raise CommandFailed(words, done.returncode, done.stdout[-TAIL_BYTES:] + done.stderr[-TAIL_BYTES:])
    return done.stdout


def run_into_log(
    argv: Sequence[str | Path],
    log: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
    keep_open: tuple[int, ...] = (),
) -> None:
    """Run a program to its end, both its outputs appended to a file.

    Args:
        argv: the program and its arguments.
        log: the file.
        cwd: the folder to run it in.
        env: variables laid over this process's own.
        stop: ends the program as soon as it is set.
        keep_open: file descriptors that it inherits, so that a lock outlives us as long as it runs.

    Raises:
        CommandFailed: it ended with a code other than 0, or was stopped (code 124); names the log.
        LocalKubeError: there is no such program.
    """
    words = [str(word) for word in argv]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        sink.write(f"$ {' '.join(words)}\n".encode())
        sink.flush()
        start = sink.tell()
        try:
            # A group of its own, so that ending it ends the compilers and linkers below it as well.
            process = subprocess.Popen(
                words, cwd=cwd, env=_over_our_own(env), stdin=subprocess.DEVNULL, stdout=sink,
                stderr=subprocess.STDOUT, start_new_session=True, pass_fds=keep_open,
            )  # fmt: skip
        except FileNotFoundError:
            raise _not_found(words) from None
        code = _await_end(process, stop or threading.Event())
    if code != 0:
        with log.open("rb") as written:
            written.seek(max(start, log.stat().st_size - TAIL_BYTES))
            raise CommandFailed(words, code, written.read().decode(errors="replace"), log)


def _over_our_own(env: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(env or {})}


def _not_found(words: Sequence[str]) -> LocalKubeError:
    return LocalKubeError(
        f"the program {words[0]!r} was not found", "`pressplay cluster doctor` names what installs it"
    )


def _await_end(process: subprocess.Popen[bytes], stop: threading.Event) -> int:
    """Wait for the end as long as `stop` is not set; answers the exit code."""
    try:
        while not stop.is_set():
            with suppress(subprocess.TimeoutExpired):
                return process.wait(POLL_SECONDS)
        return STOPPED
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
