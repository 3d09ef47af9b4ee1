"""Rows of a stream in its table, and the equation per write disposition that they must fulfil."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from connector_assets.destinations.connect import literal, quoted
from connector_assets.destinations.package import Package, StagedStream
from connector_assets.errors import CountMismatch
from connector_assets.model import StreamCounts, WriteDisposition


def has_table(connection: duckdb.DuckDBPyConnection, *, dataset: str, table: str) -> bool:
    """Tell whether a dataset of the attached destination has a table."""
    row = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()"
        f" AND schema_name = {literal(dataset)} AND table_name = {literal(table)}"
    ).fetchone()
    return bool(row and row[0])


def has_column(
    connection: duckdb.DuckDBPyConnection, *, dataset: str, table: str, column: str
) -> bool:
    """Tell whether a table of a dataset has a column."""
    row = connection.execute(
        "SELECT count(*) FROM duckdb_columns() WHERE database_name = current_database()"
        f" AND schema_name = {literal(dataset)} AND table_name = {literal(table)}"
        f" AND column_name = {literal(column)}"
    ).fetchone()
    return bool(row and row[0])


def count_total(connection: duckdb.DuckDBPyConnection, *, dataset: str, table: str) -> int:
    """Return the rows of a table; 0 where it does not exist."""
    if not has_table(connection, dataset=dataset, table=table):
        return 0
    row = connection.execute(f"SELECT count(*) FROM {quoted(dataset)}.{quoted(table)}").fetchone()
    return int(row[0]) if row else 0


def count_arrived(
    connection: duckdb.DuckDBPyConnection, *, dataset: str, table: str, load_ids: Sequence[str]
) -> int:
    """Return the rows of a table that these loads wrote; 0 where it does not exist."""
    if not load_ids or not has_table(connection, dataset=dataset, table=table):
        return 0
    row = connection.execute(
        f"SELECT count(*) FROM {quoted(dataset)}.{quoted(table)}"
        f" WHERE _dlt_load_id IN ({', '.join(map(literal, load_ids))})"
    ).fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What is compared for one stream: rows before and after, arrived, and of a merge's files.

    ``filed`` are the rows in the package's files, ``distinct`` the keys there; ``emptied`` tells
    that the table was emptied first, for a full refresh.
    """

    before: int
    total: int
    arrived: int
    filed: int
    distinct: int
    emptied: bool = False


def count_stream(
    connection: duckdb.DuckDBPyConnection,
    package: Package,
    item: StagedStream,
    *,
    load_ids: Sequence[str],
    before: int,
) -> StreamCounts:
    """Return the counts of a stream after its load jobs ran, inside the transaction.

    Raises:
        CountMismatch: The table would not hold what was staged.
    """
    dataset, table = package.dataset, item.table
    filed, distinct = _count_filed(connection, package, item)
    tally = Tally(
        before=before,
        total=count_total(connection, dataset=dataset, table=table),
        arrived=count_arrived(connection, dataset=dataset, table=table, load_ids=load_ids),
        filed=filed,
        distinct=distinct,
        emptied=table in package.emptied,
    )
    if not _is_complete(item, tally):
        raise CountMismatch(
            f"{item.staged} rows were staged ({filed} in files, {distinct} distinct keys),"
            f" {tally.arrived} would arrive; the table goes from {before} to {tally.total}",
            connector=package.connector,
            stream=item.stream,
            place=f"{dataset}.{table}",
            fix="Nothing was loaded. Report this with the sync's log.",
        )
    return StreamCounts(
        stream=item.stream,
        table=table,
        emitted=item.emitted,
        staged=item.staged,
        in_destination=tally.arrived,
        total=tally.total,
    )


def _is_complete(item: StagedStream, tally: Tally) -> bool:
    """Apply the equation: append the growth, replace the total, merge the distinct keys.

    After a full refresh there is nothing in the table but what arrived.
    """
    if tally.emptied and tally.total != tally.arrived:
        return False
    if item.write is WriteDisposition.APPEND:
        return tally.arrived == item.staged == tally.total - tally.before
    if item.write is WriteDisposition.REPLACE:
        return tally.total == item.staged == tally.arrived
    return tally.arrived == tally.distinct and tally.filed == item.staged


def _count_filed(
    connection: duckdb.DuckDBPyConnection, package: Package, item: StagedStream
) -> tuple[int, int]:
    """Return rows and distinct keys of a merge's files; elsewhere the tables tell."""
    files = _find_files(package.folder, table=item.table)
    if item.write is not WriteDisposition.MERGE or not item.primary_key or not files:
        return item.staged, item.staged
    keys = ", ".join(quoted(key) for key in item.primary_key)
    row = connection.execute(
        "SELECT coalesce(sum(rows), 0), count(*) FROM (SELECT count(*) AS rows"
        f" FROM read_parquet(?, union_by_name = true) GROUP BY {keys})",
        [files],
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _find_files(folder: Path, *, table: str) -> list[str]:
    pattern = f"*/load/normalized/*/new_jobs/{table}.*.parquet"
    return [str(file) for file in sorted(folder.glob(pattern))]
