"""The wire to Anthropic's Messages API: the one module that imports `anthropic`.

Owns how a neutral request is written for this vendor, where cache breakpoints go, how its stream is put together, and
how its errors are told in ours. Must not retry, count money or read configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import anthropic
import httpx2
from anthropic.types import RawMessageStreamEvent
from pydantic import JsonValue

from pressplay.llm import bound
from pressplay.llm.calls import parsed_call
from pressplay.llm.catalogue import ModelInfo
from pressplay.llm.errors import IdleTimeout, InvalidRequest, ModelError, Overloaded, StreamCut, from_status
from pressplay.llm.messages import (
    Answer,
    Block,
    Image,
    Message,
    Reasoning,
    Request,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    Wire,
)
from pressplay.llm.model import KeySource
from pressplay.llm.transport import never_connected, patience
from pressplay.llm.usage import NOTHING, Usage, from_anthropic

BASE_URL = "https://api.anthropic.com"
# How many of the user's last turns end with a breakpoint.
CACHED_TURNS = 2

_STOPS: Mapping[str, StopReason] = {
    "end_turn": StopReason.END,
    "stop_sequence": StopReason.END,
    "tool_use": StopReason.TOOLS,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.CONTEXT,
    "refusal": StopReason.REFUSED,
}
_EPHEMERAL: JsonValue = {"type": "ephemeral"}

Body = dict[str, JsonValue]


def build_body(request: Request, model: str) -> Body:
    """The body of the call.

    The vendor caches a prompt up to each breakpoint, of which there may be four: after the tools, after the system
    prompt, and after the last two turns of the user's. With the last but one, a call reads all that the call before it
    wrote, even if its own last turn is long.
    """
    turns = [turn for message in request.messages if (turn := _turn(message, model))["content"]]
    body: Body = {
        "model": model,
        "max_tokens": request.max_output_tokens,
        "stream": True,
        "messages": cast(list[JsonValue], turns),
    }
    if request.system:
        body["system"] = [{"type": "text", "text": request.system, "cache_control": _EPHEMERAL}]
    if request.tools:
        tools: list[Body] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in request.tools
        ]
        tools[-1]["cache_control"] = _EPHEMERAL
        body["tools"] = cast(JsonValue, tools)
    if request.effort is not None:
        body["output_config"] = {"effort": request.effort.value}
    for turn in [turn for turn in turns if turn["role"] == "user"][-CACHED_TURNS:]:
        cast(list[Body], turn["content"])[-1]["cache_control"] = _EPHEMERAL
    return body


def _turn(message: Message, model: str) -> Body:
    blocks = [written for block in message.content if (written := _block(block, model)) is not None]
    return {"role": message.role, "content": cast(JsonValue, blocks)}


def _block(block: Block, model: str) -> Body | None:
    match block:
        case Text():
            # The vendor refuses empty text.
            return {"type": "text", "text": block.text} if block.text.strip() else None
        case Image():
            return {"type": "image", "source": {"type": "base64", "media_type": block.media_type, "data": block.data}}
        case ToolCall():
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.arguments}
        case ToolResult():
            content = [part for each in block.content if (part := _block(each, model)) is not None]
            return {
                "type": "tool_result",
                "tool_use_id": block.call_id,
                "content": cast(JsonValue, content),
                "is_error": block.is_error,
            }
        case Reasoning():
            return _reasoning(block, model)


def _reasoning(block: Reasoning, model: str) -> Body | None:
    if block.wire is not Wire.ANTHROPIC or block.model != model:
        return None
    if block.hidden:
        return {"type": "redacted_thinking", "data": block.opaque}
    return {"type": "thinking", "thinking": block.text, "signature": block.opaque}


class Assembly:
    """Puts an answer together from the events of a stream; knows at any moment what was counted so far."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._blocks: dict[int, dict[str, str]] = {}
        self._stop: str | None = None
        self.usage = NOTHING
        self.whole = False

    def take(self, event: RawMessageStreamEvent) -> None:
        """Add an event."""
        match event.type:
            case "message_start":
                self._count(event.message.usage)
            case "content_block_start":
                self._blocks[event.index] = _opening(event.content_block)
            case "content_block_delta":
                _append(self._blocks.setdefault(event.index, {"type": "unknown"}), event.delta)
            case "message_delta":
                self._stop = event.delta.stop_reason
                self._count(event.usage)
            case "message_stop":
                self.whole = True
            case _:
                pass

    def _count(self, counted: Any) -> None:
        # Each event tells sums; what it leaves out is as it was.
        self.usage = from_anthropic(
            input_tokens=_or(counted.input_tokens, self.usage.input),
            output_tokens=_or(counted.output_tokens, self.usage.output),
            cache_read=_or(counted.cache_read_input_tokens, self.usage.cache_read),
            cache_write=_or(counted.cache_creation_input_tokens, self.usage.cache_write),
        )

    @property
    def at_most(self) -> Usage:
        """What an answer that broke off here took: the output is counted at the end, so until then it is bounded."""
        if self.usage == NOTHING:
            return NOTHING
        said = sum(len(part.encode()) for block in self._blocks.values() for part in block.values())
        return self.usage.model_copy(update={"output": max(self.usage.output, said)})

    def answer(self) -> Answer:
        """The answer, as far as it came."""
        blocks = [
            block for _, raw in sorted(self._blocks.items()) if (block := _finished(raw, self._model)) is not None
        ]
        stop = _STOPS.get(self._stop or "", StopReason.OTHER)
        return Answer(
            message=Message(role="assistant", content=tuple(blocks)), stop=stop, usage=self.usage, model=self._model
        )


