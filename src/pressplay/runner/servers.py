"""The tools that a project brings, as the agent's loop sees them: offered by name, called by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from pydantic import JsonValue

from pressplay.llm.messages import Tool
from pressplay.protocol.run import McpServer
from pressplay.runner.exchange import Exchange


class ServerFailed(Exception):
    """A tool server does not do what is asked of it; the text is the agent's to read."""


class Servers(Protocol):
    """All tool servers of a run; to be entered before use."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def offered(self) -> tuple[Tool, ...]:
        """Their tools, each named SERVER__TOOL."""
        ...

    async def call(self, name: str, arguments: dict[str, JsonValue], seconds: float) -> str | None:
        """Carry a call out; None where no server has such a tool.

        Raises:
            ServerFailed: the tool says that it failed, or the server does not answer.
        """
        ...


class NoServers:
    """Those of a project that brings none, as most."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def offered(self) -> tuple[Tool, ...]:
        """Nothing."""
        return ()

    async def call(self, name: str, arguments: dict[str, JsonValue], seconds: float) -> str | None:  # noqa: ARG002
        """None: there is no such tool."""
        return None


def servers_of(
    wanted: tuple[McpServer, ...], folder: Path, exchange: Exchange, place: Path, say: Callable[[str], None]
) -> Servers:
    """Whatever a project wants.

    Args:
        folder: where their commands run, in the workspace.
        exchange: what has commands executed.
        place: the exchange's folder.
        say: a line for whoever reads the log.
    """
    if not wanted:
        return NoServers()
    # The protocol's SDK takes longer to load than all else of a run; few runs need it.
    from pressplay.runner.mcp_servers import McpServers

    return McpServers(wanted, folder, exchange, place, say)
