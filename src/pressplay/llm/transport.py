"""How long a call to a model waits: for its connection, and then for each byte."""

from __future__ import annotations

import httpx2

# A vendor, or a gateway that is started anew, takes a connection at once or is not there: only its answer takes time.
CONNECT_SECONDS = 10.0


def patience(idle: float) -> httpx2.Timeout:
    """The time-outs of a call.

    Args:
        idle: seconds without a byte, once there is a connection.
    """
    return httpx2.Timeout(idle, connect=min(idle, CONNECT_SECONDS))


def never_connected(error: Exception) -> bool:
    """Whether the time-out that an SDK tells was that of connecting, so that nothing can have been spent."""
    return isinstance(error.__cause__ or error, httpx2.ConnectTimeout)
