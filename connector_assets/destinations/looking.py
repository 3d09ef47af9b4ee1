"""A look at a destination from here: that it opens, and which versions wrote it."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from connector_assets.destinations.connect import connected
from connector_assets.destinations.locks import build_patience, file_lock
from connector_assets.destinations.refusals import explain
from connector_assets.model import Destination, DestinationKind


def look_at(destination: Destination, *, secrets: Mapping[str, str]) -> str:
    """Open a destination that is there, for reading, and say in words what it is.

    Raises:
        FileLocked: Another process has the DuckDB file, after a bounded wait.
        ConnectorError: It cannot be opened, or is of a version that this DuckDB does not read.
    """
    for attempt in build_patience():
        with attempt, file_lock(destination, purpose="doctor", wait=5):
            return _look(destination, secrets=secrets)
    raise AssertionError("unreachable: the last attempt raises")


def _look(destination: Destination, *, secrets: Mapping[str, str]) -> str:
    with connected(destination, secrets=secrets, read_only=True) as connection:
        try:
            row = connection.execute(
                "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()"
            ).fetchone()
            tables = row[0] if row else 0
            kind = _describe(connection, destination)
            return f"{kind}, {tables:,} tables, read by DuckDB {duckdb.__version__}"
        except duckdb.Error as error:
            raise explain(error, destination=destination, secrets=secrets) from error


def _describe(connection: duckdb.DuckDBPyConnection, destination: Destination) -> str:
    if destination.kind is DestinationKind.DUCKDB:
        return "DuckDB file"
    row = connection.execute(
        "SELECT value FROM ducklake_options(current_database()) WHERE option_name = 'version'"
    ).fetchone()
    return f"DuckLake of version {row[0]}" if row else "DuckLake"
