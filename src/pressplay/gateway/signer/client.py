"""The signer as the gateway's front sees it: typed calls over its socket, and tokens that end with their use."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from pressplay.gateway.neighbours import Neighbour, NeighbourRefused, refusal_of
from pressplay.policy.flows import Ours
from pressplay.protocol.checks import Checks
from pressplay.protocol.signer import (
    Access,
    Apps,
    Deliveries,
    Delivery,
    Models,
    Repositories,
    Repository,
    Token,
    TokenRequest,
)
from pressplay.resources.reasons import Reason

LOG = logging.getLogger(__name__)
SECONDS = 60.0


class SignerRefused(NeighbourRefused):
    """The signer, or GitHub through it, said no."""

    @property
    def transient(self) -> bool:
        """Whether it may go later."""
        return self.status >= 500


class Signer(Neighbour):
    """All calls, and tokens that end with their use."""

    def __init__(self, socket: Path) -> None:
        super().__init__(socket, "signer", SECONDS)

    async def apps_known(self) -> Apps:
        """Apps whose keys are there, with what they are called at GitHub."""
        return Apps.model_validate_json((await self._http.get("/apps")).content)

    async def ours(self) -> Ours:
        """How our own doing is known."""
        known = await self.apps_known()
        return Ours(frozenset(known.apps.values()), frozenset(known.logins.values()), unsure=bool(known.unknown))

    async def repositories(self) -> list[Repository]:
        """What the shared App is installed on.

        Raises:
            SignerRefused: GitHub does not tell.
        """
        answer = await self._ask("GET", "/repositories")
        return list(Repositories.model_validate_json(answer.content).repositories)

    async def deliveries(self) -> list[Delivery]:
        """Webhooks that GitHub sent lately.

        Raises:
            SignerRefused: GitHub does not tell.
        """
        answer = await self._ask("GET", "/deliveries")
        return list(Deliveries.model_validate_json(answer.content).deliveries)

    async def redeliver(self, delivery: int) -> None:
        """Have GitHub send a webhook once more.

        Raises:
            SignerRefused: it does not.
        """
        await self._ask("POST", f"/deliveries/{delivery}")

    async def check(self) -> Checks:
        """What is found where GitHub and the vendor are really called.

        Raises:
            httpx.HTTPError: the signer does not answer.
        """
        answer = await self._http.get("/check")
        answer.raise_for_status()
        return Checks.model_validate_json(answer.content)

    async def models(self) -> Models:
        """How models are set up."""
        return Models.model_validate_json((await self._http.get("/models")).content)

    @asynccontextmanager
    async def token(
        self,
        app: str,
        repository: str,
        permissions: dict[str, Access],
        purpose: str,
        identity: int | None = None,
    ) -> AsyncIterator[Token]:
        """A token for one effect, revoked when the block is left.

        Args:
            identity: GitHub's id of the repository, where it was settled before.

        Raises:
            SignerRefused: there is none to be had, with the reason.
        """
        wanted = TokenRequest(
            app=app, repository=repository, repository_id=identity, permissions=permissions, purpose=purpose
        )
        answer = await self._ask("POST", "/tokens", wanted.model_dump_json())
        token = Token.model_validate_json(answer.content)
        try:
            yield token
        finally:
            body = json.dumps({"token": token.token.get_secret_value()})
            try:
                ended = await self._http.request("DELETE", "/tokens", content=body)
                problem = "" if ended.is_success else str(_refused(ended))
            except httpx.HTTPError as error:
                problem = type(error).__name__
            if problem:
                # The signer tries again with the next one, and it ends by itself within the hour.
                LOG.warning("a token for %s is not revoked yet: %s", purpose, problem)

    async def sweep(self) -> None:
        """Have all tokens revoked that an earlier process of ours left; before any new one is asked for."""
        try:
            ended = await self._http.post("/tokens/sweep")
            problem = "" if ended.is_success else str(_refused(ended))
        except httpx.HTTPError as error:
            # A signer that is not there yet has given none out.
            problem = type(error).__name__
        if problem:
            LOG.warning("tokens of an earlier process are not revoked yet: %s", problem)

    def call(self, wire: str, body: bytes) -> httpx.Request:
        """A request to a vendor, to be sent with `send`."""
        return self._http.build_request("POST", f"/models/{wire}", content=body, timeout=None)

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request to a vendor; the answer is still to be read, and to be closed.

        Raises:
            httpx.HTTPError: the signer does not answer.
        """
        return await self._http.send(request, stream=True)

    async def _ask(self, method: str, address: str, content: str | None = None) -> httpx.Response:
        answer = await self._http.request(method, address, content=content)
        if not answer.is_success:
            raise _refused(answer)
        return answer


def _refused(answer: httpx.Response) -> SignerRefused:
    return SignerRefused(answer.status_code, refusal_of(answer, "signer", Reason.GITHUB_UNAVAILABLE))
