"""The platform's own database: :class:`connector_assets.ledger.store.Ledger` and its records.

Importing this package loads neither SQLAlchemy nor Alembic; the modules do.
"""
