"""How flows ended, and which Workflow a flow is that a person submitted."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import Boolean, Column, String, Text, inspect
from sqlalchemy.types import TypeEngine

revision = "0006"
down_revision = "0005"
ADDED: dict[str, TypeEngine[Any]] = {"workflow": String(253), "phase": String(16), "why": Text(), "told": Boolean()}


def upgrade() -> None:
    """Add the columns; a ledger that was made today has them from its first shape on."""
    there = {each["name"] for each in inspect(op.get_bind()).get_columns("flows")}
    for name, kind in ADDED.items():
        if name not in there:
            op.add_column("flows", Column(name, kind))


def downgrade() -> None:
    """Drop them."""
    for name in ADDED:
        op.drop_column("flows", name)
