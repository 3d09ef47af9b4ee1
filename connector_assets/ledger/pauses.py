"""Pauses: connectors of which no sync is started by itself, until somebody resumes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connector_assets.ledger.alert_records import NewAlert, Pause
from connector_assets.ledger.alert_tables import PAUSES
from connector_assets.ledger.alerts import add_alert
from connector_assets.ledger.database import Database


class Pauses:
    """Which connectors are paused, by whom and why; those that are over stay as a record."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def pause(self, pause: Pause, *, alert: NewAlert | None = None) -> bool:
        """Pause a connector, together with an alert; False where it is paused already."""

        def work(connection: sa.Connection) -> bool:
            if connection.execute(_active(pause.environment, pause.connector)).first():
                return False
            values = {
                "environment": pause.environment,
                "connector": pause.connector,
                "who": pause.who,
                "why": pause.why,
                "at": pause.at,
                "resumed_by": "",
            }
            connection.execute(PAUSES.insert().values(**values))
            if alert is not None:
                add_alert(connection, alert)
            return True

        return self._database.write(work)

    def resume(self, connector: str, *, environment: str, who: str, at: datetime) -> Pause | None:
        """End a connector's pause and return it; None where it is not paused."""

        def work(connection: sa.Connection) -> Pause | None:
            row = connection.execute(_active(environment, connector).with_for_update()).first()
            if row is None:
                return None
            over = PAUSES.update().where(
                PAUSES.c.environment == environment,
                PAUSES.c.connector == connector,
                PAUSES.c.resumed_at.is_(None),
            )
            connection.execute(over.values(resumed_by=who, resumed_at=at))
            return _to_pause(row)

        return self._database.write(work)

    def active(self, *, environment: str) -> dict[str, Pause]:
        """Return the pauses that are not over, by connector."""
        query = _active(environment)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return {row.connector: _to_pause(row) for row in rows}

    def resumed_at(self, connector: str, *, environment: str) -> datetime | None:
        """Return when a connector was resumed for the last time; None where it never was."""
        query = sa.select(sa.func.max(PAUSES.c.resumed_at)).where(
            PAUSES.c.environment == environment, PAUSES.c.connector == connector
        )
        last: datetime | None = self._database.read(
            lambda connection: connection.execute(query).scalar()
        )
        return last


def _active(environment: str, connector: str | None = None) -> sa.Select[Any]:
    query = sa.select(PAUSES).where(
        PAUSES.c.environment == environment, PAUSES.c.resumed_at.is_(None)
    )
    return query if connector is None else query.where(PAUSES.c.connector == connector)


def _to_pause(row: Any) -> Pause:
    return Pause(
        connector=row.connector,
        environment=row.environment,
        who=row.who,
        why=row.why,
        at=row.at,
    )
