"""Alerts: an incident of a sync is opened once, and stays pending until it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connector_assets.errors import ConfigError
from connector_assets.ledger.database import Database, upsert
from connector_assets.ledger.records import Alert
from connector_assets.ledger.tables import ALERTS, SYNCS


class Alerts:
    """Which incidents were opened, and which of them were sent."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def open(self, sync_id: str, *, kind: str, payload: Mapping[str, Any]) -> bool:
        """Open the incident of this kind; True only for the first caller, who sends it.

        Raises:
            ConfigError: The ledger has no such sync.
        """

        def work(connection: sa.Connection) -> bool:
            query = sa.select(SYNCS.c.connector, SYNCS.c.environment)
            row = connection.execute(query.where(SYNCS.c.sync_id == sync_id)).one_or_none()
            if row is None:
                raise ConfigError(f"the ledger has no sync {sync_id!r}")
            values = {**row._mapping, "sync_id": sync_id, "kind": kind, "payload": dict(payload)}
            return upsert(connection, ALERTS, values={**values, "at": datetime.now(UTC)})

        return self._database.write(work)

    def mark_delivered(self, sync_id: str, *, kind: str) -> bool:
        """Note that the alert was sent; True for the one caller that noted it."""
        statement = (
            ALERTS.update()
            .where(ALERTS.c.sync_id == sync_id, ALERTS.c.kind == kind)
            .where(ALERTS.c.delivered_at.is_(None))
            .values(delivered_at=datetime.now(UTC))
        )
        return self._database.write(lambda connection: connection.execute(statement).rowcount == 1)

    def pending(self, *, environment: str, limit: int = 100) -> list[Alert]:
        """Return the opened alerts that were never sent (their sender died), oldest first."""
        query = (
            sa.select(ALERTS)
            .where(ALERTS.c.environment == environment, ALERTS.c.delivered_at.is_(None))
            .order_by(ALERTS.c.at)
            .limit(limit)
        )
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [Alert(**row._mapping) for row in rows]
