"""Rows of older versions, when a tap activates one: marked or deleted, in the load's transaction.

What ACTIVATE_VERSION means is said in
https://hub.meltano.com/singer/docs/#activate-version-message; rows without a version stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import duckdb

from connector_assets.destinations.connect import quoted
from connector_assets.destinations.counts import count_arrived, count_total, has_column
from connector_assets.destinations.package import Package, StagedStream
from connector_assets.errors import CountMismatch
from connector_assets.model import OldVersions, StreamCounts, WriteDisposition
from connector_assets.singer.types import DELETED_AT, VERSION


def retire_versions(
    connection: duckdb.DuckDBPyConnection,
    package: Package,
    item: StagedStream,
    *,
    counts: StreamCounts,
    load_ids: Sequence[str],
) -> StreamCounts:
    """Retire the rows of a stream that are older than what its tap activated; return the counts.

    Raises:
        CountMismatch: The table would not have as many rows less as were older.
    """
    dataset, table = package.dataset, item.table
    replaced = item.write is WriteDisposition.REPLACE
    if item.version is None or replaced or item.old_versions is OldVersions.KEEP:
        return counts
    if not has_column(connection, dataset=dataset, table=table, column=VERSION):
        return counts
    place = f"{quoted(dataset)}.{quoted(table)}"
    if item.old_versions is OldVersions.MARK:
        _mark(connection, place, item=item, dataset=dataset)
        return counts
    older = _count_older(connection, place, version=item.version)
    connection.execute(f"DELETE FROM {place} WHERE {VERSION} < ?", [item.version])
    total = count_total(connection, dataset=dataset, table=table)
    if counts.total is not None and total != counts.total - older:
        raise CountMismatch(
            f"{older} rows are older than version {item.version}; the table would go from"
            f" {counts.total} to {total}",
            connector=package.connector,
            stream=item.stream,
            place=f"{dataset}.{table}",
            fix="Nothing was loaded. Report this with the sync's log.",
        )
    arrived = count_arrived(connection, dataset=dataset, table=table, load_ids=load_ids)
    return replace(counts, in_destination=arrived, total=total)


def _mark(
    connection: duckdb.DuckDBPyConnection, place: str, *, item: StagedStream, dataset: str
) -> None:
    # A table that was loaded with `delete` has no such column yet.
    if not has_column(connection, dataset=dataset, table=item.table, column=DELETED_AT):
        connection.execute(f"ALTER TABLE {place} ADD COLUMN {DELETED_AT} TIMESTAMPTZ")
    connection.execute(
        f"UPDATE {place} SET {DELETED_AT} = ? WHERE {VERSION} < ? AND {DELETED_AT} IS NULL",
        [datetime.now(UTC), item.version],
    )


def _count_older(connection: duckdb.DuckDBPyConnection, place: str, *, version: int | None) -> int:
    row = connection.execute(
        f"SELECT count(*) FROM {place} WHERE {VERSION} < ?", [version]
    ).fetchone()
    return int(row[0]) if row else 0
