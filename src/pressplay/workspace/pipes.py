"""Talking to a process over its pipes, with a bound on what it may say and on how long it may take."""

from __future__ import annotations

import io
import os
import selectors
import subprocess
import time
from typing import IO

PIECE = 65_536
MOST_SAID = 16_384


class TooMuch(Exception):
    """A process said more than was to be held."""


def talk(
    process: subprocess.Popen[bytes], given: bytes, most: int, seconds: float, sink: IO[bytes] | None = None
) -> tuple[bytes, bytes]:
    """Give a process its input, and read its outputs until it ends; answers standard output and the end of the other.

    Pipes that it does not have are passed over.

    Args:
        most: bytes of standard output; no more than this and one piece are ever held, or written.
        sink: where standard output goes instead of into the answer.

    Raises:
        TooMuch: there are more; the process still runs.
        TimeoutError: it has not ended within `seconds`; it still runs.
    """
    ends = time.monotonic() + seconds
    left, said, size = memoryview(given), bytearray(), 0
    out = io.BytesIO() if sink is None else sink
    with selectors.DefaultSelector() as waiting:
        pipes = _registered(process, waiting)
        while waiting.get_map():
            for key, _ in waiting.select(_left(ends)):
                if key.fileobj is process.stdin:
                    left = _write(key.fd, left)
                    over = not left
                else:
                    piece = os.read(key.fd, PIECE)
                    over = not piece
                    if key.fileobj is process.stdout:
                        size += out.write(piece)
                    else:
                        said = (said + piece)[-MOST_SAID:]
                if size > most:
                    raise TooMuch(f"more than {most:,} bytes")
                if over:
                    waiting.unregister(key.fileobj)
                    pipes[key.fd].close()
    _await(process, ends)
    return out.getvalue() if isinstance(out, io.BytesIO) else b"", bytes(said)


def _registered(process: subprocess.Popen[bytes], waiting: selectors.BaseSelector) -> dict[int, IO[bytes]]:
    pipes = {pipe.fileno(): pipe for pipe in (process.stdin, process.stdout, process.stderr) if pipe is not None}
    for handle, pipe in pipes.items():
        os.set_blocking(handle, False)
        waiting.register(pipe, selectors.EVENT_WRITE if pipe is process.stdin else selectors.EVENT_READ)
    return pipes


def _await(process: subprocess.Popen[bytes], ends: float) -> None:
    try:
        process.wait(_left(ends))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None


def _write(handle: int, left: memoryview) -> memoryview:
    try:
        return left[os.write(handle, left[:PIECE]) :] if left else left
    except BrokenPipeError:
        # It does not want to know the rest, as one that ends with an error.
        return left[:0]


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
