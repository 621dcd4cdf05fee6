"""What the front's clients of the two processes beside it have in common: HTTP over a Unix socket, and refusals."""

from __future__ import annotations

from pathlib import Path

import httpx
from pydantic import ValidationError

from pressplay.protocol.run import Refusal
from pressplay.resources.reasons import Reason


class NeighbourRefused(Exception):
    """A process beside us said no.

    Attributes:
        status: as in HTTP.
        refusal: what is wrong.
    """

    def __init__(self, status: int, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.status = status
        self.refusal = refusal


class Neighbour:
    """A process beside us. One instance for the process; close it at the end."""

    def __init__(self, socket: Path, name: str, seconds: float) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        self._http = httpx.AsyncClient(transport=transport, base_url=f"http://{name}", timeout=seconds)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def healthy(self) -> bool:
        """Whether it answers."""
        try:
            return (await self._http.get("/healthz", timeout=5.0)).is_success
        except httpx.HTTPError:
            return False


def refusal_of(answer: httpx.Response, who: str, otherwise: Reason) -> Refusal:
    """What an answer that is no success says is wrong; `otherwise` is the reason of one that cannot be read."""
    try:
        return Refusal.model_validate_json(answer.content)
    except ValidationError:
        return Refusal(reason=otherwise, message=f"the {who} answered {answer.status_code}")
