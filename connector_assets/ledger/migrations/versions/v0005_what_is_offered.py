"""The streams that a source offers, and who takes the rows of a held package as they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table, and add the column."""
    op.create_table(
        "offers",
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("connector", sa.Text, nullable=False),
        sa.Column("streams", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("environment", "connector", name="pk_offers"),
    )
    op.add_column("packages", sa.Column("approved_by", sa.Text, nullable=True))
