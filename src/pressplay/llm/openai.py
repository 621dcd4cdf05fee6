"""The wire to OpenAI's Chat Completions, and to whatever speaks it: the one module that imports `openai`.

Owns how a neutral request is written for this vendor, how its stream is put together, and how its errors are told in
ours. Must not retry, count money or read configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx2
import openai
from openai.types.chat import ChatCompletionChunk
from pydantic import JsonValue

from pressplay.llm import bound
from pressplay.llm.calls import parsed_call
from pressplay.llm.catalogue import ModelInfo
from pressplay.llm.errors import IdleTimeout, InvalidRequest, ModelError, Overloaded, StreamCut, from_status
from pressplay.llm.messages import Answer, Image, Message, Request, StopReason, Text, ToolCall, ToolResult, Wire
from pressplay.llm.model import KeySource
from pressplay.llm.transport import never_connected, patience
from pressplay.llm.usage import NOTHING, Usage, from_openai

BASE_URL = "https://api.openai.com/v1"

_STOPS: Mapping[str, StopReason] = {
    "stop": StopReason.END,
    "tool_calls": StopReason.TOOLS,
    "length": StopReason.LENGTH,
    "content_filter": StopReason.REFUSED,
}

Body = dict[str, JsonValue]


def build_body(request: Request, info: ModelInfo) -> Body:
    """The body of the call. Nothing is to be stored, and the usage is to be told at the end of the stream."""
    turns: list[Body] = [{"role": "system", "content": request.system}] if request.system else []
    for message in request.messages:
        turns += _assistant_turn(message) if message.role == "assistant" else _user_turns(message)
    body: Body = {
        "model": info.name,
        "max_completion_tokens": request.max_output_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        "store": False,
        "messages": cast(JsonValue, turns),
    }
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in request.tools
        ]
    effort = _effort(request, info)
    if effort is not None:
        body["reasoning_effort"] = effort
    return body


def _effort(request: Request, info: ModelInfo) -> str | None:
    # From GPT-5.4 on this endpoint refuses tools beside an effort, from GPT-5.6 on beside the default one, too.
    if request.tools and info.effort_with_tools != "any":
        return "none" if info.effort_with_tools == "none" else None
    return request.effort.value if request.effort is not None else None


def _assistant_turn(message: Message) -> list[Body]:
    turn: Body = {"role": "assistant"}
    text = "\n".join(block.text for block in message.content if isinstance(block, Text) and block.text)
    if text:
        turn["content"] = text
    calls = message.tool_calls
    if calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
            }
            for call in calls
        ]
    return [turn] if text or calls else []


def _user_turns(message: Message) -> list[Body]:
    """Results of tools are turns of their own here, and hold text only: their pictures follow in the user's turn."""
    turns: list[Body] = [
        {"role": "tool", "tool_call_id": result.call_id, "content": _result_text(result)}
        for result in message.tool_results
    ]
    parts: list[Body] = []
    for block in message.content:
        match block:
            case Text() if block.text:
                parts.append({"type": "text", "text": block.text})
            case Image():
                parts.append(_image(block))
            case ToolResult():
                pictures = [_image(part) for part in block.content if isinstance(part, Image)]
                if pictures:
                    parts += [{"type": "text", "text": f"Pictures of the tool result {block.call_id}:"}, *pictures]
            case _:
                pass
    if parts:
        turns.append({"role": "user", "content": cast(JsonValue, parts)})
    return turns


def _result_text(result: ToolResult) -> str:
    # This wire has no field that says whether a tool failed.
    return f"Error: {result.text}" if result.is_error else result.text


def _image(image: Image) -> Body:
    return {"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{image.data}"}}


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


