"""The outbox: what both views must be told, each once and in order."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from connector_assets.ledger.database import Database, upsert
from connector_assets.ledger.records import Closing, OutboxRow, SyncRow, View
from connector_assets.ledger.tables import OUTBOX, OUTBOX_DELIVERIES


class Outbox:
    """What was written together with a verdict, and which view has seen it."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def pending(self, view: View, *, environment: str, limit: int = 100) -> list[OutboxRow]:
        """Return the rows that ``view`` has not been told, oldest first."""
        # Marks, not a position: on PostgreSQL a lower id can become visible after a higher one.
        told = sa.and_(
            OUTBOX_DELIVERIES.c.outbox_id == OUTBOX.c.id, OUTBOX_DELIVERIES.c.view == view
        )
        query = (
            sa.select(OUTBOX)
            .outerjoin(OUTBOX_DELIVERIES, told)
            .where(OUTBOX.c.environment == environment, OUTBOX_DELIVERIES.c.view.is_(None))
            .order_by(OUTBOX.c.id)
            .limit(limit)
        )
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [OutboxRow(**row._mapping) for row in rows]

    def begin(self, view: View, *, environment: str, at: datetime) -> None:
        """Where ``view`` was told nothing yet, let it hear of nothing before ``at``."""
        told = sa.and_(
            OUTBOX_DELIVERIES.c.view == view, OUTBOX_DELIVERIES.c.environment == environment
        )
        first = sa.select(OUTBOX_DELIVERIES.c.outbox_id).where(told).limit(1)
        old = sa.and_(OUTBOX.c.environment == environment, OUTBOX.c.at < at)
        now = sa.literal(datetime.now(UTC), OUTBOX_DELIVERIES.c.at.type)
        rows = sa.select(sa.literal(str(view)), OUTBOX.c.id, OUTBOX.c.environment, now).where(old)
        names = ["view", "outbox_id", "environment", "at"]

        def note(connection: sa.Connection) -> None:
            if connection.execute(first).first() is None:
                connection.execute(OUTBOX_DELIVERIES.insert().from_select(names, rows))

        self._database.write(note)

    def began(self, view: View, *, environment: str) -> datetime | None:
        """Return when ``view`` was told for the first time; None where it was told nothing yet."""
        query = sa.select(sa.func.min(OUTBOX_DELIVERIES.c.at)).where(
            OUTBOX_DELIVERIES.c.view == view, OUTBOX_DELIVERIES.c.environment == environment
        )
        first: datetime | None = self._database.read(
            lambda connection: connection.execute(query).scalar()
        )
        return first

    def mark_delivered(self, row: OutboxRow, *, view: View) -> bool:
        """Note that ``view`` was told; True for the one caller that noted it."""
        values = {
            "view": str(view),
            "outbox_id": row.id,
            "environment": row.environment,
            "at": datetime.now(UTC),
        }
        return self._database.write(
            lambda connection: upsert(connection, OUTBOX_DELIVERIES, values=values)
        )


def announce(connection: sa.Connection, sync: SyncRow, *, closing: Closing) -> None:
    """Write the outbox row of a closed sync into the caller's transaction."""
    payload = {
        "verdict": str(closing.verdict),
        "cause": closing.cause,
        "result": dict(closing.result),
        "engine": sync.engine,
        "destination": sync.destination,
        "dataset": sync.dataset,
        "trigger": sync.trigger,
        "root_run_id": sync.root_run_id,
        "fingerprint": sync.fingerprint,
        "started_at": sync.started_at.isoformat(),
        "ended_at": closing.at.isoformat(),
    }
    connection.execute(
        OUTBOX.insert().values(
            kind="sync",
            sync_id=sync.sync_id,
            attempt=sync.attempt,
            environment=sync.environment,
            connector=sync.connector,
            payload=payload,
            at=closing.at,
        )
    )
