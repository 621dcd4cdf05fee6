"""Alembic's entry: migrates on the connection that the ledger hands over."""

from __future__ import annotations

from alembic import context

from pressplay.ledger.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
