"""Events, the flows that they start, and whom they wake."""

from __future__ import annotations

from alembic import op

from pressplay.ledger import tables

revision = "0002"
down_revision = "0001"
ADDED = (tables.events, tables.flows, tables.wakes)


def upgrade() -> None:
    """Make the tables; a ledger that was made today has them from its first shape on."""
    tables.metadata.create_all(op.get_bind(), tables=ADDED, checkfirst=True)


def downgrade() -> None:
    """Drop them."""
    tables.metadata.drop_all(op.get_bind(), tables=ADDED)
