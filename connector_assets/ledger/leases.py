"""Leases: at most one sync per connector and environment has one at any time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connector_assets.errors import LeaseHeld
from connector_assets.ledger.database import Database, read_clock, upsert
from connector_assets.ledger.process import is_gone
from connector_assets.ledger.records import Holder, HolderProcess, Lease, LeaseRequest
from connector_assets.ledger.tables import LEASES

Clock = Callable[[sa.Connection], datetime]


class Leases:
    """Who may run which connector, until when."""

    def __init__(self, database: Database, *, clock: Clock = read_clock) -> None:
        """Work on ``database``; ``clock`` returns the time all its users share."""
        self._database = database
        self._clock = clock

    def acquire(self, request: LeaseRequest) -> Lease:
        """Take the lease if it is free, expired, the sync's own, or its holder's process ended.

        The token is higher than any that this connector's lease had before. An earlier lease of
        the same sync is void from then on.

        Raises:
            LeaseHeld: Another sync has it; the error's ``holder`` says which, where, until when.
        """

        def work(connection: sa.Connection) -> Lease:
            key = {"environment": request.environment, "connector": request.connector}
            upsert(connection, LEASES, values={**key, "token": 0, "host": ""})
            row = _lock(connection, request.connector, environment=request.environment)
            now = self._clock(connection)
            holder = _live(row, now=now)
            if holder is not None and holder.sync_id != request.sync_id:
                raise refuse(holder, connector=request.connector, environment=request.environment)
            lease = Lease(**key, sync_id=request.sync_id, token=int(row.token) + 1)
            taken = {"sync_id": lease.sync_id, "token": lease.token, "acquired_at": now}
            _update(connection, row, {**taken, **_until(request.process, now, request.ttl)})
            return lease

        return self._database.write(work)

    def renew(self, lease: Lease, *, ttl: float, process: HolderProcess) -> bool:
        """Extend a lease to ``ttl`` seconds from now, held by ``process``.

        Returns:
            False when it is no longer ours: taken, released, or expired. Then acquire again.
        """

        def work(connection: sa.Connection) -> bool:
            row = _lock(connection, lease.connector, environment=lease.environment)
            now = self._clock(connection)
            if not _is_of(row, lease) or row.expires_at <= now:
                return False
            _update(connection, row, _until(process, now, ttl))
            return True

        return self._database.write(work)

    def release(self, lease: Lease) -> bool:
        """Give a lease back; False when it was no longer ours, and then nothing changes."""

        def work(connection: sa.Connection) -> bool:
            row = _lock(connection, lease.connector, environment=lease.environment)
            if not _is_of(row, lease):
                return False
            _update(connection, row, {"sync_id": None, "expires_at": None, "pid": None})
            return True

        return self._database.write(work)

    def holds(self, lease: Lease) -> bool:
        """Return whether the lease is still ours and not expired."""

        def work(connection: sa.Connection) -> bool:
            row: Any = connection.execute(_query(lease.connector, lease.environment)).one_or_none()
            return _is_of(row, lease) and bool(row.expires_at > self._clock(connection))

        return self._database.read(work)

    def holder(self, connector: str, *, environment: str) -> Holder | None:
        """Return who has the lease; None where another sync could take it from here."""

        def work(connection: sa.Connection) -> Holder | None:
            row = connection.execute(_query(connector, environment)).one_or_none()
            return None if row is None else _live(row, now=self._clock(connection))

        return self._database.read(work)


def _query(connector: str, environment: str) -> sa.Select[Any]:
    return sa.select(LEASES).where(
        LEASES.c.environment == environment, LEASES.c.connector == connector
    )


def _lock(connection: sa.Connection, connector: str, *, environment: str) -> Any:
    return connection.execute(_query(connector, environment).with_for_update()).one_or_none()


def _update(connection: sa.Connection, row: Any, values: dict[str, Any]) -> None:
    connection.execute(
        LEASES.update()
        .where(LEASES.c.environment == row.environment, LEASES.c.connector == row.connector)
        .values(values)
    )


def _until(process: HolderProcess, now: datetime, ttl: float) -> dict[str, Any]:
    return {
        "host": process.host,
        "pid": process.pid,
        "process_started": process.started,
        "expires_at": now + timedelta(seconds=ttl),
    }


def _is_of(row: Any, lease: Lease) -> bool:
    return row is not None and (row.sync_id, row.token) == (lease.sync_id, lease.token)


def _live(row: Any, *, now: datetime) -> Holder | None:
    if row.sync_id is None or row.expires_at <= now:
        return None
    process = HolderProcess(host=row.host, pid=row.pid, started=row.process_started)
    if is_gone(process):
        return None
    return Holder(
        sync_id=row.sync_id,
        token=row.token,
        process=process,
        since=row.acquired_at,
        expires=row.expires_at,
    )


def refuse(holder: Holder, *, connector: str, environment: str) -> LeaseHeld:
    """Return the error of a second sync of a connector, naming the one that has the lease."""
    error = LeaseHeld(
        f"connector {connector!r} is being synced by {holder}",
        place=f"environment {environment}",
        fix=f"Wait for it: `connectors status {connector}`",
        connector=connector,
    )
    error.holder = holder
    return error
