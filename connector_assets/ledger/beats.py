"""Beats: what any process may do, and one is enough, is done at most every so often."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from connector_assets.ledger.alert_tables import BEATS
from connector_assets.ledger.database import Database, upsert


class Beats:
    """When each of them was done for the last time."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def claim(self, name: str, *, environment: str, every: float, now: datetime) -> bool:
        """Return whether it is time again, ``every`` so many seconds; True for one caller only."""
        key = {"environment": environment, "name": name}
        due = sa.and_(
            BEATS.c.environment == environment,
            BEATS.c.name == name,
            BEATS.c.at <= now - timedelta(seconds=every),
        )

        def work(connection: sa.Connection) -> bool:
            if upsert(connection, BEATS, values={**key, "at": now}):
                return True
            return connection.execute(BEATS.update().where(due).values(at=now)).rowcount == 1

        last = self.last(name, environment=environment)
        if last is not None and last > now - timedelta(seconds=every):
            return False
        return self._database.write(work)

    def last(self, name: str, *, environment: str) -> datetime | None:
        """Return when it was done for the last time; None for never."""
        query = sa.select(BEATS.c.at).where(
            BEATS.c.environment == environment, BEATS.c.name == name
        )
        found: datetime | None = self._database.read(
            lambda connection: connection.execute(query).scalar()
        )
        return found
