"""The version in which dlt keeps its schemas in a destination."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
from dlt.common.schema.typing import SCHEMA_ENGINE_VERSION

from connector_assets.destinations.connect import connected, quoted
from connector_assets.destinations.locks import build_patience, file_lock
from connector_assets.destinations.owned import VERSIONS_TABLE
from connector_assets.destinations.refusals import explain
from connector_assets.model import Destination

KNOWN = SCHEMA_ENGINE_VERSION


def fetch_engine_version(destination: Destination, *, secrets: Mapping[str, str]) -> int | None:
    """Return the highest version of dlt's schemas in a destination; None where it has none.

    Raises:
        FileLocked: Another process has the DuckDB file, after a bounded wait.
        ConnectorError: The destination cannot be opened.
    """
    for attempt in build_patience():
        with (
            attempt,
            file_lock(destination, purpose="upgrade", wait=5),
            connected(destination, secrets=secrets, read_only=True) as connection,
        ):
            try:
                return _fetch(connection)
            except duckdb.Error as error:
                raise explain(error, destination=destination, secrets=secrets) from error
    raise AssertionError("unreachable: the last attempt raises")


def _fetch(connection: duckdb.DuckDBPyConnection) -> int | None:
    datasets = connection.execute(
        "SELECT schema_name FROM duckdb_tables() WHERE database_name = current_database()"
        f" AND table_name = '{VERSIONS_TABLE}'"
    ).fetchall()
    found = [
        row[0]
        for (dataset,) in datasets
        if (
            row := connection.execute(
                f"SELECT max(engine_version) FROM {quoted(dataset)}.{VERSIONS_TABLE}"
            ).fetchone()
        )
    ]
    return max((int(one) for one in found if one is not None), default=None)
