"""The two wires, streamed or not: Anthropic's Messages and OpenAI's Chat Completions, as their SDKs need them."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from localhub.model.scripts import Script, ScriptError, Turn, choose, parse

NO_SCRIPT = (
    "No script is for this task: a stand-in replays what it was given, as for the demo. Give the product the key of a "
    "real vendor for tasks of your own."
)
NOTE = "This is a stand-in for a vendor of models. It replays scripts and thinks nothing.\n"


@dataclass
class Fault:
    """Something that goes wrong, so many times.

    Attributes:
        status: answered in the place of a turn; 0 for none.
        cut: bytes of a stream after which it breaks off; -1 for never.
    """

    status: int = 0
    retry_after: str = ""
    cut: int = -1
    delay: float = 0.0
    count: int = 1


@dataclass
class Vendor:
    """The stand-in's state.

    Attributes:
        keys: what is accepted as a key.
    """

    keys: frozenset[str]
    scripts: dict[str, Script] = field(default_factory=dict)
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=100))
    faults: list[Fault] = field(default_factory=list)

    def application(self) -> Starlette:
        """Its routes."""
        return Starlette(
            routes=[
                Route("/", self._about),
                Route("/v1/messages", self._anthropic, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/v1/chat/completions", self._openai, methods=["POST"]),
                Route("/_model/scripts/{name}", self._put_script, methods=["PUT"]),
                Route("/_model/requests", self._requests),
                Route("/_model/faults", self._put_fault, methods=["POST"]),
            ]
        )

    async def _about(self, _: Request) -> Response:
        return PlainTextResponse(NOTE + "".join(f"{name}: {script.match}\n" for name, script in self.scripts.items()))

    async def _models(self, request: Request) -> Response:
        if _key(request) not in self.keys:
            return _error(401, "authentication_error", "invalid x-api-key")
        return JSONResponse({"object": "list", "data": [{"id": "scripted", "type": "model", "object": "model"}]})

    async def _put_script(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            self.scripts[name] = parse(name, (await request.body()).decode())
        except ScriptError as error:
            return PlainTextResponse(str(error), 422)
        return Response(status_code=204)

    async def _requests(self, _: Request) -> Response:
        return JSONResponse(list(self.requests))

    async def _put_fault(self, request: Request) -> Response:
        self.faults.append(Fault(**await request.json()))
        return Response(status_code=204)

    async def _anthropic(self, request: Request) -> Response:
        body, refused, fault = await self._received(request)
        if refused is not None:
            return refused
        turn, usage = self._turn(body, _anthropic_task(body), _anthropic_results(body))
        answer = _anthropic_answer(body, turn, usage)
        if not body.get("stream"):
            return JSONResponse(answer)
        return StreamingResponse(_cut(_anthropic_events(answer), fault), media_type="text/event-stream")

    async def _openai(self, request: Request) -> Response:
        body, refused, fault = await self._received(request)
        if refused is not None:
            return refused
        turn, usage = self._turn(body, _openai_task(body), _openai_results(body))
        answer = _openai_answer(body, turn, usage)
        if not body.get("stream"):
            return JSONResponse(answer)
        return StreamingResponse(_cut(_openai_events(answer), fault), media_type="text/event-stream")

    async def _received(self, request: Request) -> tuple[dict[str, Any], Response | None, Fault]:
        body: dict[str, Any] = await request.json()
        self.requests.append({"path": request.url.path, "headers": dict(request.headers), "body": body})
        if _key(request) not in self.keys:
            return body, _error(401, "authentication_error", "invalid x-api-key"), Fault()
        fault = self._next_fault()
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.status:
            answer = _error(fault.status, "overloaded_error", "a fault that was switched on")
            if fault.retry_after:
                answer.headers["retry-after"] = fault.retry_after
            return body, answer, fault
        return body, None, fault

    def _next_fault(self) -> Fault:
        if not self.faults:
            return Fault()
        first = self.faults[0]
        first.count -= 1
        if first.count <= 0:
            self.faults.pop(0)
        return first

    def _turn(self, body: dict[str, Any], task: str, results: str) -> tuple[Turn, dict[str, int]]:
        spoken = [message for message in body["messages"] if message["role"] == "assistant"]
        script = choose(self.scripts, task, _instructions(body))
        turn = script.turn(len(spoken), results) if script else Turn(text=NO_SCRIPT)
        said = len(turn.text) + sum(len(json.dumps(call.arguments)) for call in turn.tools)
        earlier = sum(len(json.dumps(message)) for message in body["messages"][:-1]) if spoken else 0
        whole = len(json.dumps(body))
        return turn, {"new": (whole - earlier) // 4 + 1, "cached": earlier // 4, "output": said // 4 + 1}


def _key(request: Request) -> str:
    return request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")


def _error(status: int, kind: str, message: str) -> JSONResponse:
    return JSONResponse({"type": "error", "error": {"type": kind, "message": message}}, status)


def _texts(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(_texts(part.get("text") or part.get("content") or "") for part in parts if isinstance(part, dict))


def _anthropic_task(body: dict[str, Any]) -> str:
    return next((_texts(message["content"]) for message in body["messages"] if message["role"] == "user"), "")


def _instructions(body: dict[str, Any]) -> str:
    """What the vendor's client was told to be; the two wires have it in different places."""
    said = [message["content"] for message in body["messages"] if message["role"] in ("system", "developer")]
    return "\n".join(_texts(each) for each in [body.get("system") or "", *said])


