"""Finds syncs: by the start of an id, by connector, the newest, the open ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa

from connector_assets.errors import ConfigError
from connector_assets.ledger.database import Database
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.tables import SYNCS
from connector_assets.model import Verdict


class History:
    """The syncs that were run, as their latest attempts left them."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def find(self, prefix: str) -> SyncRow:
        """Return the one sync whose id is ``prefix`` or starts with it.

        Raises:
            ConfigError: None does (with near matches), or more than one.
        """
        query = (
            sa.select(SYNCS)
            .where(SYNCS.c.sync_id.startswith(prefix, autoescape=True))
            .order_by(SYNCS.c.started_at.desc())
            .limit(10)
        )
        exact = sa.select(SYNCS).where(SYNCS.c.sync_id == prefix)
        rows = self._select(exact) or self._select(query)
        if len(rows) != 1:
            raise self._not_one(prefix, found=[row.sync_id for row in rows])
        return rows[0]

    def last(
        self,
        *,
        environment: str,
        connectors: Sequence[str] | None = None,
        verdicts: Collection[Verdict] = (),
    ) -> list[SyncRow]:
        """Return the newest sync of each connector (of ``connectors``, or all), by its name.

        With ``verdicts`` the newest one that ended with one of them.
        """
        ended = [SYNCS.c.verdict.in_(list(verdicts))] if verdicts else []
        # Grouped first: the index alone answers that, and only those rows are then read.
        newest = sa.select(SYNCS.c.connector, sa.func.max(SYNCS.c.started_at).label("started_at"))
        newest = newest.where(SYNCS.c.environment == environment, *ended)
        newest = newest.group_by(SYNCS.c.connector)
        if connectors is not None:
            newest = newest.where(SYNCS.c.connector.in_(connectors))
        starts = newest.subquery()
        same = sa.and_(
            SYNCS.c.environment == environment,
            SYNCS.c.connector == starts.c.connector,
            SYNCS.c.started_at == starts.c.started_at,
            *ended,
        )
        query = sa.select(SYNCS).join(starts, same).order_by(SYNCS.c.connector, SYNCS.c.sync_id)
        # Of two that started in the same microsecond, the one with the higher id.
        return list({row.connector: row for row in self._select(query)}.values())

    def recent(
        self, *, environment: str, connector: str | None = None, limit: int = 20
    ) -> list[SyncRow]:
        """Return the newest syncs first, of one connector or all."""
        return self._select(_of(environment, connector).limit(limit))

    def last_good(self, connector: str, *, environment: str, limit: int) -> list[SyncRow]:
        """Return the newest syncs of a connector that ended well, newest first."""
        good = [verdict for verdict in Verdict if verdict.good]
        query = _of(environment, connector).where(SYNCS.c.verdict.in_(good))
        return self._select(query.limit(limit))

    def unfinished(self, *, environment: str, connector: str | None = None) -> list[SyncRow]:
        """Return the syncs without a verdict, newest first."""
        return self._select(_of(environment, connector).where(SYNCS.c.verdict.is_(None)))

    def unsettled(self, *, environment: str, connector: str | None = None) -> list[SyncRow]:
        """Return the syncs without a verdict, or whose verdict is ``unknown``, newest first."""
        open_or_unknown = sa.or_(SYNCS.c.verdict.is_(None), SYNCS.c.verdict == Verdict.UNKNOWN)
        return self._select(_of(environment, connector).where(open_or_unknown))

    def _select(self, query: sa.Select[Any]) -> list[SyncRow]:
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [to_sync(row) for row in rows]

    def _not_one(self, prefix: str, *, found: list[str]) -> ConfigError:
        place = self._database.place
        if found:
            listed = ", ".join(found)
            return ConfigError(
                f"{prefix!r} is ambiguous, several syncs start with it: {listed}",
                place=place,
                fix="Give more characters of the id",
            )
        query = sa.select(SYNCS.c.sync_id).order_by(SYNCS.c.started_at.desc()).limit(200)
        recent = self._database.read(lambda connection: connection.execute(query).scalars().all())
        starts = {sync_id[: len(prefix)]: sync_id for sync_id in reversed(recent)}
        near = [starts[match] for match in get_close_matches(prefix, starts, n=3)]
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        return ConfigError(
            f"no sync starts with {prefix!r}",
            place=place,
            value=prefix,
            fix=f"{hint}`connectors status` lists the last syncs",
        )


def _of(environment: str, connector: str | None) -> sa.Select[Any]:
    query = sa.select(SYNCS).where(SYNCS.c.environment == environment)
    if connector is not None:
        query = query.where(SYNCS.c.connector == connector)
    return query.order_by(SYNCS.c.started_at.desc(), SYNCS.c.sync_id.desc())


def to_sync(row: Any) -> SyncRow:
    """Return the record of a row of the table of syncs."""
    values = dict(row._mapping)
    verdict = values.pop("verdict")
    return SyncRow(**values, verdict=None if verdict is None else Verdict(verdict))
