"""Which tables of a dataset are a connector's: those that dlt's schemas of its pipeline name.

Other tables can stand in a dataset: archived ones, a person's own. They are nobody's to touch.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from connector_assets.destinations.connect import connected, literal, quoted
from connector_assets.destinations.counts import count_total, has_table
from connector_assets.destinations.readback import decode_state, read_position
from connector_assets.destinations.refusals import explain
from connector_assets.model import Connector

VERSIONS_TABLE, STATES_TABLE = "_dlt_version", "_dlt_pipeline_state"
_DLT = "_dlt_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """What a connector has in its dataset: the live state's version, dlt's schemas, tables.

    Version 0 is nothing. ``state`` is dlt's; it is empty where nothing is to be gone on from.
    ``schemas`` are all that dlt has of it, those of names that it had before, too.
    """

    version: int = 0
    state: Mapping[str, Any] = field(default_factory=dict)
    schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


def count_owned(connector: Connector, *, secrets: Mapping[str, str]) -> dict[str, int]:
    """Return the rows of each of a connector's tables; the caller holds the file lock.

    Raises:
        FileLocked: Another process has the DuckDB file.
        ConnectorError: The destination cannot be read.
    """
    destination, dataset = connector.destination, connector.dataset
    with connected(destination, secrets=secrets, read_only=True) as connection:
        try:
            tables = find_owned(connection, connector).tables
            return {one: count_total(connection, dataset=dataset, table=one) for one in tables}
        except duckdb.Error as error:
            raise explain(error, destination=destination, secrets=secrets) from error


def find_owned(connection: duckdb.DuckDBPyConnection, connector: Connector) -> Owned:
    """Return what a connector has in its dataset, child tables included, in dlt's order."""
    version, state = read_position(connection, connector)
    if not version:
        return Owned()
    names = tuple(str(name) for name in state.get("schema_names") or ())
    dataset = connector.dataset
    known = dict.fromkeys(
        table
        for schema in _fetch_schemas(connection, dataset=dataset, names=names)
        for table in schema.get("tables") or {}
        if not table.startswith(_DLT)
    )
    there = list_objects(connection, dataset=dataset)
    return Owned(
        version=version,
        state=state,
        schemas=_list_schemas(connection, connector),
        tables=tuple(table for table in known if table in there),
    )


def list_objects(connection: duckdb.DuckDBPyConnection, *, dataset: str) -> set[str]:
    """Return the names of all that stands in a dataset: tables, views, sequences, functions."""
    kinds = {"table": "tables", "view": "views", "sequence": "sequences", "function": "functions"}
    here = f"database_name = current_database() AND schema_name = {literal(dataset)}"
    queries = [
        f"SELECT {kind}_name FROM duckdb_{them}() WHERE {here}" for kind, them in kinds.items()
    ]
    return {str(name) for (name,) in connection.execute(" UNION ALL ".join(queries)).fetchall()}


def list_readers(
    connection: duckdb.DuckDBPyConnection, *, dataset: str, tables: Collection[str]
) -> tuple[str, ...]:
    """Return the views of the destination whose SQL names one of these tables, as SCHEMA.VIEW."""
    if not tables:
        return ()
    names = re.compile(rf"\b({'|'.join(map(re.escape, sorted(tables)))})\b")
    rows = connection.execute(
        "SELECT schema_name, view_name, sql FROM duckdb_views()"
        " WHERE database_name = current_database() AND NOT internal ORDER BY ALL"
    ).fetchall()
    return tuple(
        f"{schema}.{view}"
        for schema, view, sql in rows
        if names.search(sql) and (schema == dataset or dataset in sql)
    )


def _list_schemas(connection: duckdb.DuckDBPyConnection, connector: Connector) -> tuple[str, ...]:
    """Return the names of all of dlt's schemas in the dataset that no other pipeline uses."""
    dataset = connector.dataset
    if not has_table(connection, dataset=dataset, table=VERSIONS_TABLE):
        return ()
    states = connection.execute(
        f"SELECT arg_max(state, version) FROM {quoted(dataset)}.{STATES_TABLE}"
        f" WHERE pipeline_name <> {literal(connector.name)} GROUP BY pipeline_name"
    ).fetchall()
    others = {name for (text,) in states for name in decode_state(text).get("schema_names") or ()}
    rows = connection.execute(
        f"SELECT DISTINCT schema_name FROM {quoted(dataset)}.{VERSIONS_TABLE} ORDER BY ALL"
    ).fetchall()
    return tuple(str(name) for (name,) in rows if name not in others)


def _fetch_schemas(
    connection: duckdb.DuckDBPyConnection, *, dataset: str, names: Collection[str]
) -> list[dict[str, Any]]:
    """Return the newest version of each of dlt's schemas."""
    if not names or not has_table(connection, dataset=dataset, table=VERSIONS_TABLE):
        return []
    rows = connection.execute(
        f"SELECT arg_max(schema, inserted_at) FROM {quoted(dataset)}.{VERSIONS_TABLE}"
        f" WHERE schema_name IN ({', '.join(map(literal, names))}) GROUP BY schema_name"
        " ORDER BY schema_name"
    ).fetchall()
    return [_decode(text) for (text,) in rows]


def _decode(text: str) -> dict[str, Any]:
    # dlt packs what is too long for a column of text.
    raw = text if text.startswith("{") else zlib.decompress(base64.b64decode(text))
    schema: dict[str, Any] = json.loads(raw)
    return schema
