"""The ledger's tables of the audit gate: drift, batches, offers, held packages, probes."""

from __future__ import annotations

import sqlalchemy as sa

from connector_assets.ledger.tables import METADATA, UtcDateTime

# One row per difference between the baseline and what was observed, as long as it lasts.
DRIFT = sa.Table(
    "drift",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("column", sa.JSON, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("old", sa.JSON, nullable=False),
    sa.Column("new", sa.JSON, nullable=False),
    # What tells this difference from another one at the same place.
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("seen", sa.Integer, nullable=False),
    sa.Column("first_sync_id", sa.Text, nullable=False),
    sa.Column("last_sync_id", sa.Text, nullable=False),
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Column("last_seen_at", UtcDateTime, nullable=False),
    sa.Column("settled_by", sa.Text, nullable=False),
    sa.Column("settled_at", UtcDateTime, nullable=True),
    # How many rows it concerns, and the masked shape of some, when it was last seen.
    sa.Column("sample", sa.JSON, nullable=True),
    # When an alert was sent for it by itself, not for the sync that it blocked.
    sa.Column("told_at", UtcDateTime, nullable=True),
    sa.Index(None, "environment", "connector", "identity"),
    sa.Index(None, "environment", "status"),
)

# What each sync staged of each stream, for what is usual: rows, and values per column.
BATCHES = sa.Table(
    "batches",
    METADATA,
    sa.Column("sync_id", sa.Text, primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("full", sa.Boolean, nullable=False),
    sa.Column("filled", sa.JSON, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    # Where the cursor stood afterwards, as text; no cursor has none.
    sa.Column("position", sa.Text, nullable=True),
    sa.Index(None, "environment", "connector", "stream", "at"),
)

# Which streams a source was seen to offer, declared or not: of those none is new.
OFFERS = sa.Table(
    "offers",
    METADATA,
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("streams", sa.JSON, nullable=False),
)

PACKAGES = sa.Table(
    "packages",
    METADATA,
    sa.Column("package_id", sa.Text, primary_key=True),
    sa.Column("sync_id", sa.Text, nullable=False),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("base_version", sa.BigInteger, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    # Who takes its rows as they are, where the row rules refused them.
    sa.Column("approved_by", sa.Text, nullable=True),
    sa.Column("held_at", UtcDateTime, nullable=False),
    sa.Column("settled_by", sa.Text, nullable=False),
    sa.Column("settled_at", UtcDateTime, nullable=True),
    sa.Index(None, "environment", "connector", "status"),
    sa.Index(None, "sync_id"),
)

# The last probe of each connector, and which streams its source listed.
PROBES = sa.Table(
    "probes",
    METADATA,
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("probe_id", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("failure", sa.Text, nullable=False),
    sa.Column("offered", sa.JSON, nullable=False),
)
