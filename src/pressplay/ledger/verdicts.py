"""What personas said of commits, as it was kept when they handed it over: what an agent claims later is no evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from pressplay.ledger import tables
from pressplay.ledger.store import Ledger


def of_commit(ledger: Ledger, repository_id: int, number: int, base: str, head: str) -> dict[str, str]:
    """The latest verdict of each persona on a pull request's commit, as it was judged for this base.

    A run that changed something has judged the commit that it left; one that changed nothing that which it began on.
    Only runs count that were asked for nothing but that (`pressplay.policy.judges`).

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
            plan: Mapping[str, Any] = json.loads(row.plan)
            admission: Mapping[str, Any] = json.loads(row.admission)
            judged = row.head or admission.get("base_sha")
            if (
                plan.get("judges")
                and plan.get("pull_request") == number
                and (admission.get("base"), judged) == (base, head)
            ):
                found[str(plan.get("persona"))] = row.verdict
    return found
