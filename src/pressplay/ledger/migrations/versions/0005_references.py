"""What the project's own fixers make of the commit that a run begins on."""

from __future__ import annotations

from alembic import op

from pressplay.ledger import tables

revision = "0005"
down_revision = "0004"
ADDED = (tables.references,)


def upgrade() -> None:
    """Make the table; a ledger that was made today has it from its first shape on."""
    tables.metadata.create_all(op.get_bind(), tables=ADDED, checkfirst=True)


def downgrade() -> None:
    """Drop it."""
    tables.metadata.drop_all(op.get_bind(), tables=ADDED)
