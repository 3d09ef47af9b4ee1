"""State versions (append-only) and the structure that syncs observed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from connector_assets.errors import ConfigError, StateDivergence
from connector_assets.ledger.database import Database, upsert
from connector_assets.ledger.records import ObservedSchema, StateVersion
from connector_assets.ledger.tables import OBSERVED_SCHEMAS, STATES


class States:
    """Every version of every connector's state: who wrote it, why, by which sync."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def append(self, version: StateVersion) -> None:
        """Write a version; one that is there with the same content is left as it is.

        Raises:
            StateDivergence: The version is there with another content.
        """
        self._database.write(lambda connection: append_version(connection, version))

    def latest(self, connector: str, *, environment: str) -> StateVersion | None:
        """Return the highest version, or None before the first."""
        return next(iter(self.versions(connector, environment=environment, limit=1)), None)

    def find(self, connector: str, *, environment: str, version: int) -> StateVersion:
        """Return one version of a connector's state.

        Raises:
            ConfigError: The ledger does not have it; names those that it has.
        """
        query = _versions_of(connector, environment)
        rows = self._database.read(
            lambda connection: connection.execute(query.where(STATES.c.version == version)).all()
        )
        if rows:
            return StateVersion(**rows[0]._mapping)
        known = self.versions(connector, environment=environment)
        raise ConfigError(
            f"the ledger has no version {version} of the state of {connector}",
            place=f"environment {environment}",
            connector=connector,
            value=str(version),
            valid=[str(one.version) for one in known],
            fix="" if known else f"Sync it first: connectors sync {connector}",
        )

    def versions(self, connector: str, *, environment: str, limit: int = 20) -> list[StateVersion]:
        """Return the versions of a connector, highest first."""
        query = _versions_of(connector, environment).order_by(STATES.c.version.desc()).limit(limit)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [StateVersion(**row._mapping) for row in rows]


def append_version(connection: sa.Connection, version: StateVersion) -> None:
    """Write a version of a state, as :meth:`States.append` does, inside an open transaction.

    Raises:
        StateDivergence: The version is there with another content.
    """
    values = {
        "environment": version.environment,
        "connector": version.connector,
        "version": version.version,
        "state": dict(version.state),
        "sync_id": version.sync_id,
        "who": version.who,
        "why": version.why,
        "at": version.at,
    }
    if upsert(connection, STATES, values=values):
        return
    query = _versions_of(version.connector, version.environment)
    row = connection.execute(query.where(STATES.c.version == version.version)).one()
    if _canonical(row.state) != _canonical(version.state):
        raise _diverged(version, known_sync=row.sync_id)


class Schemas:
    """What syncs saw of each stream's structure: one row per change, not per sync."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def save(self, seen: ObservedSchema) -> bool:
        """Write what a sync saw; the same structure again only moves its last sighting.

        Returns:
            Whether the structure is new or another than the one before.
        """

        def work(connection: sa.Connection) -> bool:
            last = connection.execute(_last_seen(seen)).one_or_none()
            sighting = {"last_sync_id": seen.sync_id, "last_seen_at": seen.at}
            if last is not None and _canonical(last.content) == _canonical(seen.schema):
                again = OBSERVED_SCHEMAS.update().where(OBSERVED_SCHEMAS.c.id == last.id)
                connection.execute(again.values(sighting))
                return False
            first = {
                "environment": seen.environment,
                "connector": seen.connector,
                "stream": seen.stream,
                "content": dict(seen.schema),
                "first_sync_id": seen.sync_id,
                "first_seen_at": seen.at,
            }
            connection.execute(OBSERVED_SCHEMAS.insert().values({**first, **sighting}))
            return True

        return self._database.write(work)

    def observed(self, connector: str, *, environment: str) -> dict[str, dict[str, Any]]:
        """Return the structure last seen of each stream, by the stream's name."""
        table = OBSERVED_SCHEMAS
        newest = (
            sa.select(sa.func.max(table.c.id))
            .where(table.c.environment == environment, table.c.connector == connector)
            .group_by(table.c.stream)
        )
        query = sa.select(table.c.stream, table.c.content).where(table.c.id.in_(newest))
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return {row.stream: row.content for row in rows}


def _versions_of(connector: str, environment: str) -> sa.Select[Any]:
    return sa.select(STATES).where(
        STATES.c.environment == environment, STATES.c.connector == connector
    )


def _last_seen(seen: ObservedSchema) -> sa.Select[Any]:
    table = OBSERVED_SCHEMAS
    return (
        sa.select(table.c.id, table.c.content)
        .where(
            table.c.environment == seen.environment,
            table.c.connector == seen.connector,
            table.c.stream == seen.stream,
        )
        .order_by(table.c.id.desc())
        .limit(1)
    )


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True)


def _diverged(version: StateVersion, *, known_sync: str | None) -> StateDivergence:
    return StateDivergence(
        f"state version {version.version} is in the ledger with another content "
        f"(there from sync {known_sync}, now from sync {version.sync_id})",
        place=f"{version.connector} in environment {version.environment}",
        fix=f"Compare with `connectors state log {version.connector}`; then write the right one "
        "with `connectors state restore`",
        connector=version.connector,
    )
