"""What the pod of a run and the gateway say to each other, on the gateway's listener for runs.

Every call carries the pod's token; which run and attempt it is follows from the token alone and is never said. The
model's routes (`/v1/messages`, `/v1/chat/completions`) are the vendors' own and stand in `pressplay.llm.allowlist`.

| route | what |
| --- | --- |
| GET /run/brief | `Brief` |
| GET /run/workspace?have=COMMIT | the objects of the commit that the work begins on, as one pack, without those
  of a commit that is there already; the header `Pressplay-Shallow` names commits whose parents are not in it |
| GET, PUT /run/work | the latest saved `Changeset`, or what the fixers made of the base (204 where there is none) |
| GET, POST /run/transcript | `Transcript`, `Entries` |
| POST /run/reference | `Reference` → `Sealed`, once and before the model is asked anything |
| POST /run/output | `Output` → `Accepted`, or 422 with `Refusal` |
| POST /run/end | `Ended` |
| GET /run/issues/N, /run/pulls/N | `Thread` |
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue, StringConstraints

from pressplay.protocol.base import Message, ObjectId
from pressplay.protocol.changeset import LONGEST_PATH, Changeset, FilePath
from pressplay.resources.reasons import Reason

BRIEF: Final = "/run/brief"
WORKSPACE: Final = "/run/workspace"
SHALLOW_HEADER: Final = "Pressplay-Shallow"
WORK: Final = "/run/work"
TRANSCRIPT: Final = "/run/transcript"
REFERENCE: Final = "/run/reference"
OUTPUT: Final = "/run/output"
END: Final = "/run/end"
ISSUES: Final = "/run/issues"
PULLS: Final = "/run/pulls"

MOST_RESOLVED: Final = 200
# GitHub's own, opaque to us.
THREAD_ID: Final = re.compile(r"[A-Za-z0-9_=+/-]{1,200}")
ThreadId = Annotated[str, StringConstraints(pattern=rf"^{THREAD_ID.pattern}$")]


class Checkout(Message):
    """Where the work begins.

    Attributes:
        commit: what is checked out, detached from every remote.
        branch: the name that the private repository's branch gets.
    """

    commit: ObjectId
    branch: str
    base: str


class Limits(Message):
    """What is left for this attempt, checked by the runner before each call and by the gateway at each call.

    Attributes:
        tokens: None for no limit of this kind; so with the others.
        micro_dollars: millionths of a US dollar.
        seconds: of wall clock from now.
        tool_seconds: the longest that one command may take.
        output_bytes: the most of one command's output that the model is shown.
    """

    tokens: int | None = None
    micro_dollars: int | None = None
    steps: int | None = None
    seconds: float | None = None
    tool_seconds: float = 600.0
    output_bytes: int = 16_384


class McpServer(Message):
    """A tool server of the project: started in the workbench, spoken to over its standard input and output."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")
    command: tuple[str, ...] = Field(min_length=1)
    allow: tuple[str, ...] | None = None


class Fixer(Message):
    """A formatter or auto-fixer, run by the referee: on the tree that the work begins on, before the agent is there.

    Attributes:
        marks: files of which one must be there for the project to use it, each with a text that stands in it or "";
            it is always used where there are none.
        commands: programs and arguments; no shell reads them.
    """

    name: str
    marks: dict[str, str] = Field(default_factory=dict)
    commands: tuple[tuple[str, ...], ...]


# A shell's exit codes for a program that is not there.
NOT_THERE: Final = (126, 127)
MOST_REPORTS: Final = 1_000
MOST_REPORTED: Final = 256 * 1024


class Report(Message):
    """What became of one command of a fixer's, when it ran for the last time.

    Attributes:
        output: both outputs; of very long ones the beginning and the end.
    """

    fixer: str
    command: str
    code: int
    output: str = Field(max_length=MOST_REPORTED)

    @property
    def ran(self) -> bool:
        """Whether the program is there at all."""
        return self.code not in NOT_THERE


class Reference(Message):
    """What the project's own fixers make of the commit that the work begins on, and what they leave.

    Attributes:
        reports: one a command, in the order they ran; none where the project uses no fixer that is known.
    """

    changes: Changeset
    reports: tuple[Report, ...] = Field(default=(), max_length=MOST_REPORTS)


class Sealed(Message):
    """A reference as it is kept: the first that came, and nothing changes it.

    Attributes:
        tree: the base's, with the changes on it.
        left_out: paths that the persona may not change in such a way; they stay as they are in the base.
    """

    tree: ObjectId
    left_out: tuple[Annotated[str, Field(max_length=LONGEST_PATH)], ...] = ()


