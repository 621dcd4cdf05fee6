"""The tools of an agent. Commands run in the workbench; files are opened here, beneath the workspace, through no link.

An error is a result that teaches: what was wrong, and what to do instead.
"""

from __future__ import annotations

import asyncio
import errno
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from pressplay.llm.messages import Text, Tool, ToolCall, ToolResult
from pressplay.protocol.run import Thread
from pressplay.protocol.threads import as_text
from pressplay.runner.exchange import Exchange
from pressplay.runner.gateway import GatewayRefused
from pressplay.runner.servers import ServerFailed, Servers
from pressplay.workspace.beneath import Beneath, NotBeneath, TooLarge

LARGEST_READ = 1024 * 1024
MOST_LINES = 2_000
SEARCH_SECONDS = 60.0
DEFAULT_SECONDS = 120.0


def _object(required: list[str], **properties: JsonValue) -> dict[str, JsonValue]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_PATH: JsonValue = {"type": "string", "description": "Path from the repository's root."}
SHELL = Tool(
    name="shell",
    description=(
        "Run a POSIX shell script in the repository and see both its outputs and its exit code. No network. Where its "
        "lines end with CRLF they are made to end with LF."
    ),
    parameters=_object(
        ["command"],
        command={"type": "string", "description": "The script."},
        seconds={"type": "number", "description": "Time limit; 120 where nothing is said."},
    ),
)
READ = Tool(
    name="read",
    description="Read a text file, with line numbers.",
    parameters=_object(
        ["path"],
        path=_PATH,
        first={"type": "integer", "description": "First line, from 1."},
        last={"type": "integer", "description": "Last line."},
    ),
)
EDIT = Tool(
    name="edit",
    description="Replace a piece of a file that stands in it exactly once.",
    parameters=_object(
        ["path", "old", "new"],
        path=_PATH,
        old={"type": "string", "description": "The piece as it is, without line numbers."},
        new={"type": "string", "description": "What takes its place."},
    ),
)
WRITE = Tool(
    name="write",
    description="Write a whole file; folders on the way are made.",
    parameters=_object(["path", "content"], path=_PATH, content={"type": "string"}),
)
SEARCH = Tool(
    name="search",
    description="Find lines by an extended regular expression, as `git grep -nE` does.",
    parameters=_object(
        ["pattern"],
        pattern={"type": "string"},
        path={"type": "string", "description": "Folder or file to search in; everything where nothing is said."},
    ),
)
DISCUSSION = Tool(
    name="discussion",
    description="Read an issue or a pull request of this repository: its text, comments, and review threads with code.",
    parameters=_object(["number"], number={"type": "integer", "description": "Its number."}),
)
FINISH = Tool(
    name="finish",
    description=(
        "End the work: what has changed in the repository becomes a pull request. With outcome `cannot`, say in body "
        "why the task cannot be done; then nothing is handed over."
    ),
    parameters=_object(
        ["title", "body"],
        title={"type": "string", "description": "Title of the pull request, one line."},
        body={"type": "string", "description": "What was changed and why, and how it was tested, in Markdown."},
        summary={"type": "string", "description": "One or two sentences."},
        outcome={"type": "string", "enum": ["done", "cannot"]},
    ),
)
_COMMENT: JsonValue = {
    "type": "string",
    "description": "What you have to say where the task stands, in Markdown; others read it there.",
}
_RESOLVED: JsonValue = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Ids of the open review threads that you have dealt with: they are resolved.",
}
VERDICTS = ("pass", "fail")
_VERDICT: JsonValue = {"type": "string", "enum": [*VERDICTS], "description": "What you judge it to be."}
ALL = {tool.name: tool for tool in (SHELL, READ, EDIT, WRITE, SEARCH, DISCUSSION, FINISH)}


Discussion = Callable[[int], tuple[str, Thread]]


class BadCall(Exception):
    """A call that cannot be carried out; the text is the agent's to read."""


