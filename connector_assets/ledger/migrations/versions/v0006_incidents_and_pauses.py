"""Incidents, an outbox of alerts that need no sync, pauses, and what is done once in a while."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables; what was not delivered yet goes into the new outbox."""
    connection = op.get_bind()
    names = ("connector", "environment", "kind", "sync_id", "payload", "at", "delivered_at")
    old = sa.table("alerts", *map(sa.column, names))
    columns = (old.c.connector, old.c.environment, old.c.kind, old.c.sync_id)
    typed = (sa.type_coerce(old.c.payload, sa.JSON), sa.type_coerce(old.c.at, _TIME))
    found = sa.select(*columns, typed[0].label("payload"), typed[1].label("at"))
    rows = connection.execute(found.where(old.c.delivered_at.is_(None))).mappings().all()
    op.drop_table("alerts")
    _make_incidents()
    alerts = _make_alerts()
    _make_pauses()
    if rows:
        connection.execute(alerts.insert(), [_carry_over(row) for row in rows])


def _make_incidents() -> None:
    names = ("environment", "connector", "kind", "identity", "cause")
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in names),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("seen_by", sa.Text, nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("last_at", _TIME, nullable=False),
        sa.Column("closed_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    columns = ["environment", "connector", "closed_at"]
    op.create_index("ix_incidents_environment_connector_closed_at", "incidents", columns)


def _make_alerts() -> sa.Table:
    table = op.create_table(
        "alerts",
        sa.Column("id", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("environment", "connector")),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("incident_id", sa.Integer, nullable=True),
        sa.Column("sync_id", sa.Text, nullable=True),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("reached", sa.JSON, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("held_until", _TIME, nullable=True),
        sa.Column("delivered_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_environment_delivered_at", "alerts", ["environment", "delivered_at"])
    return table


def _make_pauses() -> None:
    names = ("environment", "connector", "who", "why")
    op.create_table(
        "pauses",
        sa.Column("id", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in names),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("resumed_by", sa.Text, nullable=False),
        sa.Column("resumed_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_pauses"),
    )
    op.create_index(
        "ix_pauses_environment_connector_resumed_at",
        "pauses",
        ["environment", "connector", "resumed_at"],
    )
    op.create_table(
        "beats",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("environment", "name")),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("environment", "name", name="pk_beats"),
    )


def _carry_over(row: Any) -> dict[str, Any]:
    # A kind was `sync_` and a verdict.
    verdict = row["kind"].removeprefix("sync_")
    title = f"{row['connector']} {verdict.upper()} ({row['environment']})"
    lines = [row["payload"].get("cause", ""), f"sync {row['sync_id']}"]
    return {
        "environment": row["environment"],
        "connector": row["connector"],
        "kind": "blocked" if verdict == "blocked" else "failed",
        "sync_id": row["sync_id"],
        "payload": {"title": title, "lines": lines},
        "reached": [],
        "tries": 0,
        "failure": "",
        "at": row["at"],
    }