def _anthropic_results(body: dict[str, Any]) -> str:
    return _texts(body["messages"][-1]["content"])


def _openai_task(body: dict[str, Any]) -> str:
    return _anthropic_task(body)


def _openai_results(body: dict[str, Any]) -> str:
    results = []
    for message in reversed(body["messages"]):
        if message["role"] != "tool":
            break
        results.append(_texts(message["content"]))
    return "\n".join(results)


def _anthropic_answer(body: dict[str, Any], turn: Turn, usage: dict[str, int]) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": turn.text}] if turn.text else []
    number = len(body["messages"])
    content += [
        {"type": "tool_use", "id": f"toolu_{number}_{place}", "name": call.name, "input": call.arguments}
        for place, call in enumerate(turn.tools)
    ]
    return {
        "id": f"msg_{number}", "type": "message", "role": "assistant", "model": body["model"], "content": content,
        "stop_reason": "tool_use" if turn.tools else "end_turn", "stop_sequence": None,
        "usage": {
            "input_tokens": usage["new"], "cache_read_input_tokens": usage["cached"],
            "cache_creation_input_tokens": 0, "output_tokens": usage["output"],
        },
    }  # fmt: skip


async def _anthropic_events(answer: dict[str, Any]) -> AsyncIterator[bytes]:
    def event(kind: str, **facts: object) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **facts})}\n\n".encode()

    begun = {**answer, "content": [], "stop_reason": None, "usage": {**answer["usage"], "output_tokens": 1}}
    yield event("message_start", message=begun)
    for index, block in enumerate(answer["content"]):
        if block["type"] == "text":
            yield event("content_block_start", index=index, content_block={"type": "text", "text": ""})
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            yield event("content_block_start", index=index, content_block={**block, "input": {}})
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    ended = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=ended, usage={"output_tokens": answer["usage"]["output_tokens"]})
    yield event("message_stop")


def _openai_answer(body: dict[str, Any], turn: Turn, usage: dict[str, int]) -> dict[str, Any]:
    number = len(body["messages"])
    message: dict[str, Any] = {"role": "assistant", "content": turn.text or None}
    if turn.tools:
        message["tool_calls"] = [
            {
                "id": f"call_{number}_{place}", "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for place, call in enumerate(turn.tools)
        ]  # fmt: skip
    prompt = usage["new"] + usage["cached"]
    return {
        "id": f"chatcmpl-{number}", "object": "chat.completion", "created": 0, "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if turn.tools else "stop"}],
        "usage": {
            "prompt_tokens": prompt, "completion_tokens": usage["output"], "total_tokens": prompt + usage["output"],
            "prompt_tokens_details": {"cached_tokens": usage["cached"]},
        },
    }  # fmt: skip


async def _openai_events(answer: dict[str, Any]) -> AsyncIterator[bytes]:
    common = {"id": answer["id"], "object": "chat.completion.chunk", "created": 0, "model": answer["model"]}

    def chunk(choices: list[dict[str, Any]], **more: object) -> bytes:
        return f"data: {json.dumps({**common, 'choices': choices, **more})}\n\n".encode()

    choice = answer["choices"][0]
    delta = {**choice["message"]}
    if "tool_calls" in delta:
        delta["tool_calls"] = [{"index": place, **call} for place, call in enumerate(delta["tool_calls"])]
    yield chunk([{"index": 0, "delta": delta, "finish_reason": None}])
    yield chunk([{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}])
    yield chunk([], usage=answer["usage"])
    yield b"data: [DONE]\n\n"


async def _cut(events: AsyncIterator[bytes], fault: Fault) -> AsyncIterator[bytes]:
    sent = 0
    async for event in events:
        if fault.cut >= 0 and sent + len(event) > fault.cut:
            yield event[: max(0, fault.cut - sent)]
            raise ConnectionResetError("cut, as it was asked for")
        sent += len(event)
        yield event
