"""The dataset beside a connector's own that dlt stages merges in: empty between two loads."""

from __future__ import annotations

import duckdb

from connector_assets.destinations.connect import quoted
from connector_assets.destinations.counts import count_total

STAGING = "_staging"


def empty_staging(connection: duckdb.DuckDBPyConnection, *, dataset: str) -> int:
    """Empty those tables; return how many had rows. The caller holds the connector's lease."""
    schema = f"{dataset}{STAGING}"
    filled = [
        table
        for table in _list_streams(connection, schema=schema)
        if count_total(connection, dataset=schema, table=table)
    ]
    for table in filled:
        connection.execute(f"DELETE FROM {quoted(schema)}.{quoted(table)}")
    return len(filled)


def _list_streams(connection: duckdb.DuckDBPyConnection, *, schema: str) -> list[str]:
    """Return the tables of streams; dlt's own stay as they are."""
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
        " AND schema_name = ? AND NOT starts_with(table_name, '_') ORDER BY table_name",
        [schema],
    ).fetchall()
    return [str(table) for (table,) in rows]
