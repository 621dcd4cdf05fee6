"""When flows were asked for; which runs read strangers' words; what people approved in comments."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Float, inspect

from pressplay.ledger import tables

revision = "0007"
down_revision = "0006"
ADDED = (tables.taints, tables.approvals)


def upgrade() -> None:
    """Add tables and column; a ledger that was made today has them from its first shape on."""
    connection = op.get_bind()
    tables.metadata.create_all(connection, tables=ADDED, checkfirst=True)
    if "moment" not in {each["name"] for each in inspect(connection).get_columns("flows")}:
        op.add_column("flows", Column("moment", Float))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("flows", "moment")
    tables.metadata.drop_all(op.get_bind(), tables=ADDED)
