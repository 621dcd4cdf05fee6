"""What was settled for a run when it was admitted, beyond what the operator needs to know; kept in the ledger."""

from __future__ import annotations

from typing import Literal

from pressplay.ledger.calls import Limits
from pressplay.protocol.base import Message
from pressplay.protocol.run import Fixer, McpServer


class Plan(Message):
    """The run's plan.

    Attributes:
        task: the first turn, with what was read from GitHub for it at the time of admission.
        since: when the work was asked for, in seconds since 1970; what was said later is not for it.
        flow: that it is a step of, whose start is its own.
        continued: uid of the run that this one goes on with.
        issue: the issue that the pull request may close.
        pull_request: the pull request that the run is about.
        mcp: tool servers of the project.
        fixers: of the project, for a persona that has them run first.
        judges: it is asked nothing but to judge its pull request, so that its verdict counts at the merge.
    """

    persona: str
    wire: Literal["anthropic", "openai"]
    models: tuple[str, ...]
    task: str
    depth: int
    tokens: int | None
    micro_dollars: int | None
    steps: int | None
    seconds: int
    since: float | None = None
    flow: int | None = None
    continued: str | None = None
    issue: int | None = None
    pull_request: int | None = None
    mcp: tuple[McpServer, ...] = ()
    fixers: tuple[Fixer, ...] = ()
    judges: bool = False

    @property
    def subject(self) -> str:
        """What the run's task is, as flows name it; "" where it is words."""
        if self.pull_request:
            return f"pr:{self.pull_request}"
        return f"issue:{self.issue}" if self.issue else ""

    def limits(self) -> Limits:
        """What the whole run may spend."""
        return Limits(self.tokens, self.micro_dollars, self.steps, float(self.seconds))
