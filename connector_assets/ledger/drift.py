"""Drift events: opened once, seen again, approved by somebody, or gone."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connector_assets.errors import ConfigError
from connector_assets.ledger.audit_records import PROBE, DriftEvent, DriftStatus, SeenDrift
from connector_assets.ledger.audit_tables import DRIFT
from connector_assets.ledger.database import Database
from connector_assets.model import DriftPolicy

_ALIVE = (DriftStatus.OPEN, DriftStatus.RECORDED, DriftStatus.NOTED, DriftStatus.APPROVED)
_UNDECIDED = (DriftStatus.OPEN, DriftStatus.NOTED)


class DriftEvents:
    """What differs from the baseline of each connector, since when, and what people said of it."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def see(self, seen: Sequence[SeenDrift]) -> list[DriftEvent]:
        """Write what one observation found; return the events that it opened.

        The same difference seen again is the same event, also one that was approved; one that was
        gone is a new event. All of one call go in one transaction.
        """

        def work(connection: sa.Connection) -> list[DriftEvent]:
            opened = [_see(connection, one) for one in seen]
            return [event for event in opened if event is not None]

        return self._database.write(work)

    def settle(
        self,
        event_ids: Collection[int],
        *,
        who: str,
        statuses: Collection[DriftStatus] = _UNDECIDED,
    ) -> None:
        """Close events whose difference is gone; those in other statuses stay as they are."""
        gone = _settled(DriftStatus.GONE, who=who).where(
            DRIFT.c.id.in_(list(event_ids)), DRIFT.c.status.in_(list(statuses))
        )
        self._database.write(lambda connection: connection.execute(gone))

    def claim_untold(self, connector: str, *, environment: str) -> list[DriftEvent]:
        """Return the open events that nobody was told of, once.

        Those that a sync was the first to see are told with its verdict, unless they are only
        warned of.

        Whoever gets them tells somebody, or gives them back with :meth:`take_back`.
        """
        untold = (
            DRIFT.update()
            .where(DRIFT.c.environment == environment, DRIFT.c.connector == connector)
            .where(DRIFT.c.status == DriftStatus.OPEN, DRIFT.c.told_at.is_(None))
            .where(
                DRIFT.c.first_sync_id.startswith(PROBE) | (DRIFT.c.policy == str(DriftPolicy.WARN))
            )
            .values(told_at=datetime.now(UTC))
            .returning(DRIFT)
        )
        rows = self._database.write(lambda connection: connection.execute(untold).all())
        return sorted(map(_to_event, rows), key=lambda event: event.id)

    def take_back(self, events: Sequence[DriftEvent]) -> None:
        """Note that nobody was told of these events after all."""
        ids = [event.id for event in events]
        back = DRIFT.update().where(DRIFT.c.id.in_(ids)).values(told_at=None)
        self._database.write(lambda connection: connection.execute(back).close())

    def approve(self, event_id: int, *, environment: str, who: str) -> DriftEvent:
        """Approve an event: from now on it is a part of the baseline.

        Raises:
            ConfigError: There is no such event in the environment, or it is gone.
        """

        def work(connection: sa.Connection) -> DriftEvent:
            query = sa.select(DRIFT).where(
                DRIFT.c.id == event_id, DRIFT.c.environment == environment
            )
            row = connection.execute(query.with_for_update()).one_or_none()
            if row is None or row.status not in _ALIVE:
                how = "is gone" if row is not None else "does not exist"
                fix = "connectors drift list shows those that are open"
                raise ConfigError(f"drift event {event_id} {how}", fix=fix)
            approved = _settled(DriftStatus.APPROVED, who=who)
            connection.execute(approved.where(DRIFT.c.id == event_id))
            return _to_event(connection.execute(query).one())

        return self._database.write(work)

    def find(
        self,
        *,
        environment: str,
        connector: str | None = None,
        statuses: Collection[DriftStatus] = (DriftStatus.OPEN,),
    ) -> list[DriftEvent]:
        """Return the events in these statuses, oldest first."""
        query = sa.select(DRIFT).where(
            DRIFT.c.environment == environment, DRIFT.c.status.in_(list(statuses))
        )
        if connector is not None:
            query = query.where(DRIFT.c.connector == connector)
        rows = self._database.read(
            lambda connection: connection.execute(query.order_by(DRIFT.c.id)).all()
        )
        return [_to_event(row) for row in rows]

    def fold(self, connector: str, *, environment: str) -> int:
        """Note that the approvals stand in the lock now; return how many those were."""
        folded = (
            DRIFT.update()
            .where(DRIFT.c.environment == environment, DRIFT.c.connector == connector)
            .where(DRIFT.c.status.in_([DriftStatus.APPROVED, DriftStatus.RECORDED]))
            .values(status=DriftStatus.LOCKED)
        )
        return self._database.write(lambda connection: connection.execute(folded).rowcount)


def _see_again(connection: sa.Connection, row: Any, seen: SeenDrift) -> None:
    again = row.last_sync_id != seen.sync_id
    sighting: dict[str, Any] = {"seen": row.seen + again, "last_sync_id": seen.sync_id}
    if again:
        sighting |= {"last_seen_at": seen.at, "policy": str(seen.policy)}
    if row.status == DriftStatus.NOTED:
        # It begins to count when it is loaded, or when its policy says more.
        sighting["status"] = str(seen.status)
    if seen.sample is not None:
        sighting["sample"] = dict(seen.sample)
    connection.execute(DRIFT.update().where(DRIFT.c.id == row.id).values(sighting))


def _see(connection: sa.Connection, seen: SeenDrift) -> DriftEvent | None:
    query = _of(seen.connector, seen.environment).where(
        DRIFT.c.identity == seen.identity, DRIFT.c.status.in_(_ALIVE)
    )
    row = connection.execute(query.with_for_update()).first()
    if row is not None:
        _see_again(connection, row, seen)
        return None
    values = {
        "environment": seen.environment,
        "connector": seen.connector,
        "stream": seen.stream,
        "column": list(seen.column),
        "kind": str(seen.kind),
        "old": seen.old,
        "new": seen.new,
        "identity": seen.identity,
        "policy": str(seen.policy),
        "status": str(seen.status),
        "seen": 1,
        "first_sync_id": seen.sync_id,
        "last_sync_id": seen.sync_id,
        "first_seen_at": seen.at,
        "last_seen_at": seen.at,
        "settled_by": "",
        "sample": None if seen.sample is None else dict(seen.sample),
    }
    inserted = DRIFT.insert().values(values).returning(DRIFT)
    return _to_event(connection.execute(inserted).one())


def _settled(status: DriftStatus, *, who: str) -> sa.Update:
    return DRIFT.update().values(status=str(status), settled_by=who, settled_at=datetime.now(UTC))


def _of(connector: str, environment: str) -> sa.Select[Any]:
    return sa.select(DRIFT).where(
        DRIFT.c.environment == environment, DRIFT.c.connector == connector
    )


def _to_event(row: Any) -> DriftEvent:
    values = dict(row._mapping)
    values["column"] = tuple(values["column"])
    values["status"] = DriftStatus(values["status"])
    return DriftEvent(**values)


def identify_drift(*, stream: str, column: Sequence[str], kind: str, old: Any, new: Any) -> str:
    """Return the text that tells one difference from all others of its connector."""
    return json.dumps([stream, list(column), kind, old, new], sort_keys=True)
