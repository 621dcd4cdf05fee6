"""The gateway as the runner sees it (see `pressplay.protocol.run`). The token is read anew for each call."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from pressplay.protocol.changeset import Changeset
from pressplay.protocol.run import (
    BRIEF,
    END,
    OUTPUT,
    TRANSCRIPT,
    WORK,
    WORKSPACE,
    Accepted,
    Brief,
    Ended,
    Entries,
    Entry,
    Output,
    Refusal,
    Transcript,
)
from pressplay.resources.reasons import Reason

M = TypeVar("M", bound=BaseModel)
TRIES = 8
SECONDS = 300.0


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
        self._http = httpx.Client(timeout=SECONDS, base_url=self.url)

    def token(self) -> str:
        """The token as it is now."""
        return self._token.read_text().strip()

    def brief(self) -> Brief:
        """What is to be done."""
        return self._read(Brief, self._call("GET", BRIEF))

    def fetch_workspace(self, target: Path) -> None:
        """Write the pack of the workspace to a file."""
        for attempt in range(1, TRIES + 1):
            try:
                with self._http.stream("GET", WORKSPACE, headers=self._headers()) as answer:
                    if answer.is_success:
                        with target.open("wb") as file:
                            for piece in answer.iter_bytes():
                                file.write(piece)
                        return
                    answer.read()
                    self._judge(answer)
            except httpx.HTTPError:
                pass
            self._wait(attempt)
        raise GatewayUnavailable("the gateway does not give the workspace")

    def saved_work(self) -> Changeset | None:
        """The latest unfinished work."""
        answer = self._call("GET", WORK)
        return None if answer.status_code == 204 else self._read(Changeset, answer)

    def save_work(self, changes: Changeset) -> None:
        """Keep unfinished work."""
        self._call("PUT", WORK, changes.model_dump_json())

    def transcript(self) -> tuple[Entry, ...]:
        """All entries so far."""
        return self._read(Transcript, self._call("GET", TRANSCRIPT)).entries

    def append(self, *entries: Entry) -> None:
        """Append to the transcript."""
        self._call("POST", TRANSCRIPT, Entries(entries=entries).model_dump_json())

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
