"""What runs did: admission, attempts, calls with reservations, transcripts, unfinished work, outputs, actions.

Synchronous: the gateway calls it in threads. Each method is one transaction; modules beside it (`events`, `flows`, …)
open theirs here. Texts that could hold secrets are redacted before they come here.
"""

from __future__ import annotations

from sqlalchemy import func, select

from pressplay.ledger import tables
from pressplay.ledger.calls import Calls
from pressplay.ledger.outputs import Outputs
from pressplay.ledger.runs import Runs
from pressplay.ledger.taints import Taint
from pressplay.ledger.transcripts import Transcripts
from pressplay.protocol.control import Record
from pressplay.resources.reasons import Reason


class Ledger(Runs, Calls, Transcripts, Outputs):
    """All that the gateway keeps: one database, a module for each concern."""

    def record(self, uid: str) -> Record:
        """What is known of a run."""
        usage, cost = self.totals(uid)
        with self.transaction() as connection:
            run = connection.execute(select(tables.runs).where(tables.runs.c.uid == uid)).first()
            output = connection.execute(select(tables.outputs).where(tables.outputs.c.run == uid)).first()
            tainted = connection.execute(select(tables.taints).where(tables.taints.c.run == uid)).first()
            ended = connection.execute(
                select(tables.attempts)
                .where(tables.attempts.c.run == uid, tables.attempts.c.reason.is_not(None))
                .order_by(tables.attempts.c.number.desc())
            ).first()
            cursor = connection.execute(
                select(func.count()).select_from(tables.entries).where(tables.entries.c.run == uid)
            ).scalar_one()
        done = output if output is not None and output.state == "done" else None
        return Record(
            uid=uid, usage=usage, cost=cost, cursor=cursor,
            outcome=done.outcome if done else None,
            pull_request=done.pull_request if done else None,
            url=done.url if done else None,
            branch=done.branch if done else None,
            head=done.head if done else None,
            verdict=done.verdict if done else None,
            summary=done.summary if done else None,
            end_attempt=ended.number if ended else None,
            end_reason=Reason(ended.reason) if ended else None,
            end_message=ended.message if ended else None,
            backup_branch=run.backup_branch if run else None,
            tainted=Taint(tainted.reason, tainted.origin).told() if tainted else None,
        )  # fmt: skip
