"""How gates stood, checks that were run again, what triage found, commands, and what polling has seen."""

from __future__ import annotations

from alembic import op

from pressplay.ledger import tables

revision = "0003"
down_revision = "0002"
ADDED = (tables.gates, tables.reruns, tables.triages, tables.commands, tables.polls)


def upgrade() -> None:
    """Make the tables; a ledger that was made today has them from its first shape on."""
    tables.metadata.create_all(op.get_bind(), tables=ADDED, checkfirst=True)


def downgrade() -> None:
    """Drop them."""
    tables.metadata.drop_all(op.get_bind(), tables=ADDED)
