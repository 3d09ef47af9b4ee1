"""Incidents: what went wrong with a connector, told once, counted, and over with a good sync."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connector_assets.alerting import AlertKind
from connector_assets.ledger.alert_records import Incident, NewAlert, SeenIncident
from connector_assets.ledger.alert_tables import INCIDENTS
from connector_assets.ledger.alerts import add_alert
from connector_assets.ledger.database import Database

Tell = Callable[[Sequence[Incident]], NewAlert | None]


class Incidents:
    """What is wrong with connectors, since when and how often."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def note(self, seen: SeenIncident, *, alert: NewAlert | None) -> bool:
        """Open an incident together with its alert, or count the one that is open.

        Returns:
            Whether it was opened: what is seen again is told to nobody.
        """

        def work(connection: sa.Connection) -> bool:
            query = _open_of(seen.connector, seen.environment)
            query = query.where(INCIDENTS.c.identity == seen.identity)
            row = connection.execute(query.with_for_update()).first()
            if row is not None:
                _count(connection, row, seen=seen)
                return False
            opened = INCIDENTS.insert().values(**_first_values(seen)).returning(INCIDENTS.c.id)
            incident_id = connection.execute(opened).scalar_one()
            if alert is not None:
                add_alert(connection, alert, incident_id=incident_id)
            return True

        return self._database.write(work)

    def close(
        self, connector: str, *, environment: str, at: datetime, tell: Tell
    ) -> list[Incident]:
        """End a connector's incidents, and add the alert that ``tell`` makes of them, if any."""

        def work(connection: sa.Connection) -> list[Incident]:
            query = _open_of(connector, environment).order_by(INCIDENTS.c.id).with_for_update()
            found = [_to_incident(row) for row in connection.execute(query).all()]
            if not found:
                return []
            ids = [one.id for one in found]
            connection.execute(
                INCIDENTS.update().where(INCIDENTS.c.id.in_(ids)).values(closed_at=at)
            )
            if (alert := tell(found)) is not None:
                add_alert(connection, alert)
            return found

        return self._database.write(work)

    def find(self, incident_id: int) -> Incident | None:
        """Return an incident, None where there is none of this id."""
        query = sa.select(INCIDENTS).where(INCIDENTS.c.id == incident_id)
        row = self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _to_incident(row)

    def open(self, *, environment: str) -> list[Incident]:
        """Return the incidents that are not over, those of a connector together, oldest first."""
        query = (
            sa.select(INCIDENTS)
            .where(INCIDENTS.c.environment == environment, INCIDENTS.c.closed_at.is_(None))
            .order_by(INCIDENTS.c.connector, INCIDENTS.c.id)
        )
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [_to_incident(row) for row in rows]


def _open_of(connector: str, environment: str) -> sa.Select[Any]:
    return sa.select(INCIDENTS).where(
        INCIDENTS.c.environment == environment,
        INCIDENTS.c.connector == connector,
        INCIDENTS.c.closed_at.is_(None),
    )


def _first_values(seen: SeenIncident) -> dict[str, Any]:
    return {
        "environment": seen.environment,
        "connector": seen.connector,
        "kind": str(seen.kind),
        "identity": seen.identity,
        "cause": seen.cause,
        "count": 1,
        "seen_by": seen.seen_by,
        "opened_at": seen.at,
        "last_at": seen.at,
    }


def _count(connection: sa.Connection, row: Any, *, seen: SeenIncident) -> None:
    if row.seen_by == seen.seen_by:
        return
    again = {"count": row.count + 1, "seen_by": seen.seen_by, "last_at": seen.at}
    connection.execute(
        INCIDENTS.update().where(INCIDENTS.c.id == row.id).values({**again, "cause": seen.cause})
    )


def _to_incident(row: Any) -> Incident:
    values = dict(row._mapping)
    return Incident(**{**values, "kind": AlertKind(values["kind"])})
