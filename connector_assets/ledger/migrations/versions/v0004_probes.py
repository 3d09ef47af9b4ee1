"""Probes: the last one of each connector, and the drift that somebody was told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table and the column."""
    op.add_column("drift", sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))
    names = ("environment", "connector", "probe_id")
    op.create_table(
        "probes",
        *(sa.Column(name, sa.Text, nullable=False) for name in names),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("offered", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("environment", "connector", name="pk_probes"),
    )
