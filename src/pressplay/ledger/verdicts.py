"""What personas said of commits, as it was kept when they handed it over: what an agent claims later is no evidence."""

from __future__ import annotations

import json

from sqlalchemy import select

from pressplay.ledger import tables
from pressplay.ledger.store import Ledger
from pressplay.protocol.control import Admission


def of_commit(ledger: Ledger, repository_id: int, number: int, base: str, head: str) -> dict[str, str]:
    """The latest verdict of each persona on a pull request's commit, as it was judged for this base.

    A run that changed something has judged the commit that it left; one that changed nothing that which it began on.

    Args:
        number: of the pull request.
    """
    runs, outputs = tables.runs, tables.outputs
    wanted = select(runs.c.admission, runs.c.plan, outputs.c.verdict, outputs.c.head)
    wanted = wanted.join(outputs, outputs.c.run == runs.c.uid)
    wanted = wanted.where(runs.c.repository_id == repository_id, outputs.c.state == "done")
    wanted = wanted.where(outputs.c.verdict.is_not(None)).order_by(outputs.c.time)
    found: dict[str, str] = {}
    with ledger.transaction() as connection:
        for row in connection.execute(wanted):
            admission = Admission.model_validate_json(row.admission)
            about = _number_of(row.plan)
            if about == number and admission.base == base and head == (row.head or admission.base_sha):
                found[admission.persona] = row.verdict
    return found


def _number_of(plan: str) -> int | None:
    """The pull request that a run was about."""
    number = json.loads(plan).get("pull_request")
    return number if isinstance(number, int) else None
