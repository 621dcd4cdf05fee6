"""The tools of an agent. Commands run in the workbench; files are opened here, beneath the workspace, through no link.

An error is a result that teaches: what was wrong, and what to do instead.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from pressplay.llm.messages import Text, Tool, ToolCall, ToolResult
from pressplay.runner.exchange import Exchange
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
    description="Run a POSIX shell script in the repository and see both its outputs and its exit code. No network.",
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
        verdict={"type": "string", "enum": ["pass", "fail"]},
        outcome={"type": "string", "enum": ["done", "cannot"]},
    ),
)
ALL = {tool.name: tool for tool in (SHELL, READ, EDIT, WRITE, SEARCH, FINISH)}


class BadCall(Exception):
    """A call that cannot be carried out; the text is the agent's to read."""


@dataclass(frozen=True)
class Toolbox:
    """The tools that act on the workspace.

    Attributes:
        directory: where commands run, below the workspace.
        seconds: the longest that one command may take.
        shown: the most bytes of an output that the model is shown.
    """

    workspace: Path
    directory: str
    exchange: Exchange
    names: tuple[str, ...]
    seconds: float
    shown: int

    def offered(self) -> tuple[Tool, ...]:
        """What the model may call."""
        return tuple(ALL[name] for name in self.names if name in ALL)

    async def call(self, call: ToolCall) -> ToolResult:
        """Carry a call out."""
        doing: dict[str, Callable[[dict[str, JsonValue]], Awaitable[str]]] = {
            "shell": self._shell, "read": self._read, "edit": self._edit, "write": self._write, "search": self._search,
        }  # fmt: skip
        if call.problem is not None:
            return result(call, call.problem, error=True)
        if call.name not in self.names or call.name not in doing:
            return result(call, f"there is no tool `{call.name}`; there are: {', '.join(self.names)}", error=True)
        try:
            return result(call, await doing[call.name](call.arguments))
        except (BadCall, NotBeneath, TooLarge) as error:
            return result(call, str(error), error=True)
        except FileNotFoundError:
            return result(call, "there is no such file; `search` or `ls` in the shell shows what there is", error=True)
        except IsADirectoryError:
            return result(call, "that is a folder; `ls` in the shell shows what is in it", error=True)

    async def _shell(self, arguments: dict[str, JsonValue]) -> str:
        asked = arguments.get("seconds")
        seconds = min(float(asked) if isinstance(asked, int | float) else DEFAULT_SECONDS, self.seconds)
        folder = self.workspace / self.directory if self.directory else self.workspace
        ran = await self.exchange.run(_text(arguments, "command"), folder, seconds)
        told = f"[ended after {seconds:.0f} s: the time was over]" if ran.late else f"[exit code {ran.code}]"
        return f"{shortened(ran.output, self.shown)}\n{told}".lstrip("\n")

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
        Beneath(self.workspace).write(path, _text(arguments, "content", empty=True).encode("utf-8", "surrogatepass"))
        return f"{path} is written"

    async def _search(self, arguments: dict[str, JsonValue]) -> str:
        words = ["git", "grep", "-nIE", "--untracked", "--max-count=50", "-e", _text(arguments, "pattern")]
        place = arguments.get("path")
        if isinstance(place, str) and place not in ("", "."):
            words += ["--", place]
        ran = await self.exchange.run(shlex.join(words), self.workspace, SEARCH_SECONDS)
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


def _number(arguments: dict[str, JsonValue], name: str, otherwise: int) -> int:
    value = arguments.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
