"""What stands in `agents/NAME/persona.yaml`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from pressplay.personas.permissions import Access, problem

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Tool = Literal["shell", "read", "edit", "write", "search", "discussion", "finish"]
Kind = Literal["add", "modify", "delete"]


def _glob(pattern: str) -> str:
    """A pattern of which one sees what it matches; where it says less than it seems to, it is refused."""
    parts = pattern.removesuffix("/").split("/")
    wrong = (
        (pattern.startswith("/"), "is absolute; paths begin at the repository's root without a slash"),
        ("\\" in pattern, "has a backslash; write / between folders, and nothing is escaped"),
        (any(ord(letter) < 0x20 for letter in pattern), "has a character that is not seen"),
        (any(part in (".", "..") for part in parts), "leads elsewhere with . or ..; say where it leads"),
        (not all(parts), "has an empty part; write one slash between folders"),
        ("***" in pattern, "has ***; write ** for any number of folders"),
        (
            any("**" in part and part != "**" for part in parts),
            "has ** beside letters; it stands alone for folders",
        ),
        (pattern.startswith("!"), "begins with !; what is never changed stands in `never`"),
        (
            any(letter in "[]{}" for letter in pattern),
            "has brackets, which mean nothing here; write * or ?, or two patterns",
        ),
    )
    told = next((why for so, why in wrong if so), None)
    if told is not None:
        raise ValueError(f"`{pattern}` {told}")
    return pattern


# A glob of paths in a repository: relative, `/` between parts; see `pressplay.policy.globs`.
Glob = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_glob)]


class Effect(StrEnum):
    """What a persona's work may lead to on GitHub. None may approve or merge."""

    OPEN_PULL_REQUEST = "open_pull_request"
    COMMENT = "comment"
    RESOLVE_THREAD = "resolve_thread"
    VERDICT = "verdict"

    @property
    def told(self) -> str:
        """In words."""
        return {"open_pull_request": "a pull request", "comment": "a comment", "resolve_thread": "a resolved thread",
                "verdict": "a verdict"}[self.value]  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Writes(_Strict):
    """What a persona may change in a repository, checked on the final tree by the gateway.

    Attributes:
        paths: globs of which a changed path must match one (`**` crosses folders); everything where it is empty.
        never: globs of which it may match none.
        kinds: of changes.
        may_weaken_tests: whether tests may be deleted, skipped or loosened.
        formatting: whether nothing may change but what the project's fixers make of the tree that the work begins on,
            and lines that they name there. Only for personas with `fixers`.
    """

    paths: tuple[Glob, ...] = ()
    never: tuple[Glob, ...] = ()
    kinds: tuple[Kind, ...] = ("add", "modify", "delete")
    may_weaken_tests: bool = False
    formatting: bool = False


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
        fixers: whether the project's formatters and auto-fixers run first, and its model is asked for what they leave.
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
    permissions: dict[str, Access] = {"contents": "write", "issues": "read", "pull_requests": "write"}
    writes: Writes = Writes()
    fixers: bool = False
    tools: tuple[Tool, ...] = ("shell", "read", "edit", "write", "search", "discussion", "finish")
    models: dict[Literal["anthropic", "openai"], str] = Field(default_factory=dict)
    effort: Literal["low", "medium", "high"] | None = None
    budget: PersonaBudget = PersonaBudget()
    prompt: str = Field(min_length=1)

    @field_validator("permissions", mode="before")
    @classmethod
    def _may_have(cls, told: object) -> object:
        """Only what a persona may have; before the levels are looked at, so that the better reason is told."""
        for name, level in told.items() if isinstance(told, dict) else ():
            why = problem(str(name), str(level))
            if why is not None:
                raise ValueError(f"{name}: {why}")
        return told

    @model_validator(mode="after")
    def _has_what_it_is_held_to(self) -> Self:
        if self.writes.formatting and not self.fixers:
            raise ValueError("writes.formatting: nobody formats without `fixers: true`; add that, or take this out")
        return self