@dataclass(frozen=True)
class Toolbox:
    """The tools that act on the workspace, and those of the project's servers.

    Attributes:
        directory: where commands run, below the workspace.
        seconds: the longest that one command may take.
        shown: the most bytes of an output that the model is shown.
        discussion: reads an issue or a pull request; which of the two it is comes first.
        judges: whether the persona gives a verdict.
        comments: whether it says something where the task stands.
        resolves: whether it resolves review threads.
        servers: what they do they do in the workbench, so only who may run commands there may call them.
    """

    workspace: Path
    directory: str
    exchange: Exchange
    names: tuple[str, ...]
    seconds: float
    shown: int
    servers: Servers | None = None
    discussion: Discussion | None = None
    judges: bool = False
    comments: bool = False
    resolves: bool = False

    def offered(self) -> tuple[Tool, ...]:
        """What the model may call."""
        servers = self.servers.offered() if self.servers is not None and SHELL.name in self.names else ()
        own = [ALL[name] for name in self.names if name in ALL]
        return (*(self._finishing(tool) if tool is FINISH else tool for tool in own), *servers)

    def _finishing(self, finish: Tool) -> Tool:
        """The last tool, with what this persona may say by it."""
        properties = finish.parameters["properties"]
        more = {"verdict": _VERDICT} if self.judges else {}
        more |= {"comment": _COMMENT} if self.comments else {}
        more |= {"resolved": _RESOLVED} if self.resolves else {}
        told = {**properties, **more} if isinstance(properties, dict) else properties
        return finish.model_copy(update={"parameters": {**finish.parameters, "properties": told}})

    async def call(self, call: ToolCall) -> ToolResult:
        """Carry a call out."""
        doing: dict[str, Callable[[dict[str, JsonValue]], Awaitable[str]]] = {
            "shell": self._shell, "read": self._read, "edit": self._edit, "write": self._write, "search": self._search,
            "discussion": self._discussion,
        }  # fmt: skip
        if call.problem is not None:
            return result(call, call.problem, error=True)
        offered = [tool.name for tool in self.offered()]
        if call.name not in offered:
            return result(call, f"there is no tool `{call.name}`; there are: {', '.join(offered)}", error=True)
        try:
            return result(call, await doing.get(call.name, partial(self._served, call.name))(call.arguments))
        except (BadCall, ServerFailed, NotBeneath, TooLarge) as error:
            return result(call, str(error), error=True)
        except FileNotFoundError:
            return result(call, "there is no such file; `search` or `ls` in the shell shows what there is", error=True)
        except IsADirectoryError:
            return result(call, "that is a folder; `ls` in the shell shows what is in it", error=True)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            return result(call, f"that cannot be done: {error.strerror}", error=True)

    async def _shell(self, arguments: dict[str, JsonValue]) -> str:
        seconds = _seconds(arguments.get("seconds", DEFAULT_SECONDS), self.seconds)
        folder = self.workspace / self.directory if self.directory else self.workspace
        # A carriage return is part of the last word to a shell: `cd src\r` finds no folder.
        script = _text(arguments, "command").replace("\r\n", "\n")
        ran = await self.exchange.run(script, folder, seconds)
        told = f"[ended after {seconds:.0f} s: the time was over]" if ran.late else f"[exit code {ran.code}]"
        return f"{shortened(ran.output, self.shown)}\n{told}".lstrip("\n")

    async def _discussion(self, arguments: dict[str, JsonValue]) -> str:
        number = _number(arguments, "number", 0)
        if number < 1 or self.discussion is None:
            raise BadCall("the argument `number` must be that of an issue or a pull request")
        try:
            kind, thread = await asyncio.to_thread(self.discussion, number)
        except GatewayRefused as error:
            raise BadCall(f"number {number} cannot be read: {error}") from None
        return shortened(as_text(thread, kind).encode(), self.shown * 4)

    async def _served(self, name: str, arguments: dict[str, JsonValue]) -> str:
        said = await self.servers.call(name, arguments, self.seconds) if self.servers is not None else None
        if said is None:
            raise BadCall(f"`{name}` ends the work and is no tool among others")
        return shortened(said.encode(), self.shown)

    async def _read(self, arguments: dict[str, JsonValue]) -> str:
        data = Beneath(self.workspace).read(_path(arguments), LARGEST_READ)
        if b"\0" in data[:8000]:
            raise BadCall("that is a binary file")
        lines = data.decode("utf-8", "replace").split("\n")
        first = max(1, _number(arguments, "first", 1))
        last = min(len(lines), _number(arguments, "last", len(lines)), first + MOST_LINES - 1)
        shown = "\n".join(f"{number}\t{lines[number - 1]}" for number in range(first, last + 1))
        return shortened(shown.encode(), self.shown * 4) or f"[{len(lines)} lines; none of them is in this range]"

    async def _edit(self, arguments: dict[str, JsonValue]) -> str:
        path, old, new = _path(arguments), _text(arguments, "old"), _text(arguments, "new", empty=True)
        tree = Beneath(self.workspace)
        text = tree.read(path, LARGEST_READ).decode("utf-8", "surrogateescape")
        count = text.count(old)
        if count != 1:
            where = "not in the file" if not count else f"{count} times in the file"
            raise BadCall(f"the old piece is {where}; give it exactly, with enough around it to be there once")
        tree.write(path, text.replace(old, new).encode("utf-8", "surrogateescape"))
        return f"{path} is changed"

    async def _write(self, arguments: dict[str, JsonValue]) -> str:
        path = _path(arguments)
        Beneath(self.workspace).write(path, _text(arguments, "content", empty=True).encode())
        return f"{path} is written"

    async def _search(self, arguments: dict[str, JsonValue]) -> str:
        words = ["git", "grep", "-nIE", "--untracked", "--max-count=50", "-e", _text(arguments, "pattern")]
        place = arguments.get("path")
        if isinstance(place, str) and place not in ("", "."):
            words += ["--", place]
        ran = await self.exchange.run(shlex.join(words), self.workspace, SEARCH_SECONDS)
        # git grep ends with 1 where nothing was found.
        if ran.late or ran.code > 1:
            raise BadCall(f"the search failed: {shortened(ran.output, self.shown) or 'its time was over'}")
        return shortened(ran.output, self.shown) or "[nothing found]"


def result(call: ToolCall, text: str, *, error: bool = False) -> ToolResult:
    """A tool's result as text."""
    return ToolResult(call_id=call.id, content=(Text(text=text),), is_error=error)


def shortened(output: bytes, most: int) -> str:
    """An output as text, its middle left out where it is long: errors stand at the end, and what was asked first."""
    if len(output) > most:
        half = most // 2
        left = len(output) - 2 * half
        output = output[:half] + f"\n[... {left:,} bytes are left out ...]\n".encode() + output[-half:]
    return output.decode("utf-8", "replace").rstrip("\n")


def _path(arguments: dict[str, JsonValue]) -> str:
    return _text(arguments, "path").removeprefix("./")


def _text(arguments: dict[str, JsonValue], name: str, *, empty: bool = False) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or (not value and not empty):
        raise BadCall(f"the argument `{name}` must be text")
    return value


def _seconds(asked: JsonValue, most: float) -> float:
    if not isinstance(asked, int | float) or isinstance(asked, bool) or not asked >= 1:
        raise BadCall("the argument `seconds` must be a number from 1")
    return float(min(asked, most))


def _number(arguments: dict[str, JsonValue], name: str, otherwise: int) -> int:
    value = arguments.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
