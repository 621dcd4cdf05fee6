"""The project's tool servers (Model Context Protocol, stdio): they run in the workbench, we speak to them in files.

Owns starting them, the way there and back, and offering their tools. A server has no secret and reaches what a command
of the agent's reaches; what it says is data of a hostile workbench: bounded, shown to the model, never obeyed. The
protocol itself is the SDK's. https://modelcontextprotocol.io/specification
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import anyio
from mcp import Client, MCPError
from mcp.shared.message import SessionMessage
from mcp_types import CallToolResult, JSONRPCMessage, TextContent, jsonrpc_message_adapter
from mcp_types import Tool as ServerTool
from pydantic import JsonValue, ValidationError

from pressplay.llm.messages import Tool
from pressplay.protocol.run import McpServer
from pressplay.runner.exchange import Exchange
from pressplay.runner.servers import ServerFailed
from pressplay.workspace.beneath import Beneath, NotBeneath

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

READY_SECONDS = 60.0
POLL_SECONDS = 0.05
MOST_TOOLS = 64
# More than are offered: what the project allows may be on the last page.
MOST_PAGES = 50
MOST_LISTED = 1_000
LONGEST_DESCRIPTION = 4_000
LONGEST_SCHEMA = 20_000
LONGEST_ANSWER = 8 * 1024 * 1024
FOLDER: Final = "mcp"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC

# `tail` hands on what is appended, so that a server reads our file as it reads a terminal. What it complains of is kept
# as it comes, and from some megabytes on dropped: it must neither fill the disk nor wait for a reader.
# One has ended when its last complaint is kept.
START = """\
cd {folder} || exit 1
server() {{
  {command} 2>&1 >{place}/out | {{
    dd bs=4096 count=2048 of={place}/errors 2>/dev/null
    cat >/dev/null
  }}
  : >{place}/ended
}}
tail -n +1 -f {place}/in 2>/dev/null </dev/null | server >/dev/null 2>&1 &
"""


@dataclass
class _Server:
    client: Client
    errors: Callable[[], str]
    names: dict[str, str] = field(default_factory=dict)


class McpServers:
    """All tool servers of a run; to be entered before use.

    Args:
        folder: where their commands run, in the workspace.
        exchange: what has commands executed.
        place: the exchange's folder.
        say: a line for whoever reads the log.
    """

    def __init__(
        self, wanted: tuple[McpServer, ...], folder: Path, exchange: Exchange, place: Path, say: Callable[[str], None]
    ) -> None:
        self._wanted = wanted
        self._folder = folder
        self._exchange = exchange
        self._place = place
        self._say = say
        self._stack = AsyncExitStack()
        self._servers: list[_Server] = []
        self._tools: list[Tool] = []

    async def __aenter__(self) -> Self:
        """Start them. One that does not start is said in the log, and the run goes on without its tools."""
        for wanted in self._wanted:
            try:
                async with asyncio.timeout(READY_SECONDS):
                    await self._start(wanted)
            # The SDK raises in groups.
            except* (ServerFailed, MCPError, TimeoutError, OSError) as group:
                said = self._errors(wanted.name)
                problem = _first(group) or f"no answer within {READY_SECONDS:.0f} s"
                self._say(f"the tool server {wanted.name} cannot be used: {problem}{f' ({said})' if said else ''}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Speak to them no more; they end with the pod."""
        await self._stack.aclose()

    def offered(self) -> tuple[Tool, ...]:
        """Their tools, each named SERVER__TOOL."""
        return tuple(self._tools)

    async def call(self, name: str, arguments: dict[str, JsonValue], seconds: float) -> str | None:
        """Carry a call out; None where no server has such a tool.

        Raises:
            ServerFailed: the tool says that it failed, or the server does not answer.
        """
        server = next((one for one in self._servers if name in one.names), None)
        if server is None:
            return None
        try:
            answer = await server.client.call_tool(server.names[name], arguments, read_timeout_seconds=seconds)
        except (MCPError, ValidationError, RuntimeError) as error:
            said = server.errors()
            raise ServerFailed(f"the tool server failed: {error}{f'; it said: {said}' if said else ''}") from None
        text = _text(answer)
        if answer.is_error:
            raise ServerFailed(text or "the tool failed and said nothing")
        return text

    async def _start(self, wanted: McpServer) -> None:
        place = self._place / FOLDER / wanted.name
        place.mkdir(parents=True, exist_ok=True)
        for name in ("in", "out", "errors", "ended"):
            (place / name).unlink(missing_ok=True)
        requests = os.open(place / "in", _APPEND, 0o664)
        self._stack.callback(os.close, requests)
        script = START.format(
            folder=shlex.quote(str(self._folder)), place=shlex.quote(str(place)), command=shlex.join(wanted.command)
        )
        if (ran := await self._exchange.run(script, self._folder, READY_SECONDS)).code:
            raise ServerFailed(f"its command cannot be started: {ran.output.decode('utf-8', 'replace')[:500]}")
        # The run's end must not wait for a server: its client is closed where it was opened, in this task.
        client = await self._stack.enter_async_context(
            Client(_Files(place, requests), read_timeout_seconds=READY_SECONDS)
        )
        server = _Server(client, lambda: self._errors(wanted.name))
        for tool in await self._listed(client):
            self._offer(wanted, server, tool)
        self._servers.append(server)
        self._say(f"the tool server {wanted.name} offers: {', '.join(server.names.values()) or 'nothing'}")

    @staticmethod
    async def _listed(client: Client) -> list[ServerTool]:
        """All tools, however many pages a server tells them in; one that never comes to an end is read no further."""
        page = await client.list_tools()
        found = list(page.tools)
        for _ in range(MOST_PAGES):
            if not page.next_cursor or len(found) > MOST_LISTED:
                break
            page = await client.list_tools(cursor=page.next_cursor)
            found += page.tools
        return found

    def _offer(self, wanted: McpServer, server: _Server, tool: ServerTool) -> None:
        name = f"{wanted.name}__{tool.name}"
        if wanted.allow is not None and tool.name not in wanted.allow:
            return
        schema = tool.input_schema
        sound = _NAME.fullmatch(name) is not None and len(str(schema)) <= LONGEST_SCHEMA
        if not sound or len(self._tools) >= MOST_TOOLS:
            self._say(f"the tool {name[:80]} is not offered: its name or schema is too long, or there are too many")
            return
        description = (tool.description or tool.title or tool.name)[:LONGEST_DESCRIPTION]
        self._tools.append(Tool(name=name, description=description, parameters=schema))
        server.names[name] = tool.name

    def _errors(self, name: str) -> str:
        """The end of what a server wrote to its standard error, on one line."""
        try:
            data = Beneath(self._place).ends(f"{FOLDER}/{name}/errors", 2_000)
        except (OSError, NotBeneath):
            return ""
        return " ".join(data[-2_000:].decode("utf-8", "replace").split())[-300:]


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


