"""Renames: what the ledger knows of a connector, or of a stream, under another name from now on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from connector_assets.errors import StateDivergence
from connector_assets.ledger import alert_tables, audit_tables
from connector_assets.ledger.database import Database
from connector_assets.ledger.records import StateVersion
from connector_assets.ledger.states import append_version
from connector_assets.ledger.tables import LEASES, METADATA, STATES

#: Importing them puts their tables among those of the ledger.
_TABLES = (alert_tables, audit_tables)
_CONNECTOR, _STREAM = "connector", "stream"
#: A lease is of a name, whoever has that: its token must not go back. What was drift of a stream
#: is told from other drift by a text with the stream's name in it.
_STAY, _DRIFT, _OFFERS = LEASES, audit_tables.DRIFT, audit_tables.OFFERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A connector that was called ``formerly``, and its streams that have other names now.

    ``formerly`` is the connector's own name where only streams have.
    """

    connector: str
    environment: str
    formerly: str
    streams: Mapping[str, str] = field(default_factory=dict)


class Renames:
    """What is known under a name, and how that becomes another one."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def knows(self, connector: str, *, environment: str) -> bool:
        """Return whether there is anything of a connector but its lease."""

        def work(connection: sa.Connection) -> bool:
            return any(
                connection.execute(
                    _of(sa.select(sa.literal(1)), table, connector, environment)
                ).first()
                is not None
                for table in list_tables(_CONNECTOR)
            )

        return self._database.read(work)

    def streams(self, connector: str, *, environment: str) -> set[str]:
        """Return the names of streams under which there is anything of a connector."""

        def work(connection: sa.Connection) -> set[str]:
            return {
                str(name)
                for table in list_tables(_STREAM)
                for name in connection.execute(
                    _of(sa.select(table.c.stream).distinct(), table, connector, environment)
                ).scalars()
            }

        return self._database.read(work)

    def follow(self, rename: Rename, *, version: StateVersion | None = None) -> None:
        """Give all that is known the new names, and write a version of the state, in one go.

        What stands for the connector only once, such as its last probe, is that of the old name.
        Leases stay as they are. Following again changes nothing.

        Raises:
            StateDivergence: Both names have versions of a state; nothing was changed.
        """

        def work(connection: sa.Connection) -> None:
            if rename.formerly != rename.connector:
                _check_states(connection, rename)
                for table in list_tables(_CONNECTOR):
                    _move(connection, table, rename)
            for old, new in rename.streams.items():
                for table in list_tables(_STREAM):
                    _move_stream(connection, table, rename, old=old, new=new)
            _extend_offers(connection, rename)
            if version is not None:
                append_version(connection, version)

        self._database.write(work)


def list_tables(*columns: str) -> Iterator[sa.Table]:
    """Yield the tables that know connectors, or streams of connectors, by name; not the leases."""
    for table in METADATA.sorted_tables:
        if {_CONNECTOR, *columns} <= set(table.c.keys()) and table is not _STAY:
            yield table


def _of(query: sa.Select[Any], table: sa.Table, connector: str, environment: str) -> sa.Select[Any]:
    return query.select_from(table).where(_is_of(table, connector, environment))


def _is_of(table: sa.Table, connector: str, environment: str) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.environment == environment, table.c.connector == connector)


def _move(connection: sa.Connection, table: sa.Table, rename: Rename) -> None:
    old = _is_of(table, rename.formerly, rename.environment)
    if {key.name for key in table.primary_key} == {"environment", _CONNECTOR} and (
        connection.execute(sa.select(sa.literal(1)).select_from(table).where(old)).first()
    ):
        new = _is_of(table, rename.connector, rename.environment)
        connection.execute(table.delete().where(new))
    connection.execute(table.update().where(old).values(connector=rename.connector))


def _move_stream(
    connection: sa.Connection, table: sa.Table, rename: Rename, *, old: str, new: str
) -> None:
    here = _is_of(table, rename.connector, rename.environment)
    if table.c.stream.primary_key:
        # One sync can know both: what it knows of the old one goes on.
        known = sa.select(table.c.sync_id).where(here, table.c.stream == old).scalar_subquery()
        twice = sa.and_(here, table.c.stream == new, table.c.sync_id.in_(known))
        connection.execute(table.delete().where(twice))
    if table is _DRIFT:
        for row in connection.execute(sa.select(table).where(here, table.c.stream == old)).all():
            identity = json.dumps([new, *json.loads(row.identity)[1:]], sort_keys=True)
            moved = table.update().where(table.c.id == row.id)
            connection.execute(moved.values(stream=new, identity=identity))
    connection.execute(table.update().where(here, table.c.stream == old).values(stream=new))


def _extend_offers(connection: sa.Connection, rename: Rename) -> None:
    """Let a stream be no new one of the source by its new name: that is what it offers now."""
    here = _is_of(_OFFERS, rename.connector, rename.environment)
    row = connection.execute(sa.select(_OFFERS.c.streams).where(here)).first()
    if row is None:
        return
    names = {new for old, new in rename.streams.items() if old in row.streams}
    if names - set(row.streams):
        offered = sorted({*row.streams, *names})
        connection.execute(_OFFERS.update().where(here).values(streams=offered))


def _check_states(connection: sa.Connection, rename: Rename) -> None:
    both = [
        connection.execute(
            _of(sa.select(sa.literal(1)), STATES, name, rename.environment).limit(1)
        ).first()
        for name in (rename.formerly, rename.connector)
    ]
    if all(both):
        raise StateDivergence(
            f"the ledger has states of {rename.formerly} and of {rename.connector}",
            connector=rename.connector,
            place=f"environment {rename.environment}",
            fix="Nothing was changed. A connector cannot take the name of one with a history.",
        )