class Assembly:
    """Puts an answer together from the chunks of a stream; knows at any moment what was counted so far."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._text: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._stop: str | None = None
        self._refused = False
        self.usage = NOTHING
        self.begun = False

    @property
    def whole(self) -> bool:
        """Whether the model came to its end."""
        return self._stop is not None

    def take(self, chunk: ChatCompletionChunk) -> None:
        """Add a chunk."""
        self.begun = True
        if chunk.usage is not None:
            details = chunk.usage.prompt_tokens_details
            self.usage = from_openai(
                prompt_tokens=chunk.usage.prompt_tokens,
                completion_tokens=chunk.usage.completion_tokens,
                cached=(details.cached_tokens if details else None) or 0,
                cache_write=(details.cache_write_tokens if details else None) or 0,
            )
        for choice in chunk.choices:
            self._stop = choice.finish_reason or self._stop
            self._take_delta(choice.delta)

    def _take_delta(self, delta: Any) -> None:
        if delta.content:
            self._text.append(delta.content)
        if delta.refusal:
            self._refused = True
            self._text.append(delta.refusal)
        for part in delta.tool_calls or ():
            call = self._calls.setdefault(part.index, _Call())
            call.id = part.id or call.id
            if part.function is not None:
                call.name += part.function.name or ""
                call.arguments += part.function.arguments or ""

    def answer(self) -> Answer:
        """The answer, as far as it came."""
        text = "".join(self._text)
        calls: tuple[ToolCall, ...] = tuple(
            # Some servers of this wire leave ids out.
            parsed_call(call.id or f"call_{index}", call.name, call.arguments)
            for index, call in sorted(self._calls.items())
        )
        stop = StopReason.REFUSED if self._refused else _STOPS.get(self._stop or "", StopReason.OTHER)
        content = ((Text(text=text),) if text else ()) + calls
        return Answer(
            message=Message(role="assistant", content=content), stop=stop, usage=self.usage, model=self._model
        )


class OpenAIModel:
    """A model on this wire.

    Args:
        key: asked at every call.
        idle: seconds without a byte.
        base_url: up to and with `/v1`; the vendor's, a gateway's, or a test's.
    """

    def __init__(self, info: ModelInfo, *, key: KeySource, idle: float, base_url: str | None = None) -> None:
        self._info = info
        self._key = key
        # No redirects: the key would be told to whoever it leads to.
        self._http = openai.DefaultAsyncHttpxClient(timeout=patience(idle), follow_redirects=False)
        self._idle = idle
        self._base_url = base_url or BASE_URL

    @property
    def name(self) -> str:
        """Its name in the catalogue."""
        return self._info.name

    def prompt_at_most(self, request: Request) -> int:
        """The most tokens that the request's prompt can have."""
        return bound.prompt_at_most(Wire.OPENAI, build_body(request, self._info))

    async def complete(self, request: Request) -> Answer:
        """One call, without retries.

        Raises:
            ModelError: see `errors`.
        """
        client = openai.AsyncOpenAI(
            api_key=self._key().get_secret_value(),
            base_url=self._base_url,
            http_client=self._http,
            timeout=patience(self._idle),
            max_retries=0,
        )
        body = build_body(request, self._info)
        assembly = Assembly(self.name)
        try:
            stream = await client.chat.completions.create(**cast(Any, body))
            async with stream:
                async for chunk in stream:
                    assembly.take(chunk)
        except (openai.OpenAIError, httpx2.HTTPError, json.JSONDecodeError) as error:
            raise translated(error, at_most(assembly, body), self._idle) from error
        if not assembly.whole:
            raise StreamCut("the answer ended before its end", usage=at_most(assembly, body))
        return assembly.answer().model_copy(update={"usage": at_most(assembly, body)})

    async def close(self) -> None:
        """Give connections back."""
        await self._http.aclose()


def at_most(assembly: Assembly, body: Body) -> Usage:
    """What a call took. The count comes with the last chunk; where that did not come, the call is bounded instead."""
    if not assembly.begun or assembly.usage != NOTHING:
        return assembly.usage
    said = assembly.answer().message.model_dump_json()
    return Usage(input=bound.prompt_at_most(Wire.OPENAI, body), output=len(said.encode()))


def translated(error: Exception, usage: Usage, idle: float) -> ModelError:
    """An error of the SDK's, told in ours."""
    if never_connected(error):
        return Overloaded("no connection: ConnectTimeout")
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return IdleTimeout(f"not a byte in {idle:g} seconds", usage=usage)
    if isinstance(error, openai.APIStatusError):
        return from_status(error.status_code, dict(error.response.headers), error.message, error.code or error.type)
    if usage != NOTHING or isinstance(error, httpx2.HTTPError | json.JSONDecodeError):
        return StreamCut(f"the answer broke off: {type(error).__name__}", usage=usage)
    if isinstance(error, openai.APIConnectionError):
        return Overloaded(f"no connection: {type(error.__cause__ or error).__name__}")
    if isinstance(error, openai.APIError):
        # An error inside a stream that had said nothing yet.
        return Overloaded(f"the vendor broke the answer off: {error.message}")
    return InvalidRequest(f"{type(error).__name__}: {error}")
