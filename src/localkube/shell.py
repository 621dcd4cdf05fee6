"""Running other programs: the one place that starts a subprocess and turns its failure into an error.

Nothing here goes through a shell: arguments are passed as a list.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from localkube.errors import CommandFailed, LocalKubeError

TAIL_BYTES = 8192
POLL_SECONDS = 0.2


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
    log: Path | None = None,
    stop: threading.Event | None = None,
    keep_open: tuple[int, ...] = (),
) -> str:
    """Run a program to its end and return its standard output.

    Args:
        argv: the program and its arguments.
        cwd: the folder to run it in.
        env: variables laid over this process's own.
        stdin: text for its standard input; without it the input is empty.
        timeout: seconds after which it is killed.
        log: a file to which both outputs are appended instead; the answer is then empty.
        stop: with `log`: ends the program as soon as it is set.
        keep_open: with `log`: file descriptors that it inherits, so that a lock outlives us as long as it runs.

    Raises:
        CommandFailed: it ended with a code other than 0, or was killed after `timeout` (code 124).
        LocalKubeError: there is no such program.
    """
    words = [str(word) for word in argv]
    merged = {**os.environ, **env} if env is not None else None
    try:
        if log is not None:
            return _run_into_log(words, cwd, merged, stdin, timeout, log, stop or threading.Event(), keep_open)
        done = subprocess.run(
            words, cwd=cwd, env=merged, input=stdin if stdin is not None else "",
            capture_output=True, text=True, errors="replace", timeout=timeout, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise LocalKubeError(
            f"the program {words[0]!r} was not found", "`pressplay cluster doctor` names what installs it"
        ) from None
    except subprocess.TimeoutExpired as expired:
        raise CommandFailed(words, 124, f"no end after {expired.timeout:.0f} s", log) from None
    if done.returncode != 0:
        raise CommandFailed(words, done.returncode, done.stdout[-TAIL_BYTES:] + done.stderr[-TAIL_BYTES:])
    return done.stdout


def _run_into_log(
    words: Sequence[str],
    cwd: Path | None,
    env: Mapping[str, str] | None,
    stdin: str | None,
    timeout: float | None,
    log: Path,
    stop: threading.Event,
    keep_open: tuple[int, ...],
) -> str:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink, tempfile.TemporaryFile() as source:
        sink.write(f"$ {' '.join(words)}\n".encode())
        sink.flush()
        start = sink.tell()
        source.write((stdin or "").encode())
        source.seek(0)
        # A group of its own, so that ending it ends the compilers and linkers below it as well.
        process = subprocess.Popen(
            words, cwd=cwd, env=env, stdin=source, stdout=sink, stderr=subprocess.STDOUT,
            start_new_session=True, pass_fds=keep_open,
        )  # fmt: skip
        code = _await_end(process, timeout, stop)
    if code != 0:
        with log.open("rb") as written:
            written.seek(max(start, log.stat().st_size - TAIL_BYTES))
            raise CommandFailed(words, code, written.read().decode(errors="replace"), log)
    return ""


def _await_end(process: subprocess.Popen[bytes], timeout: float | None, stop: threading.Event) -> int:
    """Wait for the end, at most `timeout` seconds and only while `stop` is not set; answers the exit code."""
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        while True:
            try:
                return process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                if stop.is_set() or (deadline is not None and time.monotonic() > deadline):
                    return 124
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