class Brief(Message):
    """All that a runner is told. Assembled by the gateway, so that no pod specification holds any of it.

    Attributes:
        kind: of the resource.
        wire, model: whom the runner speaks to, through the gateway.
        system: the persona's instructions.
        task: the first turn: the task, its criteria, and what was read from GitHub for it, cleaned.
        directory: where commands run, below the workspace; empty for its root.
        tools: names of the tools that the persona may use.
        judges: whether the persona gives a verdict.
        fixers: what runs before the model is asked; the model is asked only for what they leave.
        fixed: what they said, once that is sealed.
        formatting: whether nothing is taken but what they make, and mended lines that they name.
        comments: whether it may say something on the issue or pull request that the run is about.
        resolves: whether it may resolve review threads of the pull request that the run is about.
        attempt: from 1.
        effort: how much the model is to think, where the persona says so.
    """

    run: str
    kind: Literal["CodeRun", "DocsRun"]
    repository: str
    persona: str
    wire: Literal["anthropic", "openai"]
    model: str
    effort: Literal["low", "medium", "high"] | None = None
    system: str
    task: str
    directory: str = ""
    checkout: Checkout
    limits: Limits
    tools: tuple[str, ...]
    mcp: tuple[McpServer, ...] = ()
    fixers: tuple[Fixer, ...] = ()
    fixed: tuple[Report, ...] | None = None
    formatting: bool = False
    judges: bool = False
    comments: bool = False
    resolves: bool = False
    attempt: int
    max_output_tokens: int = 16_000


class Entry(Message):
    """One step in the transcript.

    Attributes:
        sequence: from 0, counted over all attempts of the run.
        kind: a turn of the conversation (`pressplay.llm.messages.Message` in `body`), or a note of the runner's.
    """

    sequence: int = Field(ge=0)
    attempt: int = Field(ge=1)
    kind: Literal["message", "note"]
    body: dict[str, JsonValue]


class Entries(Message):
    """Entries to append. The first one's sequence must be the next; the same ones again are no fault."""

    entries: tuple[Entry, ...] = Field(min_length=1, max_length=200)


class Transcript(Message):
    """All entries of a run, in order."""

    entries: tuple[Entry, ...]


class Output(Message):
    """What a run hands over at its end.

    Attributes:
        title, body: for the pull request, in the agent's words; the gateway cleans them and adds the rest.
        verdict: for personas that give one.
        comment: for personas that give one, in the agent's words: it is said where the run's task stands.
        resolved: ids of review threads that are dealt with, for personas that resolve them.
    """

    changes: Changeset
    title: str = Field(min_length=1, max_length=256)
    body: str = Field(default="", max_length=60_000)
    summary: str = Field(default="", max_length=2_000)
    verdict: Literal["pass", "fail"] | None = None
    comment: str = Field(default="", max_length=60_000)
    resolved: tuple[ThreadId, ...] = Field(default=(), max_length=MOST_RESOLVED)


class Accepted(Message):
    """What became of an output. The same output again gets the same answer."""

    outcome: Literal["pull_request", "nothing_to_change"]
    pull_request: int | None = None
    url: str | None = None
    branch: str | None = None
    head: ObjectId | None = None


class Violation(Message):
    """One rule that a change breaks."""

    rule: str
    message: str
    paths: tuple[FilePath, ...] = ()


class Refusal(Message):
    """Why something is refused.

    Attributes:
        message: for people and for the agent: what is wrong and what to do.
    """

    reason: Reason
    message: str
    violations: tuple[Violation, ...] = ()


class Ended(Message):
    """How a runner ends, told before it does; the exit code says the same in one number."""

    reason: Reason
    message: str = Field(default="", max_length=4_000)


class Comment(Message):
    """One comment, its text cleaned of what a reader on GitHub does not see."""

    author: str
    body: str
    created_at: str


class ReviewThread(Message):
    """Comments on a place in the code.

    Attributes:
        id: by which it is resolved.
    """

    id: str
    path: str
    line: int | None
    resolved: bool
    outdated: bool
    code: str
    comments: tuple[Comment, ...]


class Thread(Message):
    """An issue or a pull request with what was said about it.

    Attributes:
        left_out: what of it is not told, and why, in one line; "" where nothing is.
    """

    number: int
    title: str
    body: str
    author: str
    state: str
    labels: tuple[str, ...] = ()
    comments: tuple[Comment, ...] = ()
    reviews: tuple[ReviewThread, ...] = ()
    left_out: str = ""
