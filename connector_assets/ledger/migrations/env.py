"""Run by Alembic: migrates over the connection it was given, inside that transaction."""

from __future__ import annotations

from alembic import context

from connector_assets.ledger.audit_tables import DRIFT

# transactional_ddl: our SQLite connections begin transactions themselves, tables included.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=DRIFT.metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
