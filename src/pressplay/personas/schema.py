"""What stands in `agents/NAME/persona.yaml`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Tool = Literal["shell", "read", "edit", "write", "search", "finish"]
Access = Literal["read", "write"]
Kind = Literal["add", "modify", "delete"]


class Effect(StrEnum):
    """What a persona's work may lead to on GitHub. None may approve or merge."""

    OPEN_PULL_REQUEST = "open_pull_request"
    COMMENT = "comment"
    RESOLVE_THREAD = "resolve_thread"
    VERDICT = "verdict"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Writes(_Strict):
    """What a persona may change in a repository, checked on the final tree by the gateway.

    Attributes:
        paths: globs of which a changed path must match one (`**` crosses folders); everything where it is empty.
        never: globs of which it may match none.
        kinds: of changes.
        may_weaken_tests: whether tests may be deleted, skipped or loosened.
    """

    paths: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ("add", "modify", "delete")
    may_weaken_tests: bool = False


class PersonaBudget(_Strict):
    """What a run of this persona may spend where the run says nothing."""

    tokens: int | None = Field(default=None, ge=1)
    dollars: str | None = Field(default=None, pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$")
    steps: int | None = Field(default=None, ge=1)
    seconds: int | None = Field(default=None, ge=10)


class Persona(_Strict):
    """One persona.

    Attributes:
        aliases: other names that it is called by, for example the name of its App.
        app: the GitHub App that it acts as; `default` is the shared one.
        models: by wire; where a wire is missing the cluster's model is used.
        permissions: of the GitHub tokens that the gateway takes for its effects.
        prompt: its instructions, from `prompt.md`.
    """

    name: Name
    title: str = Field(min_length=1, max_length=60)
    role: Literal["implementer", "overseer", "reviewer", "planner"]
    description: str = Field(min_length=1, max_length=500)
    aliases: tuple[Name, ...] = ()
    capabilities: tuple[Name, ...] = ()
    tags: tuple[Name, ...] = ()
    triggers: tuple[str, ...] = ()
    app: Name = "default"
    effects: tuple[Effect, ...] = (Effect.OPEN_PULL_REQUEST,)
    permissions: dict[str, Access] = {"contents": "write", "pull_requests": "write"}
    writes: Writes = Writes()
    tools: tuple[Tool, ...] = ("shell", "read", "edit", "write", "search", "finish")
    models: dict[Literal["anthropic", "openai"], str] = Field(default_factory=dict)
    effort: Literal["low", "medium", "high"] | None = None
    budget: PersonaBudget = PersonaBudget()
    prompt: str = Field(min_length=1)
