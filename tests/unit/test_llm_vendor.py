"""A vendor on 127.0.0.1 that speaks both wires over real HTTP, keeps what it was sent, and can misbehave."""

from __future__ import annotations

import base64
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anthropic
import openai

from pressplay.llm.messages import (
    Image,
    Message,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    assistant,
    user,
)
from pressplay.llm.usage import Usage

Event = dict[str, Any]
PICTURE = Image(media_type="image/png", data=base64.b64encode(b"\x89PNG not really").decode())
SHELL = Tool(
    name="shell",
    description="Run a command.",
    parameters={"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
)
FINISH = Tool(name="finish", description="End.", parameters={"type": "object", "properties": {}})
CONVERSATION = Request(
    system="You mend tests.",
    tools=(SHELL, FINISH),
    max_output_tokens=900,
    messages=(
        user("Why does this fail? ünïcödé", PICTURE),
        assistant(
            "Let me look.",
            ToolCall(id="call_1", name="shell", arguments={"command": "make test", "n": [1, {"deep": None}]}),
            ToolCall(id="call_2", name="shell", arguments={"command": "ls"}),
        ),
        user(
            ToolResult(call_id="call_1", content=(Text(text="1 failed"),), is_error=True),
            ToolResult(call_id="call_2", content=(Text(text="a.py"), PICTURE)),
            "Hurry.",
        ),
        assistant("It is the clock."),
        user("Mend it."),
    ),
)
SAID = assistant("Done soon.", ToolCall(id="call_9", name="shell", arguments={"command": "make", "x": 1.5}))
USAGE = Usage(input=100, output=20, cache_read=3000, cache_write=40)


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        body = json.loads(self.raw)
        assert isinstance(body, dict)
        return body


@dataclass
class Reply:
    """How the vendor answers one request.

    Attributes:
        events: of the stream; None for an answer without one.
        cut_after: bytes stop, and the connection is closed, after so many events.
        silent_after: bytes stop, and the connection stays open, after so many events.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    events: list[Event | str] | None = None
    body: bytes = b""
    cut_after: int | None = None
    silent_after: int | None = None


class Vendor:
    """Answers requests in the order in which replies were put."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.replies: deque[Reply] = deque()
        self.over = threading.Event()

    def say(self, *replies: Reply) -> None:
        self.replies.extend(replies)


@contextmanager
def vendor() -> Iterator[Vendor]:
    """A vendor that listens as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            here.asked.append(Asked(self.path, headers, self.rfile.read(length)))
            _send(self, here.replies.popleft(), here.over)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = Vendor(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield here
    finally:
        here.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _send(handler: BaseHTTPRequestHandler, reply: Reply, over: threading.Event) -> None:
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    if reply.events is None:
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)
        return
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    for index, event in enumerate(reply.events):
        if index == reply.cut_after:
            handler.close_connection = True
            return
        if index == reply.silent_after:
            over.wait(30)
            handler.close_connection = True
            return
        _chunk(handler, sse(event))
    _chunk(handler, b"")


def sse(event: Event | str) -> bytes:
    if isinstance(event, str):
        return f"data: {event}\n\n".encode()
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


def _chunk(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    handler.wfile.flush()


# --- what a vendor says on its wire ---------------------------------------------------------------------------------


def anthropic_reply(message: Message = SAID, stop: str = "tool_use", usage: Usage = USAGE, **changes: Any) -> Reply:
    counted = {
        "input_tokens": usage.input,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
    }
    start: Event = {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**counted, "output_tokens": 1},
        },
    }
    events: list[Event | str] = [start]
    for index, block in enumerate(message.content):
        events += _anthropic_block(index, block)
    events.append(
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {"output_tokens": usage.output},
        }
    )
    events.append({"type": "message_stop"})
    return Reply(events=events, **changes)


def _anthropic_block(index: int, block: object) -> list[Event | str]:
    match block:
        case Text():
            opened: Event = {"type": "text", "text": ""}
            deltas: list[Event] = [{"type": "text_delta", "text": part} for part in halves(block.text)]
        case ToolCall():
            opened = {"type": "tool_use", "id": block.id, "name": block.name, "input": {}}
            parts = halves(json.dumps(block.arguments))
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
        case Reasoning(hidden=True):
            opened, deltas = {"type": "redacted_thinking", "data": block.opaque}, []
        case Reasoning():
            opened = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": block.text},
                {"type": "signature_delta", "signature": block.opaque},
            ]
        case _:
            raise AssertionError(block)
    return [
        {"type": "content_block_start", "index": index, "content_block": opened},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def openai_reply(
    message: Message = SAID, stop: str = "tool_calls", usage: Usage | None = USAGE, **changes: Any
) -> Reply:
    deltas: list[Event] = [{"role": "assistant", "content": part} for part in halves(message.text)]
    for index, call in enumerate(message.tool_calls):
        first, second = halves(json.dumps(call.arguments))
        deltas.append(
            {
                "tool_calls": [
                    {
                        "index": index,
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.name, "arguments": first},
                    }
                ]
            }
        )
        deltas.append({"tool_calls": [{"index": index, "function": {"arguments": second}}]})
    events: list[Event | str] = [
        _openai_chunk([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas
    ]
    events.append(_openai_chunk([{"index": 0, "delta": {}, "finish_reason": stop}]))
    if usage is not None:
        counted = {
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.output,
            "total_tokens": usage.total,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        }
        events.append(_openai_chunk([]) | {"usage": counted})
    events.append("[DONE]")
    return Reply(events=events, **changes)


def _openai_chunk(choices: list[Event]) -> Event:
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}


def halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def refusal(status: int, kind: str, **headers: str) -> Reply:
    body = {"type": "error", "error": {"type": kind, "message": f"it is {kind}", "code": kind}}
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=told, body=json.dumps(body).encode())


# --- and what it is sent, read back into neutral words --------------------------------------------------------------


def read_anthropic(body: dict[str, Any]) -> Request:
    def block(raw: dict[str, Any]) -> Any:
        match raw["type"]:
            case "text":
                return Text(text=raw["text"])
            case "image":
                return Image(media_type=raw["source"]["media_type"], data=raw["source"]["data"])
            case "tool_use":
                return ToolCall(id=raw["id"], name=raw["name"], arguments=raw["input"])
            case "tool_result":
                content = tuple(block(part) for part in raw["content"])
                return ToolResult(call_id=raw["tool_use_id"], content=content, is_error=raw["is_error"])
        raise AssertionError(raw)

    return Request(
        system=body["system"][0]["text"],
        tools=tuple(
            Tool(name=tool["name"], description=tool["description"], parameters=tool["input_schema"])
            for tool in body["tools"]
        ),
        max_output_tokens=body["max_tokens"],
        messages=tuple(
            Message(role=turn["role"], content=tuple(block(raw) for raw in turn["content"]))
            for turn in body["messages"]
        ),
    )


def read_openai(body: dict[str, Any]) -> Request:
    system, *turns = body["messages"]
    messages: list[Message] = []
    results: list[ToolResult] = []
    for turn in turns:
        if turn["role"] == "tool":
            failed = turn["content"].startswith("Error: ")
            text = Text(text=turn["content"].removeprefix("Error: "))
            results.append(ToolResult(call_id=turn["tool_call_id"], content=(text,), is_error=failed))
        elif turn["role"] == "assistant":
            calls = [
                ToolCall(id=c["id"], name=c["function"]["name"], arguments=json.loads(c["function"]["arguments"]))
                for c in turn.get("tool_calls", ())
            ]
            messages.append(assistant(*([turn["content"]] if "content" in turn else []), *calls))
        else:
            messages.append(_read_user(turn["content"], results))
            results = []
    return Request(
        system=system["content"],
        tools=tuple(
            Tool(
                name=t["function"]["name"],
                description=t["function"]["description"],
                parameters=t["function"]["parameters"],
            )
            for t in body["tools"]
        ),
        max_output_tokens=body["max_completion_tokens"],
        messages=tuple(messages),
    )


def _read_user(parts: list[dict[str, Any]], results: list[ToolResult]) -> Message:
    by_id = {result.call_id: result for result in results}
    others: list[Text | Image] = []
    owner: str | None = None
    for part in parts:
        if part["type"] == "text":
            owner = part["text"].removeprefix("Pictures of the tool result ").removesuffix(":")
            if owner not in by_id:
                owner = None
                others.append(Text(text=part["text"]))
            continue
        head, data = part["image_url"]["url"].split(";base64,")
        image = Image(media_type=head.removeprefix("data:"), data=data)
        if owner:
            by_id[owner] = by_id[owner].model_copy(update={"content": (*by_id[owner].content, image)})
        else:
            others.append(image)
    return Message(role="user", content=(*by_id.values(), *others))


# --- the stand-in itself --------------------------------------------------------------------------------------------


def test_the_vendors_own_sdk_reads_what_the_stand_in_says_on_anthropics_wire() -> None:
    with vendor() as there, anthropic.Anthropic(api_key="k", base_url=there.url, max_retries=0) as client:
        there.say(anthropic_reply())
        with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as stream:
            said = stream.get_final_message()
    assert [block.type for block in said.content] == ["text", "tool_use"]
    assert said.usage.output_tokens == USAGE.output


def test_the_vendors_own_sdk_reads_what_the_stand_in_says_on_openais_wire() -> None:
    with vendor() as there, openai.OpenAI(api_key="k", base_url=f"{there.url}/v1", max_retries=0) as client:
        there.say(openai_reply())
        with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as stream:
            said = stream.get_final_completion()
    assert said.choices[0].message.content == SAID.text
    calls = said.choices[0].message.tool_calls
    assert calls is not None
    assert json.loads(calls[0].function.arguments) == SAID.tool_calls[0].arguments


Reader = Callable[[dict[str, Any]], Request]
