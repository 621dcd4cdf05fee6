"""What somebody said, by its id at GitHub: it counts once, whichever way it came."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, String, inspect

revision = "0008"
down_revision = "0007"
INDEX = "ix_events_said"


def upgrade() -> None:
    """Add the column; a ledger that was made today has it from its first shape on."""
    connection = op.get_bind()
    if "said" not in {each["name"] for each in inspect(connection).get_columns("events")}:
        op.add_column("events", Column("said", String(255)))
        op.create_index(INDEX, "events", ["said"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index(INDEX, "events")
    op.drop_column("events", "said")
