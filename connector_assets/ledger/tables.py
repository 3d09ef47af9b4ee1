"""The ledger's tables as the code sees them; the migrations make them (a test compares the two)."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An instant: aware datetimes in, aware UTC datetimes out, on every database.

    SQLite has no such type: it keeps UTC text of a fixed width, which sorts as time does.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC; a naive time is a programming error (ValueError)."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a time zone cannot go into the ledger: {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant with UTC attached."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _time(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


# JSON, not JSONB: the content comes back exactly as it went in, NUL characters included.
SYNCS = sa.Table(
    "syncs",
    METADATA,
    _key("sync_id"),
    _text("connector"),
    _text("engine"),
    _text("environment"),
    _text("destination"),
    _text("dataset"),
    _text("trigger"),
    _text("root_run_id"),
    _text("fingerprint"),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    _time("opened_at"),
    _time("started_at"),
    _time("ended_at", nullable=True),
    _text("verdict", nullable=True),
    _text("cause"),
    sa.Column("result", sa.JSON, nullable=False),
    sa.Index(None, "environment", "connector", "started_at"),
    sa.Index(None, "environment", "started_at"),
    sa.Index(None, "environment", "verdict", "started_at"),
    sa.Index(None, "root_run_id"),
)

ATTEMPTS = sa.Table(
    "attempts",
    METADATA,
    sa.Column("sync_id", sa.Text, sa.ForeignKey("syncs.sync_id"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    _text("environment"),
    _text("trigger"),
    _text("root_run_id"),
    _text("fingerprint"),
    _time("started_at"),
    _time("ended_at", nullable=True),
    _text("verdict", nullable=True),
    _text("cause"),
)

EVIDENCE = sa.Table(
    "evidence",
    METADATA,
    _key("sync_id"),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    _key("layer"),
    _text("environment"),
    sa.Column("payload", sa.JSON, nullable=False),
    _time("recorded_at"),
    sa.ForeignKeyConstraint(["sync_id", "attempt"], ["attempts.sync_id", "attempts.attempt"]),
)

# No foreign key to syncs: a version adopted from a destination may name a sync of a lost ledger.
STATES = sa.Table(
    "states",
    METADATA,
    _key("environment"),
    _key("connector"),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.JSON, nullable=False),
    _text("sync_id", nullable=True),
    _text("who"),
    _text("why"),
    _time("at"),
)

OBSERVED_SCHEMAS = sa.Table(
    "observed_schemas",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("environment"),
    _text("connector"),
    _text("stream"),
    sa.Column("content", sa.JSON, nullable=False),
    _text("first_sync_id"),
    _text("last_sync_id"),
    _time("first_seen_at"),
    _time("last_seen_at"),
    sa.Index(None, "environment", "connector", "stream", "id"),
)

# A row is never deleted: it keeps the last token. Free: sync_id is null.
LEASES = sa.Table(
    "leases",
    METADATA,
    _key("environment"),
    _key("connector"),
    sa.Column("token", sa.BigInteger, nullable=False),
    _text("sync_id", nullable=True),
    _text("host"),
    sa.Column("pid", sa.BigInteger, nullable=True),
    sa.Column("process_started", sa.Double, nullable=True),
    _time("acquired_at", nullable=True),
    _time("expires_at", nullable=True),
)

OUTBOX = sa.Table(
    "outbox",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("kind"),
    sa.Column("sync_id", sa.Text, sa.ForeignKey("syncs.sync_id"), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    _text("environment"),
    _text("connector"),
    sa.Column("payload", sa.JSON, nullable=False),
    _time("at"),
    sa.Index(None, "environment", "id"),
    sa.Index(None, "sync_id"),
)

OUTBOX_DELIVERIES = sa.Table(
    "outbox_deliveries",
    METADATA,
    _key("view"),
    sa.Column("outbox_id", sa.Integer, sa.ForeignKey("outbox.id"), primary_key=True),
    _text("environment"),
    _time("at"),
)
