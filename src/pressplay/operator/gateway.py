"""The gateway as the operator sees it (see `pressplay.protocol.control`)."""

from __future__ import annotations

from pathlib import Path

import httpx
from pydantic import BaseModel, ValidationError

from pressplay.protocol.control import ADMISSIONS, RUNS, Admission, AdmissionRequest, AttemptEnd, Finish, Record
from pressplay.protocol.run import Refusal
from pressplay.resources.reasons import Reason

SECONDS = 120.0


class NotReady(Exception):
    """It may go later.

    Attributes:
        reason: what is missing.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Refused(Exception):
    """It will not go, for a reason that the user can mend."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Gateway:
    """All calls. The token is read anew each time: the kubelet renews it."""

    def __init__(self, url: str, token: Path) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=SECONDS)
        self._token = token

    async def admit(self, request: AdmissionRequest) -> Admission:
        """Whether a run may begin.

        Raises:
            Refused: it may not.
            NotReady: it may later.
        """
        answer = await self._call("POST", ADMISSIONS, request)
        return Admission.model_validate_json(answer.content)

    async def record(self, uid: str) -> Record:
        """What is known of a run."""
        return Record.model_validate_json((await self._call("GET", f"{RUNS}/{uid}")).content)

    async def end_attempt(self, uid: str, number: int, reason: Reason) -> Record:
        """Have an attempt's token be worth nothing from now on."""
        answer = await self._call("POST", f"{RUNS}/{uid}/attempts/{number}/end", AttemptEnd(reason=reason))
        return Record.model_validate_json(answer.content)

    async def finish(self, uid: str, reason: Reason) -> Record:
        """The run has ended for good."""
        answer = await self._call("POST", f"{RUNS}/{uid}/finish", Finish(reason=reason))
        return Record.model_validate_json(answer.content)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def _call(self, method: str, path: str, body: BaseModel | None = None) -> httpx.Response:
        try:
            headers = {"Authorization": f"Bearer {self._token.read_text().strip()}"}
            answer = await self._http.request(
                method, path, headers=headers, content=body.model_dump_json() if body else None
            )
        except (httpx.HTTPError, OSError) as error:
            raise NotReady(Reason.GATEWAY_UNAVAILABLE, f"the gateway does not answer: {type(error).__name__}") from None
        if answer.is_success:
            return answer
        try:
            refusal = Refusal.model_validate_json(answer.content)
        except ValidationError:
            raise NotReady(Reason.GATEWAY_UNAVAILABLE, f"the gateway answered {answer.status_code}") from None
        if answer.status_code in (404, 422):
            raise Refused(refusal)
        raise NotReady(refusal.reason, refusal.message)
