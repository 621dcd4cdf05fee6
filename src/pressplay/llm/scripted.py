"""A model that replays a file: for tests, for the demo, and wherever a run must go the same way twice.

Owns the form of scripts. Each turn may say what the tool results before it must look like, so that a script that no
longer fits the repository or the tools fails there and says why, instead of going on blindly. Which turn is next is
read off the conversation itself: a run that is resumed by another process goes on where it stopped. Delays and faults
are told in the script too; a fault comes once for each attempt that it stands for.

    turns:
      - text: Let me look at the tests.
        calls:
          - tool: shell
            arguments: {command: make test}
      - expect: {contains: ["1 failed"], errors: 0}
        faults: [{kind: rate_limited, after: 0.5}]
        text: One fails. Done.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, NonNegativeFloat, NonNegativeInt, ValidationError

from pressplay.llm.calls import parsed_call
from pressplay.llm.errors import (
    IdleTimeout,
    InvalidRequest,
    ModelError,
    Overloaded,
    RateLimited,
    StreamCut,
    Unauthorized,
)
from pressplay.llm.messages import Answer, Message, Request, StopReason, Text, ToolCall
from pressplay.llm.usage import Usage

NAME = "scripted"
SHOWN_CHARACTERS = 600
# No vendor counts here; this is what they come to on plain English.
BYTES_PER_TOKEN = 4


class ScriptMismatch(InvalidRequest):
    """The script and what happened do not fit together; says at which turn and how."""


class Fault(StrEnum):
    """What a vendor may do instead of answering."""

    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    CUT = "cut"
    IDLE = "idle"
    UNAUTHORIZED = "unauthorized"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FaultStep(_Strict):
    """One attempt that fails. `after`: the seconds that the vendor asks for; `usage`: what it bills all the same."""

    kind: Fault
    after: NonNegativeFloat | None = None
    usage: Usage = Usage()


class Expectation(_Strict):
    """What the tool results before a turn must be like, taken together.

    Attributes:
        contains: each of these stands in them.
        matches: each of these regular expressions is found in them.
        lacks: none of these stands in them.
        errors: so many of them are errors.
    """

    contains: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    errors: NonNegativeInt | None = None


class ScriptedCall(_Strict):
    """A tool call. Arguments that are a string are taken as the model's own text, well formed or not."""

    tool: str
    arguments: dict[str, JsonValue] | str = Field(default_factory=dict)


class Turn(_Strict):
    """One answer of the model's."""

    expect: Expectation = Expectation()
    delay: NonNegativeFloat = 0.0
    faults: tuple[FaultStep, ...] = ()
    text: str = ""
    calls: tuple[ScriptedCall, ...] = ()
    usage: Usage | None = None
    stop: StopReason | None = None


class Script(_Strict):
    """A file of turns."""

    turns: Annotated[tuple[Turn, ...], Field(min_length=1)]


def load(path: Path) -> Script:
    """Read a script.

    Raises:
        ScriptMismatch: it cannot be read or is no script; names the place in it.
    """
    try:
        return Script.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ScriptMismatch(f"the script {path.name}: {place}: {first['msg']}", "mend the script") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScriptMismatch(f"the script {path} cannot be read: {error}", "check the path and the YAML") from error


def mismatch(expect: Expectation, message: Message | None) -> str | None:
    """How the tool results in a turn of the user's differ from what is expected; None where they fit."""
    results = message.tool_results if message is not None else ()
    text = "\n".join(result.text for result in results)
    errors = sum(result.is_error for result in results)
    problems = [f"do not contain `{part}`" for part in expect.contains if part not in text]
    problems += [f"do not match `{part}`" for part in expect.matches if re.search(part, text, re.MULTILINE) is None]
    problems += [f"contain `{part}`" for part in expect.lacks if part in text]
    if expect.errors is not None and errors != expect.errors:
        problems.append(f"have {errors} errors instead of {expect.errors}")
    if not problems:
        return None
    end = text if len(text) <= SHOWN_CHARACTERS else "…" + text[-SHOWN_CHARACTERS:]
    return f"the tool results {' and '.join(problems)}; they were:\n{end or '(none)'}"


class ScriptedModel:
    """Replays a script.

    Args:
        title: what the script is called in errors.
    """

    def __init__(
        self, script: Script, *, title: str = "script", sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._script = script
        self._title = title
        self._sleep = sleep
        self._attempts: dict[int, int] = {}

    @property
    def name(self) -> str:
        """Its name in the catalogue."""
        return NAME

    def prompt_at_most(self, request: Request) -> int:
        """As many tokens as bytes."""
        return len(request.model_dump_json().encode())

    async def complete(self, request: Request) -> Answer:
        """The next turn of the script.

        Raises:
            ScriptMismatch: the script is at its end, or expects something else.
            ModelError: a fault that the script tells.
        """
        number = sum(message.role == "assistant" for message in request.messages)
        turn = self._turn(number)
        attempt = self._attempts.get(number, 0)
        self._attempts[number] = attempt + 1
        self._check(number, turn, request)
        if turn.delay:
            await self._sleep(turn.delay)
        if attempt < len(turn.faults):
            raise _fault(turn.faults[attempt])
        return _answer(turn, number, request)

    def _turn(self, number: int) -> Turn:
        if number >= len(self._script.turns):
            raise ScriptMismatch(
                f"{self._title} has {len(self._script.turns)} turns, and turn {number + 1} was asked for",
                "let its last turn call the tool that ends the run, or add turns",
            )
        return self._script.turns[number]

    def _check(self, number: int, turn: Turn, request: Request) -> None:
        place = f"{self._title}, turn {number + 1}"
        problem = mismatch(turn.expect, request.messages[-1] if request.messages else None)
        if problem is not None:
            raise ScriptMismatch(f"{place}: {problem}", "mend the script, or what it is played on")
        offered = {tool.name for tool in request.tools}
        missing = sorted({call.tool for call in turn.calls} - offered)
        if missing:
            raise ScriptMismatch(
                f"{place}: calls `{', '.join(missing)}`, but the tools are: {', '.join(sorted(offered)) or '(none)'}",
                "mend the script",
            )

    async def close(self) -> None:
        """Nothing is open."""


def _answer(turn: Turn, number: int, request: Request) -> Answer:
    calls: tuple[ToolCall, ...] = tuple(
        parsed_call(f"call_{number}_{index}", call.tool, _written(call)) for index, call in enumerate(turn.calls)
    )
    content = ((Text(text=turn.text),) if turn.text else ()) + calls
    message = Message(role="assistant", content=content)
    usage = turn.usage or Usage(
        input=len(request.model_dump_json().encode()) // BYTES_PER_TOKEN,
        output=len(message.model_dump_json().encode()) // BYTES_PER_TOKEN,
    )
    stop = turn.stop or (StopReason.TOOLS if calls else StopReason.END)
    return Answer(message=message, stop=stop, usage=usage, model=NAME)


def _written(call: ScriptedCall) -> str:
    return call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)


def _fault(step: FaultStep) -> ModelError:
    match step.kind:
        case Fault.RATE_LIMITED:
            return RateLimited("HTTP 429: told by the script", step.after)
        case Fault.OVERLOADED:
            return Overloaded("HTTP 529: told by the script", step.after)
        case Fault.CUT:
            return StreamCut("the answer broke off: told by the script", usage=step.usage)
        case Fault.IDLE:
            return IdleTimeout("not a byte: told by the script", usage=step.usage)
        case Fault.UNAUTHORIZED:
            return Unauthorized("HTTP 401: told by the script")
