"""Applications on real ports, in threads: they are there, and gone again, at once.

uvicorn looks ten times a second whether it should end, and rests a tenth of one before it does: some thousand times in
a run of all tests.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

SECONDS = 20
Closing = Callable[[], Awaitable[None]]


class _Prompt(uvicorn.Server):
    """uvicorn's server, told instead of looking."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._over: Callable[[], None] = lambda: None

    async def main_loop(self) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        self._over = lambda: _told(loop, over)
        await self.on_tick(0)
        self.ready.set()
        await over.wait()

    def stop(self) -> None:
        """Have it end, from another thread."""
        self._over()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Answer what was asked, and end."""
        for each in self.servers:
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - uvicorn's own sets
            await asyncio.sleep(0.002)


def _told(loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> None:
    loop.call_soon_threadsafe(over.set)


@contextmanager
def served(app: Any, *closing: Closing, **where: Any) -> Iterator[str]:
    """The address of an application on loopback, or "" for one on a socket; at last `closing` is awaited in its loop.

    Args:
        where: `uds`, a socket's path.
    """
    server = _Prompt(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off", **where))

    async def serve() -> None:
        await server.serve()
        for close in closing:
            await close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert server.ready.wait(SECONDS), f"waited {SECONDS} s for the listener"
    try:
        yield "" if where else f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.stop()
        thread.join(SECONDS)
