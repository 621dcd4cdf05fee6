"""What the project's own fixers make of the commit that a run begins on: sealed before the agent, judged by after it.

Nothing is believed of the agent's workbench here. The reference comes from the referee (`runner/referee.py`), and who
only formats hands over that tree, or one that differs from it in lines that the linters named there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pressplay.gateway.answers import Rejected
from pressplay.gateway.quarantine.client import Quarantine, QuarantineRefused
from pressplay.ledger import references
from pressplay.ledger.runs import RunRow
from pressplay.ledger.store import Ledger
from pressplay.personas.schema import Writes
from pressplay.policy.clippy import RULE, clippy_contract, named_lines
from pressplay.policy.contracts import violations
from pressplay.policy.redaction import Redactor
from pressplay.protocol.changeset import Changeset
from pressplay.protocol.quarantine import Tree
from pressplay.protocol.run import Reference, Sealed, Violation
from pressplay.resources.names import WORKSPACE_PATH
from pressplay.resources.reasons import Reason

# Rounds of leaving out what makes no tree: two of its files can be in each other's way.
MOST_ROUNDS = 5


@dataclass(frozen=True)
class References:
    """Seals references, and judges by them."""

    ledger: Ledger
    quarantine: Quarantine
    redactor: Redactor

    async def seal(self, row: RunRow, writes: Writes, told: Reference) -> Sealed:
        """Keep what the fixers made, without what the persona may not change; the first that comes stays.

        Raises:
            Rejected: it is not of the commit that the run begins on, makes no tree, or the agent has begun.
        """
        if told.changes.base != row.admission.base_sha:
            raise Rejected(Reason.OUTPUT_REFUSED, "the fixers did not work on the commit that this run begins on")
        changes, tree = await self._permitted(row, writes, told.changes)
        left_out = sorted(_paths(told.changes) - _paths(changes))
        reports = await asyncio.to_thread(
            lambda: tuple(
                each.model_copy(update={"output": self.redactor.redact(each.output)}) for each in told.reports
            )
        )
        wanted = Reference(changes=changes, reports=reports)
        try:
            kept = await asyncio.to_thread(references.seal, self.ledger, row.uid, tree, wanted, left_out)
        except references.TooLate as error:
            raise Rejected(Reason.OUTPUT_REFUSED, str(error), 409) from None
        return Sealed(tree=kept.tree, left_out=tuple(left_out))

    async def _permitted(self, row: RunRow, writes: Writes, changes: Changeset) -> tuple[Changeset, str]:
        """What a persona may change of it, and the tree that this makes."""
        for _ in range(MOST_ROUNDS):
            try:
                tree = await self.quarantine.tree(row.repository_id, changes)
            except QuarantineRefused as error:
                out = {path for each in error.refusal.violations for path in each.paths}
                if not out & _paths(changes):
                    raise
            else:
                out = await asyncio.to_thread(_broken, tree, writes)
                if not out:
                    return changes, tree.tree
            changes = _without(changes, out)
        raise Rejected(Reason.OUTPUT_REFUSED, "what the fixers change makes no tree, whatever of it is left out")

    async def violations(self, row: RunRow, tree: Tree) -> list[Violation]:
        """What a final tree changes beyond what the fixers made and the linters named."""
        kept = await asyncio.to_thread(references.kept_of, self.ledger, row.uid)
        if kept is None:
            told = (
                "nothing is kept of what the project's fixers make, so nothing can be judged by it; make the run anew"
            )
            return [Violation(rule=RULE, message=told)]
        if kept.tree == tree.tree:
            return []
        # Made again: its objects may have been tidied away.
        fixed = await self.quarantine.tree(row.repository_id, kept.reference.changes)
        between = await self.quarantine.differences(row.repository_id, fixed.tree, tree.tree)
        changed = {change.path for change in tree.changes}
        named = named_lines(kept.reference.reports, row.admission.directory, WORKSPACE_PATH)
        return await asyncio.to_thread(clippy_contract, between, changed, named)


def _broken(tree: Tree, writes: Writes) -> set[str]:
    # One by one: of all together only the first violations are told.
    return {change.path for change in tree.changes if violations([change], writes)}


def _paths(changes: Changeset) -> set[str]:
    return {*(file.path for file in changes.files), *changes.deleted}


def _without(changes: Changeset, paths: set[str]) -> Changeset:
    return Changeset(
        base=changes.base,
        files=tuple(file for file in changes.files if file.path not in paths),
        deleted=tuple(path for path in changes.deleted if path not in paths),
    )
