"""The baselines, each in a process of its own: ``python -m benchmarks.bare WHAT FOLDER [ARG ...]``.

They load into ``bare.duckdb`` of their folder, schema ``shop``; those of dlt, where BENCH_TO is
DuckLake, into a DuckLake there.
"""

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
_STRUCT = (
    "STRUCT(id BIGINT, customer BIGINT, name VARCHAR, email VARCHAR, total DOUBLE,"
    " paid BOOLEAN, created_at TIMESTAMPTZ, note VARCHAR)"
)


def main(what: str, folder: str, *arguments: str) -> None:
    """Run one baseline in ``folder``."""
    os.environ.update(_SETTINGS)
    _BASELINES[what](Path(folder), *arguments)


def read_json(folder: Path, file: str) -> None:
    """Let DuckDB read the RECORD messages of a Singer file into a table: the limit."""
    _create(
        folder,
        "SELECT record.* FROM read_json(?, format = 'newline_delimited',"
        f" columns = {{type: 'VARCHAR', record: '{_STRUCT}'}}) WHERE type = 'RECORD'",
        file,
    )


def read_csv(folder: Path, file: str) -> None:
    """Let DuckDB read a CSV file into a table, its types found by itself: the limit."""
    _create(folder, "FROM read_csv(?)", file)


def scan_postgres(folder: Path, url: str) -> None:
    """Let DuckDB's own extension read a table of PostgreSQL: the limit."""
    _create(folder, "FROM postgres_scan(?, 'public', 'orders')", url, extension="postgres_scanner")


def merge_by_hand(folder: Path, file: str) -> None:
    """Merge the rows of a parquet file into the table that is there, with DuckDB's MERGE."""
    import duckdb

    with duckdb.connect(str(folder / "bare.duckdb")) as connection:
        connection.execute(
            "MERGE INTO shop.orders USING read_parquet(?) AS new USING (id)"
            " WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT",
            [file],
        )


def fill_by_hand(folder: Path, file: str) -> None:
    """Make the table that is merged into."""
    _create(folder, "FROM read_parquet(?)", file)


def bulk(folder: Path, rows: str, write: str = "append") -> None:
    """Run our resource of Arrow tables through a plain dlt pipeline, by parquet."""
    from benchmarks.data import orders

    key = {"primary_key": "id"} if write == "merge" else {}
    resource = orders(rows=int(rows)).apply_hints(write_disposition=write, **key)
    _run(folder, resource, loader_file_format="parquet")


def nested(folder: Path, rows: str) -> None:
    """Run our resource of nested dicts through a plain dlt pipeline, by parquet."""
    from benchmarks.data import nested as source

    _run(folder, source(rows=int(rows)), loader_file_format="parquet")


def nothing_new(folder: Path, *_: str) -> None:
    """Run an incremental resource that has nothing new through a plain dlt pipeline."""
    import dlt

    from benchmarks.data import nothing_new as source

    resource = source().apply_hints(incremental=dlt.sources.incremental("id"))
    _run(folder, resource, loader_file_format="parquet")


def sql_defaults(folder: Path, url: str) -> None:
    """Read a table with dlt's source for databases, nothing said but where it is."""
    from dlt.sources.sql_database import sql_database

    _run(folder, sql_database(url, schema="public", table_names=["orders"]))


def csv_defaults(folder: Path, pattern: str, table: str) -> None:
    """Read CSV files with dlt's source for files, nothing said but where they are."""
    from dlt.sources.filesystem import filesystem, read_csv

    at = Path(pattern)
    found = filesystem(bucket_url=str(at.parent), file_glob=at.name) | read_csv()
    _run(folder, found.with_name(table))


def csv_parquet(folder: Path, pattern: str, table: str) -> None:
    """Read CSV files with dlt's source for files, by parquet."""
    from dlt.sources.filesystem import filesystem, read_csv

    at = Path(pattern)
    found = filesystem(bucket_url=str(at.parent), file_glob=at.name) | read_csv()
    _run(folder, found.with_name(table), loader_file_format="parquet")


def _create(folder: Path, query: str, value: str, *, extension: str = "") -> None:
    import duckdb

    with duckdb.connect(str(folder / "bare.duckdb")) as connection:
        if extension:
            from connector_assets.destinations.extensions import load_extensions

            load_extensions(connection, (extension,))
        connection.execute("CREATE SCHEMA IF NOT EXISTS shop")
        connection.execute(f"CREATE OR REPLACE TABLE shop.orders AS {query}", [value])


def _run(folder: Path, source: Any, **how: Any) -> None:
    import dlt

    pipeline = dlt.pipeline(
        "bare",
        pipelines_dir=str(folder / "pipelines"),
        destination=_destination(folder),
        dataset_name="shop",
    )
    pipeline.run(source, **how)


def _destination(folder: Path) -> Any:
    import dlt

    if os.environ.get("BENCH_TO") != "DuckLake":
        return dlt.destinations.duckdb(str(folder / "bare.duckdb"))
    from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

    lake = DuckLakeCredentials(
        "lake",
        catalog=f"sqlite:///{folder / 'lake.sqlite'}",
        storage=(folder / "lake").as_uri(),
    )
    return dlt.destinations.ducklake(credentials=lake)


_BASELINES: dict[str, Callable[..., None]] = {
    "bulk": bulk,
    "csv_defaults": csv_defaults,
    "csv_parquet": csv_parquet,
    "fill_by_hand": fill_by_hand,
    "merge_by_hand": merge_by_hand,
    "nested": nested,
    "nothing_new": nothing_new,
    "read_csv": read_csv,
    "read_json": read_json,
    "scan_postgres": scan_postgres,
    "sql_defaults": sql_defaults,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