def _or(value: int | None, earlier: int) -> int:
    return earlier if value is None else value


def _opening(block: Any) -> dict[str, str]:
    opened = {"type": str(block.type)}
    for name in ("text", "thinking", "signature", "data", "id", "name"):
        if isinstance(value := getattr(block, name, None), str):
            opened[name] = value
    return opened


def _append(block: dict[str, str], delta: Any) -> None:
    for name in ("text", "thinking", "signature", "partial_json"):
        if isinstance(value := getattr(delta, name, None), str):
            block[name] = block.get(name, "") + value


def _finished(raw: Mapping[str, str], model: str) -> Block | None:
    match raw["type"]:
        case "text":
            return Text(text=raw.get("text", ""))
        case "thinking":
            return Reasoning(
                wire=Wire.ANTHROPIC, model=model, text=raw.get("thinking", ""), opaque=raw.get("signature", "")
            )
        case "redacted_thinking":
            return Reasoning(wire=Wire.ANTHROPIC, model=model, opaque=raw.get("data", ""), hidden=True)
        case "tool_use":
            return parsed_call(raw.get("id", ""), raw.get("name", ""), raw.get("partial_json", ""))
    return None


class AnthropicModel:
    """A model on this wire.

    Args:
        key: asked at every call.
        idle: seconds without a byte.
        base_url: the vendor's, a gateway's, or a test's.
    """

    def __init__(self, info: ModelInfo, *, key: KeySource, idle: float, base_url: str | None = None) -> None:
        self._info = info
        self._key = key
        # No redirects: the key would be told to whoever it leads to.
        self._http = anthropic.DefaultAsyncHttpxClient(timeout=patience(idle), follow_redirects=False)
        self._idle = idle
        self._base_url = base_url or BASE_URL

    @property
    def name(self) -> str:
        """Its name in the catalogue."""
        return self._info.name

    def prompt_at_most(self, request: Request) -> int:
        """The most tokens that the request's prompt can have."""
        return bound.prompt_at_most(Wire.ANTHROPIC, build_body(request, self.name))

    async def complete(self, request: Request) -> Answer:
        """One call, without retries.

        Raises:
            ModelError: see `errors`.
        """
        client = anthropic.AsyncAnthropic(
            api_key=self._key().get_secret_value(),
            base_url=self._base_url,
            http_client=self._http,
            timeout=patience(self._idle),
            max_retries=0,
        )
        assembly = Assembly(self.name)
        try:
            stream = await client.messages.create(**cast(Any, build_body(request, self.name)))
            async with stream:
                async for event in stream:
                    assembly.take(event)
        except (anthropic.AnthropicError, httpx2.HTTPError, json.JSONDecodeError) as error:
            raise translated(error, assembly.at_most, self._idle) from error
        if not assembly.whole:
            raise StreamCut("the answer ended before its end", usage=assembly.at_most)
        return assembly.answer()

    async def close(self) -> None:
        """Give connections back."""
        await self._http.aclose()


def translated(error: Exception, usage: Usage, idle: float) -> ModelError:
    """An error of the SDK's, told in ours."""
    # The SDK leaves the transport's errors as they are once a stream has begun.
    if never_connected(error):
        return Overloaded("no connection: ConnectTimeout")
    if isinstance(error, anthropic.APITimeoutError | httpx2.TimeoutException):
        return IdleTimeout(f"not a byte in {idle:g} seconds", usage=usage)
    if isinstance(error, anthropic.APIStatusError):
        if usage != NOTHING:
            return StreamCut(f"the answer broke off: {error.type or error.message}", usage=usage)
        status = _STATUS_OF_TYPE.get(str(error.type), error.status_code)
        return from_status(status, dict(error.response.headers), error.api_message or error.message, error.type)
    if usage != NOTHING or isinstance(error, httpx2.HTTPError | json.JSONDecodeError):
        return StreamCut(f"the answer broke off: {type(error).__name__}", usage=usage)
    if isinstance(error, anthropic.APIConnectionError):
        return Overloaded(f"no connection: {type(error.__cause__ or error).__name__}")
    return InvalidRequest(f"{type(error).__name__}: {error}")


# An error that comes inside a stream has the status 200; these are what it would have had outside.
_STATUS_OF_TYPE: Mapping[str, int] = {
    "rate_limit_error": 429,
    "overloaded_error": 529,
    "api_error": 500,
    "timeout_error": 504,
    "authentication_error": 401,
    "permission_error": 403,
    "billing_error": 402,
    "not_found_error": 404,
    "request_too_large": 413,
    "invalid_request_error": 400,
}
