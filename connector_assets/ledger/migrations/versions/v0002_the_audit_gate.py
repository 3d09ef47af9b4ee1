"""The audit gate: drift, batches, held packages."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TIME = sa.DateTime(timezone=True)


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _json(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.JSON, nullable=False) for name in names]


def _times(*names: str, nullable: bool = False) -> list[sa.Column[datetime]]:
    return [sa.Column(name, _TIME, nullable=nullable) for name in names]


def upgrade() -> None:
    """Make the three tables."""
    _create_drift()
    _create_batches()
    _create_packages()


def _create_drift() -> None:
    op.create_table(
        "drift",
        sa.Column("id", sa.Integer, nullable=False),
        *_text("environment", "connector", "stream"),
        *_json("column"),
        *_text("kind"),
        *_json("old", "new"),
        *_text("identity", "policy", "status"),
        sa.Column("seen", sa.Integer, nullable=False),
        *_text("first_sync_id", "last_sync_id"),
        *_times("first_seen_at", "last_seen_at"),
        *_text("settled_by"),
        *_times("settled_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_drift"),
    )
    _index("drift", "environment", "connector", "identity")
    _index("drift", "environment", "status")


def _create_batches() -> None:
    op.create_table(
        "batches",
        *_text("sync_id", "stream", "environment", "connector"),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("full", sa.Boolean, nullable=False),
        *_json("filled"),
        *_times("at"),
        sa.PrimaryKeyConstraint("sync_id", "stream", name="pk_batches"),
    )
    _index("batches", "environment", "connector", "stream", "at")


def _create_packages() -> None:
    op.create_table(
        "packages",
        *_text("package_id", "sync_id", "environment", "connector"),
        sa.Column("base_version", sa.BigInteger, nullable=False),
        *_text("place"),
        sa.Column("size", sa.BigInteger, nullable=False),
        *_text("status"),
        *_times("held_at"),
        *_text("settled_by"),
        *_times("settled_at", nullable=True),
        sa.PrimaryKeyConstraint("package_id", name="pk_packages"),
    )
    _index("packages", "environment", "connector", "status")
    _index("packages", "sync_id")


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))
