"""The gateway as the operator sees it (see `pressplay.protocol.control`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from pressplay.protocol.control import ADMISSIONS, RUNS, Admission, AdmissionRequest, AttemptEnd, Finish, Record
from pressplay.protocol.flows import FLOWS, WAKES, Due, FlowEnd, FlowKnown, FlowNews, FlowSeen, Seen
from pressplay.protocol.gates import GATES, Gate, GateAnswer, GateAsked
from pressplay.protocol.run import Refusal
from pressplay.resources.reasons import Reason

M = TypeVar("M", bound=BaseModel)
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
        return _read(Admission, await self._call("POST", ADMISSIONS, request))

    async def record(self, uid: str) -> Record:
        """What is known of a run."""
        return _read(Record, await self._call("GET", f"{RUNS}/{uid}"))

    async def end_attempt(self, uid: str, number: int, reason: Reason) -> Record:
        """Have an attempt's token be worth nothing from now on."""
        return _read(Record, await self._call("POST", f"{RUNS}/{uid}/attempts/{number}/end", AttemptEnd(reason=reason)))

    async def finish(self, uid: str, reason: Reason) -> Record:
        """The run has ended for good."""
        return _read(Record, await self._call("POST", f"{RUNS}/{uid}/finish", Finish(reason=reason)))

    async def due_flows(self, wait: float) -> Due:
        """What is to be done about flows; where there is nothing, answered after `wait` seconds."""
        return _read(Due, await self._call("GET", f"{FLOWS}?wait={wait}"))

    async def flow_submitted(self, seen: FlowSeen) -> FlowKnown:
        """A person has submitted a flow.

        Raises:
            Refused: it may not be about that repository, or there is none.
            NotReady: tell it later.
        """
        return _read(FlowKnown, await self._call("POST", FLOWS, seen, final=(400, 404, 422)))

    async def flow_news(self, identity: int, state: Literal["made", "ended"], end: FlowEnd | None = None) -> None:
        """A flow's Workflow has been made, or has ended."""
        await self._call("POST", f"{FLOWS}/{identity}", FlowNews(state=state, end=end))

    async def flow_retried(self, identity: int) -> None:
        """A flow that has ended is to go on.

        Raises:
            Refused: another one is at work in its place.
        """
        await self._call("POST", f"{FLOWS}/{identity}", FlowNews(state="retried"))

    async def seen(self, wakes: Sequence[int]) -> None:
        """Who was woken has looked."""
        await self._call("POST", WAKES, Seen(ids=tuple(wakes)))

    async def gate(self, gate: Gate, asked: GateAsked) -> GateAnswer:
        """Whether what a flow waits for has come.

        Raises:
            Refused: it can never come.
            NotReady: ask later.
        """
        return _read(GateAnswer, await self._call("POST", f"{GATES}/{gate}", asked, final=(400, 404, 422)))

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def _call(
        self, method: str, path: str, body: BaseModel | None = None, final: tuple[int, ...] = (404, 422)
    ) -> httpx.Response:
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
        if answer.status_code in final:
            raise Refused(refusal)
        raise NotReady(refusal.reason, refusal.message)


def _read(model: type[M], answer: httpx.Response) -> M:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        told = f"the gateway is of another version: {error.errors()[0]['msg']} in {model.__name__}"
        raise NotReady(Reason.GATEWAY_UNAVAILABLE, told) from None
