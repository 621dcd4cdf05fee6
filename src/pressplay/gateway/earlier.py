"""The run that another one goes on with: its unfinished work where it left some, else what it handed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pressplay.gateway.plan import Plan
from pressplay.ledger.outputs import OutputRow
from pressplay.ledger.runs import RunRow
from pressplay.ledger.store import Ledger

LONGEST_SAID: Final = 16_000


@dataclass(frozen=True)
class Earlier:
    """A run that came before.

    Attributes:
        output: what it handed over, where that was taken.
    """

    row: RunRow
    output: OutputRow | None

    @property
    def unfinished(self) -> RunRow | None:
        """The run, where its transcript and work are to be gone on with."""
        return self.row if self.output is None else None

    @property
    def branch(self) -> str | None:
        """The branch that holds what it handed over; None where that changed nothing."""
        accepted = self.output.accepted if self.output else None
        return accepted.branch if accepted else None

    @property
    def words(self) -> str:
        """What it said of its work, for the one that goes on; "" where its transcript tells it all."""
        if self.output is None:
            return ""
        output, persona = self.output.output, Plan.model_validate_json(self.row.plan).persona
        verdict = f"Verdict: {output.verdict}" if output.verdict else ""
        said = [output.title, verdict, output.summary, output.body, output.comment]
        text = "\n\n".join(dict.fromkeys(each for each in said if each))[:LONGEST_SAID]
        return f"What {persona} said at the end of its work before this; it claims it, and proves nothing:\n\n{text}"


def earlier_of(ledger: Ledger, namespace: str, name: str, repository: str) -> Earlier | None:
    """The run of this name on this repository; None where there is none."""
    row = ledger.find_run(namespace, name)
    if row is None or row.repository.lower() != repository.lower():
        return None
    output = ledger.output(row.uid)
    return Earlier(row, output if output is not None and output.accepted is not None else None)
