"""Masked samples of drift, and where each batch left its cursor."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the two columns; rows that are there already have neither."""
    op.add_column("drift", sa.Column("sample", sa.JSON, nullable=True))
    op.add_column("batches", sa.Column("position", sa.Text, nullable=True))
