"""The ledger's tables about incidents, alerts, pauses and what is done once in a while."""

from __future__ import annotations

import sqlalchemy as sa

from connector_assets.ledger.tables import METADATA, UtcDateTime


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


# What went wrong with a connector and is not over: counted, where it goes wrong again.
INCIDENTS = sa.Table(
    "incidents",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("environment"),
    _text("connector"),
    _text("kind"),
    _text("identity"),
    _text("cause"),
    sa.Column("count", sa.Integer, nullable=False),
    # What it was counted for last: a sync's id, or when a sync was due.
    _text("seen_by"),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime, nullable=True),
    sa.Index(None, "environment", "connector", "closed_at"),
)

# The outbox of what people are told. No foreign key: one about a sync that never came has none.
ALERTS = sa.Table(
    "alerts",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("environment"),
    _text("connector"),
    _text("kind"),
    sa.Column("incident_id", sa.Integer, nullable=True),
    _text("sync_id", nullable=True),
    sa.Column("payload", sa.JSON, nullable=False),
    # Who was reached, by what identifies a target: no address stands in the ledger.
    sa.Column("reached", sa.JSON, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    _text("failure"),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("held_until", UtcDateTime, nullable=True),
    sa.Column("delivered_at", UtcDateTime, nullable=True),
    sa.Index(None, "environment", "delivered_at"),
)

PAUSES = sa.Table(
    "pauses",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("environment"),
    _text("connector"),
    _text("who"),
    _text("why"),
    sa.Column("at", UtcDateTime, nullable=False),
    _text("resumed_by"),
    sa.Column("resumed_at", UtcDateTime, nullable=True),
    sa.Index(None, "environment", "connector", "resumed_at"),
)

# When something that any process may do, and one is enough, was done for the last time.
BEATS = sa.Table(
    "beats",
    METADATA,
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
)
