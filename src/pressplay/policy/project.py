"""The project's own settings, `.pressplay/requirements.yaml` of the repository's default branch.

They are read at a commit that is settled when the run is admitted, never from the branch under work. A field that is
not known is an error that names it: settings that silently do nothing are worse than none.
"""

from __future__ import annotations

from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pressplay.policy.formatters import fixers
from pressplay.policy.merge import MergeSettings
from pressplay.protocol.run import Fixer, McpServer

FILE: Final = ".pressplay/requirements.yaml"
MOST_SERVERS = 8
MOST_FORMATS = 16

Word = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
ServerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]

Command = Annotated[tuple[Word, ...], Field(min_length=1, max_length=64)]


class ProjectError(Exception):
    """The settings cannot be used; names the field."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(_Strict):
    """A tool server (Model Context Protocol, stdio) that is started in the workbench.

    Attributes:
        command: program and arguments; no shell reads them.
        tools: names of its tools that may be used; all where nothing is said.
    """

    command: tuple[Word, ...] = Field(min_length=1, max_length=64)
    tools: tuple[Word, ...] | None = None


class ProjectSettings(_Strict):
    """What a project says of itself.

    Attributes:
        mcp: tool servers by name.
        format: commands that format and fix, by language; they take the place of the usual ones.
        merge: what its merges need.
    """

    mcp: dict[ServerName, ServerSettings] = Field(default_factory=dict, max_length=MOST_SERVERS)
    format: dict[ServerName, tuple[Command, ...]] = Field(default_factory=dict, max_length=MOST_FORMATS)
    merge: MergeSettings = Field(default_factory=MergeSettings)

    def fixers(self) -> tuple[Fixer, ...]:
        """What formats and fixes, as a runner is told of it."""
        return fixers(self.format)

    def servers(self) -> tuple[McpServer, ...]:
        """The tool servers as a runner is told of them."""
        return tuple(McpServer(name=name, command=one.command, allow=one.tools) for name, one in self.mcp.items())


def parse(data: bytes | None) -> ProjectSettings:
    """The settings of a file; the empty ones where there is no file.

    Raises:
        ProjectError: it is no YAML, or a field is wrong.
    """
    try:
        told = yaml.safe_load(data.decode()) if data is not None else None
        return ProjectSettings.model_validate({} if told is None else told)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ProjectError(f"{FILE}: {place}: {first['msg']}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Dates and numbers that there are not are told as ValueError.
        raise ProjectError(f"{FILE} is no YAML: {' '.join(str(error).split())[:300]}") from None
