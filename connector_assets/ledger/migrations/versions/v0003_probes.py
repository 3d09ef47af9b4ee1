"""Probes: the last one of each connector."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    names = ("environment", "connector", "probe_id")
    op.create_table(
        "probes",
        *(sa.Column(name, sa.Text, nullable=False) for name in names),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("offered", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("environment", "connector", name="pk_probes"),
    )
