"""Removes what a ledger knows of syncs that ended long ago; states and locks' history stay."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from connector_assets.ledger.audit_records import PackageStatus
from connector_assets.ledger.audit_tables import PACKAGES
from connector_assets.ledger.database import Database
from connector_assets.ledger.tables import ATTEMPTS, EVIDENCE, OUTBOX, OUTBOX_DELIVERIES, SYNCS
from connector_assets.model import Verdict

#: So many at once: a ledger in use is not held up for long.
_AT_ONCE = 500
_GOOD = [str(verdict) for verdict in Verdict if verdict.good]


class Pruning:
    """What makes a ledger smaller."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def count_old(self, *, environment: str, before: datetime) -> int:
        """Return how many syncs :meth:`drop_old` would remove."""
        query = sa.select(sa.func.count()).select_from(_find(environment, before).subquery())
        return int(self._database.read(lambda connection: connection.execute(query).scalar_one()))

    def drop_old(self, *, environment: str, before: datetime, at_once: int = _AT_ONCE) -> int:
        """Remove the syncs that ended before a moment, with evidence and outbox; return how many.

        The last sync of each connector stays, its last good one, one that has not ended or whose
        end is not known, and one whose package is held. States stay: ``state restore`` needs them.

        Raises:
            LedgerUnreachable: The database does not answer; what is removed stays removed.
        """
        dropped = 0
        query = _find(environment, before).limit(at_once)
        while count := self._database.write(lambda connection: _drop(connection, query)):
            dropped += count
        return dropped


def _drop(connection: sa.Connection, query: sa.Select[tuple[str]]) -> int:
    ids = [row.sync_id for row in connection.execute(query)]
    told = sa.select(OUTBOX.c.id).where(OUTBOX.c.sync_id.in_(ids))
    connection.execute(sa.delete(OUTBOX_DELIVERIES).where(OUTBOX_DELIVERIES.c.outbox_id.in_(told)))
    for table in (OUTBOX, EVIDENCE, ATTEMPTS, SYNCS):
        connection.execute(sa.delete(table).where(table.c.sync_id.in_(ids)))
    return len(ids)


def _find(environment: str, before: datetime) -> sa.Select[tuple[str]]:
    held = sa.select(PACKAGES.c.sync_id).where(PACKAGES.c.status == str(PackageStatus.HELD))
    # An id of the newest: times can be equal.
    later = SYNCS.alias()
    of_connector = sa.and_(
        later.c.environment == SYNCS.c.environment,
        later.c.connector == SYNCS.c.connector,
        sa.tuple_(later.c.started_at, later.c.sync_id)
        > sa.tuple_(SYNCS.c.started_at, SYNCS.c.sync_id),
    )
    is_last = ~sa.exists().where(of_connector)
    is_last_good = sa.and_(
        SYNCS.c.verdict.in_(_GOOD), ~sa.exists().where(of_connector, later.c.verdict.in_(_GOOD))
    )
    return sa.select(SYNCS.c.sync_id).where(
        SYNCS.c.environment == environment,
        SYNCS.c.ended_at < before,
        SYNCS.c.verdict != str(Verdict.UNKNOWN),
        SYNCS.c.sync_id.not_in(held),
        ~is_last,
        ~is_last_good,
    )
