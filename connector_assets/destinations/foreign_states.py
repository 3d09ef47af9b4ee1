"""The states that dlt pipelines keep in a destination: any DuckDB file or DuckLake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector_assets.destinations.connect import connected, quoted
from connector_assets.destinations.readback import decode_state
from connector_assets.model import Destination

_TABLE = "_dlt_pipeline_state"


def fetch_pipeline_states(
    destination: Destination, *, secrets: Mapping[str, str], dataset: str = ""
) -> dict[str, dict[str, Any]]:
    """Return the newest state of each pipeline, by ``DATASET.PIPELINE``; of one dataset, or all.

    Only what was loaded as a whole counts, as it does for dlt. Nothing is written.

    Raises:
        FileLocked: Another process has the DuckDB file.
        ConnectorError: The destination cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    with connected(destination, secrets=secrets, read_only=True) as connection:
        datasets = connection.execute(
            "SELECT schema_name FROM duckdb_tables() WHERE database_name = current_database()"
            f" AND table_name = '{_TABLE}' ORDER BY schema_name"
        ).fetchall()
        for (name,) in datasets:
            if dataset and name != dataset:
                continue
            rows = connection.execute(
                f"SELECT pipeline_name, state FROM {quoted(name)}.{_TABLE} AS kept"
                f" JOIN {quoted(name)}._dlt_loads AS loads ON loads.load_id = kept._dlt_load_id"
                " WHERE status = 0 ORDER BY loads.load_id"
            ).fetchall()
            found |= {f"{name}.{pipeline}": decode_state(text) for pipeline, text in rows}
    return found
