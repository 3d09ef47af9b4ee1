"""The streams that each source was seen to offer, whether its connector reads them or not."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from connector_assets.ledger.audit_tables import OFFERS
from connector_assets.ledger.database import Database, upsert


class Offers:
    """What the sources offered when they were last read."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def save(self, connector: str, *, environment: str, streams: Sequence[str]) -> None:
        """Write what a source offers, in place of what it offered before."""
        values = {
            "environment": environment,
            "connector": connector,
            "streams": sorted(streams),
        }
        self._database.write(
            lambda connection: upsert(connection, OFFERS, values=values, update=["streams"])
        )

    def find(self, connector: str, *, environment: str) -> list[str] | None:
        """Return what a source offered; None where it was never seen."""
        query = sa.select(OFFERS.c.streams).where(
            OFFERS.c.environment == environment, OFFERS.c.connector == connector
        )
        row = self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else list(row.streams)

    def forget(self, connector: str, *, environment: str) -> None:
        """Let its source count as one that was never seen."""
        gone = OFFERS.delete().where(
            OFFERS.c.environment == environment, OFFERS.c.connector == connector
        )
        self._database.write(lambda connection: connection.execute(gone).close())
