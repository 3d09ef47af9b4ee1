"""The first ledger: syncs, attempts, evidence, states, schemas, leases, outbox, alerts."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON, nullable=False)


def _times(*names: str, nullable: bool = False) -> list[sa.Column[datetime]]:
    return [sa.Column(name, _TIME, nullable=nullable) for name in names]


def upgrade() -> None:
    """Make all tables."""
    _create_syncs()
    _create_attempts()
    _create_evidence()
    _create_states()
    _create_schemas()
    _create_leases()
    _create_outbox()
    _create_alerts()


def _create_syncs() -> None:
    op.create_table(
        "syncs",
        *_text("sync_id", "connector", "engine", "environment", "destination", "dataset"),
        *_text("trigger", "root_run_id", "fingerprint"),
        _json("plan"),
        sa.Column("attempt", sa.Integer, nullable=False),
        *_times("opened_at", "started_at"),
        *_times("ended_at", nullable=True),
        sa.Column("verdict", sa.Text),
        *_text("cause"),
        _json("result"),
        sa.PrimaryKeyConstraint("sync_id", name="pk_syncs"),
    )
    _index("syncs", "environment", "connector", "started_at")
    _index("syncs", "environment", "started_at")
    _index("syncs", "environment", "verdict", "started_at")
    _index("syncs", "root_run_id")


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        *_text("sync_id"),
        sa.Column("attempt", sa.Integer, nullable=False),
        *_text("environment", "trigger", "root_run_id", "fingerprint"),
        *_times("started_at"),
        *_times("ended_at", nullable=True),
        sa.Column("verdict", sa.Text),
        *_text("cause"),
        sa.PrimaryKeyConstraint("sync_id", "attempt", name="pk_attempts"),
        sa.ForeignKeyConstraint(["sync_id"], ["syncs.sync_id"], name="fk_attempts_syncs"),
    )


def _create_evidence() -> None:
    op.create_table(
        "evidence",
        *_text("sync_id"),
        sa.Column("attempt", sa.Integer, nullable=False),
        *_text("layer", "environment"),
        _json("payload"),
        *_times("recorded_at"),
        sa.PrimaryKeyConstraint("sync_id", "attempt", "layer", name="pk_evidence"),
        sa.ForeignKeyConstraint(
            ["sync_id", "attempt"],
            ["attempts.sync_id", "attempts.attempt"],
            name="fk_evidence_attempts",
        ),
    )


def _create_states() -> None:
    op.create_table(
        "states",
        *_text("environment", "connector"),
        sa.Column("version", sa.BigInteger, nullable=False),
        _json("state"),
        sa.Column("sync_id", sa.Text),
        *_text("who", "why"),
        *_times("at"),
        sa.PrimaryKeyConstraint("environment", "connector", "version", name="pk_states"),
    )


def _create_schemas() -> None:
    op.create_table(
        "observed_schemas",
        sa.Column("id", sa.Integer, nullable=False),
        *_text("environment", "connector", "stream"),
        _json("content"),
        *_text("first_sync_id", "last_sync_id"),
        *_times("first_seen_at", "last_seen_at"),
        sa.PrimaryKeyConstraint("id", name="pk_observed_schemas"),
    )
    _index("observed_schemas", "environment", "connector", "stream", "id")


def _create_leases() -> None:
    op.create_table(
        "leases",
        *_text("environment", "connector"),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("sync_id", sa.Text),
        *_text("host"),
        sa.Column("pid", sa.BigInteger),
        sa.Column("process_started", sa.Double),
        *_times("acquired_at", "expires_at", nullable=True),
        sa.PrimaryKeyConstraint("environment", "connector", name="pk_leases"),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, nullable=False),
        *_text("kind", "sync_id"),
        sa.Column("attempt", sa.Integer, nullable=False),
        *_text("environment", "connector"),
        _json("payload"),
        *_times("at"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.ForeignKeyConstraint(["sync_id"], ["syncs.sync_id"], name="fk_outbox_syncs"),
    )
    _index("outbox", "environment", "id")
    _index("outbox", "sync_id")
    op.create_table(
        "outbox_deliveries",
        *_text("view"),
        sa.Column("outbox_id", sa.Integer, nullable=False),
        *_text("environment"),
        *_times("at"),
        sa.PrimaryKeyConstraint("view", "outbox_id", name="pk_outbox_deliveries"),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name="fk_outbox_deliveries_outbox"),
    )


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        *_text("sync_id", "kind", "environment", "connector"),
        _json("payload"),
        *_times("at"),
        *_times("delivered_at", nullable=True),
        sa.PrimaryKeyConstraint("sync_id", "kind", name="pk_alerts"),
        sa.ForeignKeyConstraint(["sync_id"], ["syncs.sync_id"], name="fk_alerts_syncs"),
    )
    _index("alerts", "environment", "delivered_at")


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))
