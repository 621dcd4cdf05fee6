"""The gateway as the runner sees it (see `pressplay.protocol.run`). The token is read anew for each call."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from pressplay.protocol.changeset import Changeset
from pressplay.protocol.run import (
    BRIEF,
    END,
    ISSUES,
    OUTPUT,
    PULLS,
    REFERENCE,
    SHALLOW_HEADER,
    TRANSCRIPT,
    WORK,
    WORKSPACE,
    Accepted,
    Brief,
    Ended,
    Entries,
    Entry,
    Output,
    Reference,
    Refusal,
    Sealed,
    Thread,
    Transcript,
)
from pressplay.resources.reasons import Reason

M = TypeVar("M", bound=BaseModel)
TRIES = 8
SECONDS = 300.0
# One that is started anew leaves its address for a moment: better to ask again than to wait for nobody.
CONNECT_SECONDS = 10.0


class GatewayUnavailable(Exception):
    """The gateway does not answer, also after patience."""


class GatewayRefused(Exception):
    """The gateway said no, and will say no again."""

    def __init__(self, status: int, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.status = status
        self.refusal = refusal


class Gateway:
    """All calls but the model's.

    Args:
        url: of the gateway's listener for runs.
        token: the file with the pod's token.
    """

    def __init__(self, url: str, token: Path, sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._sleep = sleep
        self._http = httpx.Client(timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS), base_url=self.url)

    def token(self) -> str:
        """The token as it is now."""
        return self._token.read_text().strip()

    def brief(self) -> Brief:
        """What is to be done."""
        return self._read(Brief, self._call("GET", BRIEF))

    def fetch_workspace(self, target: Path, have: str | None = None) -> tuple[str, ...]:
        """Write the pack of the workspace to a file; answers the commits whose parents are not in it.

        Args:
            have: a commit that is there already, with all that it is made of.
        """
        params = {"have": have} if have else None
        for attempt in range(1, TRIES + 1):
            try:
                with self._http.stream("GET", WORKSPACE, params=params, headers=self._headers()) as answer:
                    if answer.is_success:
                        with target.open("wb") as file:
                            for piece in answer.iter_bytes():
                                file.write(piece)
                        return tuple(answer.headers.get(SHALLOW_HEADER, "").split())
                    answer.read()
                    self._judge(answer)
            except httpx.HTTPError:
                pass
            self._wait(attempt)
        raise GatewayUnavailable("the gateway does not give the workspace")

    def saved_work(self) -> Changeset | None:
        """The latest unfinished work; where there is none, what the fixers made of the base."""
        answer = self._call("GET", WORK)
        return None if answer.status_code == 204 else self._read(Changeset, answer)

    def save_work(self, changes: Changeset) -> None:
        """Keep unfinished work."""
        self._call("PUT", WORK, changes.model_dump_json())

    def transcript(self) -> tuple[Entry, ...]:
        """All entries so far."""
        return self._read(Transcript, self._call("GET", TRANSCRIPT)).entries

    def discussion(self, number: int) -> tuple[str, Thread]:
        """An issue or a pull request with what was said about it, and which of the two it is.

        Raises:
            GatewayRefused: there is none, or GitHub does not answer.
        """
        try:
            return "Pull request", self._read(Thread, self._call("GET", f"{PULLS}/{number}"))
        except GatewayRefused as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        return "Issue", self._read(Thread, self._call("GET", f"{ISSUES}/{number}"))

    def append(self, *entries: Entry) -> None:
        """Append to the transcript."""
        self._call("POST", TRANSCRIPT, Entries(entries=entries).model_dump_json())

    def seal(self, reference: Reference) -> Sealed:
        """Have what the fixers made kept; the first that comes is, and every later one gets its answer.

        Raises:
            GatewayRefused: it makes no tree, or the agent has begun already.
        """
        return self._read(Sealed, self._call("POST", REFERENCE, reference.model_dump_json()))

    def output(self, output: Output) -> Accepted:
        """Hand the result over.

        Raises:
            GatewayRefused: it breaks rules, or GitHub stands in the way.
        """
        return self._read(Accepted, self._call("POST", OUTPUT, output.model_dump_json()))

    def end(self, reason: Reason, message: str) -> None:
        """Tell why this ends."""
        self._call("POST", END, Ended(reason=reason, message=message[:4000]).model_dump_json())

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"}

    def _call(self, method: str, path: str, body: str | None = None) -> httpx.Response:
        problem = ""
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._http.request(method, path, content=body, headers=self._headers())
                if answer.is_success:
                    return answer
                self._judge(answer)
                problem = _refusal(answer).message
            except httpx.HTTPError as error:
                problem = type(error).__name__
            self._wait(attempt)
        raise GatewayUnavailable(f"the gateway does not answer: {problem}")

    def _judge(self, answer: httpx.Response) -> None:
        """Raise where another try would get the same."""
        if answer.status_code < 500 and answer.status_code != 429:
            raise GatewayRefused(answer.status_code, _refusal(answer))

    def _wait(self, attempt: int) -> None:
        if attempt < TRIES:
            self._sleep(min(0.5 * 2 ** (attempt - 1), 15.0))

    @staticmethod
    def _read(model: type[M], answer: httpx.Response) -> M:
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            raise GatewayUnavailable(f"the gateway is of another version: {error}"[:500]) from None


def _refusal(answer: httpx.Response) -> Refusal:
    try:
        return Refusal.model_validate_json(answer.content)
    except ValidationError:
        return Refusal(reason=Reason.GATEWAY_UNAVAILABLE, message=f"the gateway answered {answer.status_code}")
