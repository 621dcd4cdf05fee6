"""What was settled for a run when it was admitted, beyond what the operator needs to know; kept in the ledger."""

from __future__ import annotations

from typing import Literal

from pressplay.ledger.store import Limits
from pressplay.protocol.base import Message


class Plan(Message):
    """The run's plan.

    Attributes:
        task: the first turn, with what was read from GitHub for it at the time of admission.
        continued: uid of the run that this one goes on with.
        issue: the issue that the pull request may close.
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
    continued: str | None = None
    issue: int | None = None

    def limits(self) -> Limits:
        """What the whole run may spend."""
        return Limits(self.tokens, self.micro_dollars, self.steps, float(self.seconds))
