"""Alerts: the outbox of what people are told, each until all whom it is for were reached."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connector_assets.alerting import AlertKind
from connector_assets.ledger.alert_records import Alert, Attempted, NewAlert
from connector_assets.ledger.alert_tables import ALERTS
from connector_assets.ledger.database import Database

#: While one process delivers an alert, no other one begins; it is longer than any delivery takes.
HOLD = timedelta(seconds=90)
#: What could not be delivered for so long is no news any more; it stays in the list.
GIVE_UP = timedelta(days=7)


class Alerts:
    """What people are to be told, and whether they were."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def add(self, new: NewAlert) -> int:
        """Add an alert that is about no incident; return its id."""
        return self._database.write(lambda connection: add_alert(connection, new))

    def claim(self, *, environment: str, now: datetime, after: int = 0) -> Alert | None:
        """Return the oldest alert to be delivered of those after an id; this caller delivers it.

        None where there is none, or where others deliver them, or wait to try again.
        """
        free = sa.or_(ALERTS.c.held_until.is_(None), ALERTS.c.held_until <= now)
        query = _pending(environment).where(free, ALERTS.c.at > now - GIVE_UP, ALERTS.c.id > after)

        def work(connection: sa.Connection) -> Alert | None:
            for row in connection.execute(query).all():
                taken = ALERTS.update().where(ALERTS.c.id == row.id, free)
                if connection.execute(taken.values(held_until=now + HOLD)).rowcount == 1:
                    return _to_alert(row)
            return None

        # Most of the time there is none: a reader keeps nobody from writing.
        first = query.limit(1)
        if self._database.read(lambda connection: connection.execute(first).first()) is None:
            return None
        return self._database.write(work)

    def release(self, *, environment: str) -> None:
        """Let every alert that waits be tried at once."""
        waiting = ALERTS.update().where(
            ALERTS.c.environment == environment, ALERTS.c.delivered_at.is_(None)
        )
        self._database.write(
            lambda connection: connection.execute(waiting.values(held_until=None)).close()
        )

    def settle(self, alert: Alert, *, attempted: Attempted, at: datetime) -> None:
        """Write how a delivery went; without a failure the alert is delivered."""
        values: dict[str, Any] = {
            "reached": [*attempted.reached],
            "failure": attempted.failure,
            "tries": alert.tries + 1,
            "held_until": attempted.held_until,
            "delivered_at": None if attempted.failure else at,
        }
        statement = ALERTS.update().where(ALERTS.c.id == alert.id).values(values)
        self._database.write(lambda connection: connection.execute(statement).close())

    def pending(self, *, environment: str) -> list[Alert]:
        """Return the alerts that somebody was not reached by, oldest first."""
        query = _pending(environment)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [_to_alert(row) for row in rows]


def add_alert(connection: sa.Connection, new: NewAlert, *, incident_id: int | None = None) -> int:
    """Write an alert into the caller's transaction; return its id."""
    values: dict[str, Any] = {
        "environment": new.environment,
        "connector": new.connector,
        "kind": str(new.kind),
        "incident_id": incident_id,
        "sync_id": new.sync_id,
        "payload": dict(new.payload),
        "reached": [],
        "tries": 0,
        "failure": "",
        "at": new.at,
    }
    inserted = ALERTS.insert().values(**values).returning(ALERTS.c.id)
    return int(connection.execute(inserted).scalar_one())


def _pending(environment: str) -> sa.Select[Any]:
    return (
        sa.select(ALERTS)
        .where(ALERTS.c.environment == environment, ALERTS.c.delivered_at.is_(None))
        .order_by(ALERTS.c.id)
        .limit(100)
    )


def _to_alert(row: Any) -> Alert:
    values = dict(row._mapping)
    kind, reached = AlertKind(values["kind"]), tuple(values["reached"])
    return Alert(**{**values, "kind": kind, "reached": reached})
