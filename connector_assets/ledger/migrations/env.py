"""Run by Alembic: migrates over the connection it was given, inside that transaction."""

from __future__ import annotations

from alembic import context

from connector_assets.ledger.tables import METADATA

# transactional_ddl: our SQLite connections begin transactions themselves, tables included.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
