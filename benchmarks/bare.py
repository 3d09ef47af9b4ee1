"""The baselines, each in a process of its own: ``python -m benchmarks.bare WHAT FOLDER [FILE]``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
}


def main(what: str, folder: str, file: str = "") -> None:
    """Run one baseline in ``folder``."""
    _BASELINES[what](Path(folder), file)


def read_json(folder: Path, file: str) -> None:
    """Let DuckDB read the RECORD messages of a Singer file into a table: the limit."""
    import duckdb

    with duckdb.connect(str(folder / "bare.duckdb")) as connection:
        connection.execute(
            "CREATE OR REPLACE TABLE orders AS SELECT record.* FROM"
            " read_json(?, format = 'newline_delimited', columns = {type: 'VARCHAR', record:"
            " 'STRUCT(id BIGINT, customer BIGINT, name VARCHAR, email VARCHAR, total DOUBLE,"
            " paid BOOLEAN, created_at TIMESTAMPTZ, note VARCHAR)'}) WHERE type = 'RECORD'",
            [file],
        )


def bulk(folder: Path, _file: str) -> None:
    """Run the same resource through a plain dlt pipeline, by parquet."""
    from benchmarks.data import orders

    _run(folder, orders())


def nothing_new(folder: Path, _file: str) -> None:
    """Run an incremental resource that has nothing new through a plain dlt pipeline."""
    import dlt

    from benchmarks.data import nothing_new as source

    _run(folder, source().apply_hints(incremental=dlt.sources.incremental("id")))


def _run(folder: Path, resource: Any) -> None:
    os.environ.update(_SETTINGS)
    import dlt

    pipeline = dlt.pipeline(
        "bare",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "bare.duckdb")),
        dataset_name="shop",
    )
    pipeline.run(resource, loader_file_format="parquet")


_BASELINES: dict[str, Callable[[Path, str], None]] = {
    "read_json": read_json,
    "bulk": bulk,
    "nothing_new": nothing_new,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