def _text(answer: CallToolResult) -> str:
    parts = [part.text if isinstance(part, TextContent) else f"[{part.type} left out]" for part in answer.content]
    return "\n".join(parts)


@dataclass
class _Files:
    """The SDK's transport over two files: lines are appended to the one and read from the other."""

    place: Path
    requests: int

    async def __aenter__(self) -> TransportStreams:
        self._context = self._streams()
        return await self._context.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._context.__aexit__(kind, error, trace)

    @asynccontextmanager
    async def _streams(self) -> AsyncIterator[TransportStreams]:
        arrived, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](16)
        outgoing, leaving = anyio.create_memory_object_stream[SessionMessage](16)

        # Neither may fail: that would end the run. A way that is broken is closed, and the client says so.
        async def write() -> None:
            with suppress(OSError):
                async for each in leaving:
                    line = each.message.model_dump_json(by_alias=True, exclude_unset=True)
                    os.write(self.requests, line.encode() + b"\n")
            arrived.close()

        async def read() -> None:
            with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                async for line in self._lines():
                    message = _message(line)
                    if message is not None:
                        await arrived.send(SessionMessage(message))
            arrived.close()

        tasks = [asyncio.create_task(write()), asyncio.create_task(read())]
        try:
            yield incoming, outgoing
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for stream in (arrived, incoming, outgoing, leaving):
                stream.close()

    async def _lines(self) -> AsyncIterator[bytes]:
        """What the server says, line by line, until it has ended or says too much in one."""
        position, rest = 0, b""
        while True:
            over = (self.place / "ended").exists()
            piece = self._read(position)
            position += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield line
            if len(rest) > LONGEST_ANSWER or (over and not piece):
                return
            if not piece:
                await asyncio.sleep(POLL_SECONDS)

    def _read(self, position: int) -> bytes:
        try:
            handle = os.open(self.place / "out", _READ)
        except OSError:
            return b""
        try:
            return os.pread(handle, 1024 * 1024, position) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
        finally:
            os.close(handle)


def _message(line: bytes) -> JSONRPCMessage | None:
    """A line as a message; servers also print what is none."""
    try:
        return jsonrpc_message_adapter.validate_json(line)
    except ValidationError:
        return None
