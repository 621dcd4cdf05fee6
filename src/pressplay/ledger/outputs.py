"""What runs handed over, and how far it has come: received, committed, pushed, done."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from sqlalchemy import Row, insert, select, update

from pressplay.ledger import tables
from pressplay.ledger.base import Base
from pressplay.protocol.run import Accepted, Output


@dataclass(frozen=True)
class OutputRow:
    """What a run handed over, and how far it has come: received, committed, pushed, done."""

    run: str
    digest: str
    state: str
    time: float
    output: Output
    head: str | None
    branch: str | None
    accepted: Accepted | None


class Outputs(Base):
    """What is kept of outputs."""

    def receive_output(self, run: str, digest: str, output: Output) -> OutputRow:
        """Keep an output as received; one that came to its end stays, another one takes the place of a refused one."""
        values = {
            "digest": digest, "state": "received", "time": self._now(),
            "body": zlib.compress(output.model_dump_json().encode()), "verdict": output.verdict,
            "summary": output.summary, "head": None, "outcome": None,
        }  # fmt: skip
        with self.transaction() as connection:
            row = connection.execute(select(tables.outputs).where(tables.outputs.c.run == run)).first()
            if row is None:
                connection.execute(insert(tables.outputs).values({"run": run, **values}))
            elif row.digest != digest and row.state == "received":
                connection.execute(update(tables.outputs).where(tables.outputs.c.run == run).values(values))
        found = self.output(run)
        if found is None:
            raise LookupError(f"the output of {run} was not kept")
        return found

    def output(self, run: str) -> OutputRow | None:
        """A run's output."""
        with self.transaction() as connection:
            row = connection.execute(select(tables.outputs).where(tables.outputs.c.run == run)).first()
        return None if row is None else _output(row)

    def advance_output(self, run: str, state: str, **values: object) -> None:
        """An output has come to another state."""
        with self.transaction() as connection:
            connection.execute(
                update(tables.outputs).where(tables.outputs.c.run == run).values({"state": state, **values})
            )
            told = {name: value for name, value in values.items() if isinstance(value, str | int)}
            self._note(connection, run, "gateway", f"output-{state}", told)

    def unfinished_outputs(self) -> list[str]:
        """Runs whose output's way was cut off after it was accepted, the oldest first."""
        wanted = select(tables.outputs.c.run).where(tables.outputs.c.state.in_(("committed", "pushed")))
        with self.transaction() as connection:
            return list(connection.execute(wanted.order_by(tables.outputs.c.time)).scalars())


def _output(row: Row[tuple[object, ...]]) -> OutputRow:
    accepted = None
    if row.state == "done":
        accepted = Accepted(
            outcome=row.outcome, pull_request=row.pull_request, url=row.url, branch=row.branch, head=row.head
        )
    return OutputRow(
        run=row.run, digest=row.digest, state=row.state, time=row.time,
        output=Output.model_validate_json(zlib.decompress(row.body)), head=row.head, branch=row.branch,
        accepted=accepted,
    )  # fmt: skip
