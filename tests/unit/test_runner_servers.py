"""The project's tool servers, real ones in the workbench's real program: what they offer, say, and cannot do."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pressplay.llm.messages import ToolCall, ToolResult
from pressplay.protocol.run import McpServer
from pressplay.runner.exchange import Exchange
from pressplay.runner.mcp_servers import McpServers
from pressplay.runner.tools import ALL, Toolbox
from tests.unit.a_run import workbench

# A server by the SDK, as projects write them.
COUNTER = """
import os, sys
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
server = MCPServer("counter")
print("this line is no message", flush=True)
print("begun in", os.getcwd(), file=sys.stderr, flush=True)
total = 0

@server.tool()
def add(number: int) -> str:
    "Add to the total."
    global total
    total += number
    return f"total {total}"

@server.tool()
def fail() -> str:
    "Never succeeds."
    raise ToolError("the project says no")

@server.tool()
def much() -> str:
    "Says much."
    return "x" * 100_000

@server.tool()
def leave() -> str:
    "Ends the server."
    print("out of here", file=sys.stderr, flush=True)
    os._exit(3)

server.run()
"""
# One that speaks the first version of the protocol by hand, and reads no SDK's mind.
OLD = """
import json, sys
for line in sys.stdin:
    told = json.loads(line)
    answer = {"code": -32601, "message": "Method not found"}
    if told.get("method") == "initialize":
        me = {"name": "old", "version": "1"}
        answer = {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": me}
    elif told.get("method") == "tools/list":
        answer = {"tools": [{"name": "greet", "inputSchema": {"type": "object"}}]}
    elif told.get("method") == "tools/call":
        answer = {"content": [{"type": "text", "text": "hello"}]}
    if "id" in told:
        kind = "error" if "code" in answer else "result"
        print(json.dumps({"jsonrpc": "2.0", "id": told["id"], kind: answer}), flush=True)
"""

Use = Callable[..., tuple[list[str], list[ToolResult], list[str]]]


@pytest.fixture
def use(tmp_path: Path) -> Iterator[Use]:
    """Start servers, call tools; answers what was offered, the results, and the log."""
    for name in ("work", "exchange", "home"):
        (tmp_path / name).mkdir()
    (tmp_path / "work" / "counter.py").write_text(COUNTER)
    (tmp_path / "work" / "old.py").write_text(OLD)

    def used(*wanted: McpServer, calls: list[tuple[str, dict[str, Any]]], exchange: Exchange) -> Any:
        said: list[str] = []

        async def go() -> tuple[list[str], list[ToolResult]]:
            await exchange.ready()
            async with McpServers(wanted, tmp_path / "work", exchange, tmp_path / "exchange", said.append) as servers:
                tools = Toolbox(tmp_path / "work", "", exchange, tuple(ALL), 20.0, 2_000, servers)
                results = [await tools.call(ToolCall(id="1", name=name, arguments=told)) for name, told in calls]
                return [tool.name for tool in servers.offered()], results

        offered, results = asyncio.run(asyncio.wait_for(go(), 100))
        return offered, results, said

    with workbench(tmp_path / "work", tmp_path / "exchange", tmp_path / "home") as exchange:
        yield lambda *wanted, calls=(): used(*wanted, calls=list(calls), exchange=exchange)
    end_what_was_started(tmp_path / "exchange")


def end_what_was_started(exchange: Path) -> None:
    """McpServers end with their pod, and there is none here."""
    mark = f"PRESSPLAY_EXCHANGE={exchange}\0".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environment.read_bytes():
                os.kill(int(environment.parent.name), signal.SIGKILL)


def counter(**more: Any) -> McpServer:
    return McpServer(name="counter", command=(sys.executable, "counter.py"), **more)


def test_a_server_s_tools_are_offered_and_it_lives_from_call_to_call(use: Use) -> None:
    offered, results, _ = use(counter(), calls=[("counter__add", {"number": 2}), ("counter__add", {"number": 3})])
    assert offered == ["counter__add", "counter__fail", "counter__much", "counter__leave"]
    assert [result.text for result in results] == ["total 2", "total 5"]


def test_a_server_of_the_first_protocol_version_serves_too(use: Use) -> None:
    old = McpServer(name="old", command=(sys.executable, "old.py"))
    offered, results, _ = use(old, calls=[("old__greet", {})])
    assert (offered, results[0].text) == (["old__greet"], "hello")


def test_only_what_the_project_allows_is_offered(use: Use) -> None:
    offered, results, _ = use(counter(allow=("add",)), calls=[("counter__leave", {})])
    assert offered == ["counter__add"]
    assert results[0].is_error
    assert "there is no tool `counter__leave`" in results[0].text


def test_what_a_tool_says_is_shortened_and_its_failure_is_told(use: Use) -> None:
    _, (much, failed), _ = use(counter(), calls=[("counter__much", {}), ("counter__fail", {})])
    assert len(much.text) < 2_100
    assert "bytes are left out" in much.text
    assert failed.is_error
    assert "the project says no" in failed.text


def test_a_server_that_ends_is_told_with_its_last_words_and_the_run_goes_on(use: Use) -> None:
    _, (left, after, shell), _ = use(
        counter(), calls=[("counter__leave", {}), ("counter__add", {"number": 1}), ("shell", {"command": "echo here"})]
    )
    assert left.is_error
    assert "out of here" in left.text
    assert after.is_error
    assert shell.text == "here\n[exit code 0]"


@pytest.mark.parametrize(
    ("command", "words"),
    [(("no-such-program-here",), "not found"), (("sh", "-c", "echo broken >&2; exit 1"), "broken")],
)
def test_a_server_that_does_not_start_is_said_in_the_log_and_the_run_goes_on(
    use: Use, command: tuple[str, ...], words: str
) -> None:
    bad = McpServer(name="bad", command=command)
    offered, results, said = use(bad, counter(), calls=[("counter__add", {"number": 1})])
    assert "counter__add" in offered
    assert results[0].text == "total 1"
    assert any("the tool server bad cannot be used" in line and words in line for line in said), said


def test_a_server_s_files_are_read_through_no_link(use: Use, tmp_path: Path) -> None:
    """The workbench could put a link where the answers are read: what it leads to must not reach the model."""
    secret = tmp_path / "secret"
    secret.write_text("the token\n")
    swap = f"rm -f {tmp_path}/exchange/mcp/bad/out {tmp_path}/exchange/mcp/bad/errors; "
    swap += f"ln -s {secret} {tmp_path}/exchange/mcp/bad/out; ln -s {secret} {tmp_path}/exchange/mcp/bad/errors"
    _, _, said = use(McpServer(name="bad", command=("sh", "-c", swap)), calls=[])
    assert said
    assert not any("the token" in line for line in said)


# It tells one tool a page and calls itself what it was asked; it complains for as long as anybody listens.
PAGES = """
import json, sys
for line in sys.stdin:
    told = json.loads(line)
    if "id" not in told:
        continue
    if told["method"] == "initialize":
        me = {"name": "pages", "version": "1"}
        answer = {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": me}
    elif told["method"] == "tools/list":
        page = int((told.get("params") or {}).get("cursor") or 0)
        answer = {"tools": [{"name": f"tool{page}", "inputSchema": {"type": "object"}}]}
        if page < LAST:
            answer["nextCursor"] = str(page + 1)
    elif told["method"] == "tools/call" and told["params"]["name"] == "tool0":
        sys.stderr.write("much ado " * 2_000_000)
        sys.stderr.flush()
        answer = {"content": [{"type": "text", "text": "said it all"}]}
    elif told["method"] == "tools/call":
        answer = {"content": [{"type": "text", "text": "x" * 20_000_000}]}
    else:
        print(json.dumps({"jsonrpc": "2.0", "id": told["id"], "error": {"code": -32601, "message": "no"}}), flush=True)
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": told["id"], "result": answer}), flush=True)
"""


def pages(folder: Path, last: int) -> McpServer:
    (folder / "work" / "pages.py").write_text(PAGES.replace("LAST", str(last)))
    return McpServer(name="pages", command=(sys.executable, "pages.py"))


def test_tools_on_every_page_are_offered(use: Use, tmp_path: Path) -> None:
    offered, _, _ = use(pages(tmp_path, 2), calls=[])
    assert offered == ["pages__tool0", "pages__tool1", "pages__tool2"]


def test_a_server_whose_pages_never_end_is_read_no_further(use: Use, tmp_path: Path) -> None:
    offered, _, _ = use(pages(tmp_path, 10**9), calls=[])
    assert len(offered) == 51


def test_a_server_may_complain_as_much_as_it_likes_and_what_it_says_in_one_line_is_bounded(
    use: Use, tmp_path: Path
) -> None:
    _, (much, endless, shell), _ = use(
        pages(tmp_path, 1), calls=[("pages__tool0", {}), ("pages__tool1", {}), ("shell", {"command": "echo here"})]
    )
    assert much.text == "said it all"
    assert (tmp_path / "exchange" / "mcp" / "pages" / "errors").stat().st_size <= 8 * 1024 * 1024
    assert endless.is_error
    assert "the tool server failed" in endless.text
    assert shell.text.startswith("here")
