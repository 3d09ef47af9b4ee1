"""Gives a connector, and tables of its streams, other names in a dataset: state and rows follow."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from connector_assets.destinations.bookkeeping import (
    LOADS_TABLE,
    STATE_TABLE,
    fetch_version,
    has_tables,
)
from connector_assets.destinations.connect import literal, quoted
from connector_assets.destinations.counts import count_total, has_table
from connector_assets.destinations.package import Package
from connector_assets.destinations.readback import read_position
from connector_assets.destinations.staging import STAGING
from connector_assets.errors import StateDivergence

if TYPE_CHECKING:
    from connector_assets.model import Connector

_DLT_STATE = "_dlt_pipeline_state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a dataset has under some names: state versions by connector, rows by table.

    ``state`` is that of the first of the connectors that has one.
    """

    versions: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)


def find_standing(
    connection: duckdb.DuckDBPyConnection,
    *,
    connectors: Collection[Connector],
    tables: Collection[str],
) -> Standing:
    """Return what of some connectors, of one dataset, and tables is there, child tables included.

    Nothing is written.
    """
    versions: dict[str, int] = {}
    state: dict[str, Any] = {}
    for one in connectors:
        version, found = read_position(connection, one)
        if version:
            versions[one.name] = version
            state = state or found
    dataset = next((one.dataset for one in connectors), "")
    return Standing(
        versions=versions,
        rows={
            table: count_total(connection, dataset=dataset, table=table)
            for table in _list_tables(connection, dataset=dataset)
            if any(table == one or table.startswith(f"{one}__") for one in tables)
        },
        state=state,
    )


def apply_renames(connection: duckdb.DuckDBPyConnection, package: Package) -> None:
    """Give connector and tables the names of a package, inside the open transaction.

    A table that has the new name already goes, with what is staged beside it: it is empty.

    Raises:
        StateDivergence: The new name has a state, or a table with rows.
    """
    dataset = package.dataset
    if package.formerly and has_tables(connection, dataset=dataset):
        if fetch_version(connection, dataset=dataset, connector=package.connector):
            raise _taken(package, what=f"a state of {package.connector}")
        for table in (STATE_TABLE, LOADS_TABLE):
            _replace(connection, package, table=table, column="connector")
        if has_table(connection, dataset=dataset, table=_DLT_STATE):
            _replace(connection, package, table=_DLT_STATE, column="pipeline_name")
    for old, new in package.renamed.items():
        _rename_table(connection, package, old=old, new=new)


def _replace(
    connection: duckdb.DuckDBPyConnection, package: Package, *, table: str, column: str
) -> None:
    connection.execute(
        f"UPDATE {quoted(package.dataset)}.{table} SET {column} = ? WHERE {column} = ?",
        [package.connector, package.formerly],
    )


def _rename_table(
    connection: duckdb.DuckDBPyConnection, package: Package, *, old: str, new: str
) -> None:
    dataset = package.dataset
    if not has_table(connection, dataset=dataset, table=old):
        return
    if count_total(connection, dataset=dataset, table=new):
        raise _taken(package, what=f"rows in {new}")
    staging = f"{dataset}{STAGING}"
    for schema, table in ((dataset, new), (staging, old), (staging, new)):
        if has_table(connection, dataset=schema, table=table):
            connection.execute(f"DROP TABLE {quoted(schema)}.{quoted(table)}")
    connection.execute(f"ALTER TABLE {quoted(dataset)}.{quoted(old)} RENAME TO {quoted(new)}")


def _list_tables(connection: duckdb.DuckDBPyConnection, *, dataset: str) -> list[str]:
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
        f" AND schema_name = {literal(dataset)} ORDER BY table_name"
    ).fetchall()
    return [str(table) for (table,) in rows]


def _taken(package: Package, *, what: str) -> StateDivergence:
    return StateDivergence(
        f"the destination got {what} meanwhile",
        connector=package.connector,
        place=package.dataset,
        fix="Nothing was changed. Look again: connectors status",
    )
