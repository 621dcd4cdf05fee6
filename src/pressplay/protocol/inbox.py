"""What a bringer of events and the gateway's inbox say to each other.

| route | what |
| --- | --- |
| POST /events | a webhook's body → 202 with `Outcome`; 503 where it should be brought again |
| POST /events with `Prefer: return=minimal` (RFC 7240) | the same → 204 as soon as it is kept |
| POST /events/dead | what could not be brought for long → 204 |

Argo Events never reads an answer's body and holds the connection until it would time out, so a Sensor asks for none.
"""

from __future__ import annotations

from typing import Final

from pressplay.protocol.base import Message

EVENTS: Final = "/events"
DEAD_LETTERS: Final = "/events/dead"
MINIMAL: Final = "return=minimal"
# GitHub sends 25 MiB at most; written anew by Argo Events it may be longer.
LARGEST_BROUGHT: Final = 40 * 1024 * 1024


class Outcome(Message):
    """What became of an event.

    Attributes:
        digest: SHA-256 of what its body says, in one way of writing.
        new: whether this body came for the first time.
        effect: start, wake, command, nothing or refused.
        flow: that it started.
    """

    digest: str
    new: bool
    effect: str
    why: str
    flow: str | None = None
