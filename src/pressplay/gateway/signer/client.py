"""The signer as the gateway's front sees it: typed calls over its socket, and tokens that end with their use."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from pydantic import ValidationError

from pressplay.protocol.run import Refusal
from pressplay.protocol.signer import Access, Apps, Models, Token, TokenRequest
from pressplay.resources.reasons import Reason

LOG = logging.getLogger(__name__)
SECONDS = 60.0


class SignerRefused(Exception):
    """The signer, or GitHub through it, said no."""

    def __init__(self, status: int, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.status = status
        self.refusal = refusal

    @property
    def transient(self) -> bool:
        """Whether it may go later."""
        return self.status >= 500


class Signer:
    """All calls. One instance for the process; close it at the end."""

    def __init__(self, socket: Path) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        self._http = httpx.AsyncClient(transport=transport, base_url="http://signer", timeout=SECONDS)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def healthy(self) -> bool:
        """Whether it answers."""
        try:
            return (await self._http.get("/healthz", timeout=5.0)).is_success
        except httpx.HTTPError:
            return False

    async def apps(self) -> dict[str, int]:
        """Apps whose keys are there."""
        return Apps.model_validate_json((await self._http.get("/apps")).content).apps

    async def models(self) -> Models:
        """How models are set up."""
        return Models.model_validate_json((await self._http.get("/models")).content)

    @asynccontextmanager
    async def token(
        self, app: str, repository: str, permissions: dict[str, Access], purpose: str
    ) -> AsyncIterator[Token]:
        """A token for one effect, revoked when the block is left.

        Raises:
            SignerRefused: there is none to be had, with the reason.
        """
        wanted = TokenRequest(app=app, repository=repository, permissions=permissions, purpose=purpose)
        answer = await self._http.post("/tokens", content=wanted.model_dump_json())
        if not answer.is_success:
            raise _refused(answer)
        token = Token.model_validate_json(answer.content)
        try:
            yield token
        finally:
            body = json.dumps({"token": token.token.get_secret_value()})
            try:
                await self._http.request("DELETE", "/tokens", content=body)
            except httpx.HTTPError as error:
                # It ends by itself within the hour.
                LOG.warning("a token for %s was not revoked: %s", purpose, type(error).__name__)

    def call(self, wire: str, body: bytes) -> httpx.Request:
        """A request to a vendor, to be sent with `send`."""
        return self._http.build_request("POST", f"/models/{wire}", content=body, timeout=None)

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request to a vendor; the answer is still to be read, and to be closed.

        Raises:
            httpx.HTTPError: the signer does not answer.
        """
        return await self._http.send(request, stream=True)


def _refused(answer: httpx.Response) -> SignerRefused:
    try:
        refusal = Refusal.model_validate_json(answer.content)
    except ValidationError:
        refusal = Refusal(reason=Reason.GITHUB_UNAVAILABLE, message=f"the signer answered {answer.status_code}")
    return SignerRefused(answer.status_code, refusal)
