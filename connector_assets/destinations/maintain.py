"""Upkeep of a DuckLake: fewer and larger files, no snapshots that nobody goes back to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import duckdb

from connector_assets.destinations.connect import connected, literal
from connector_assets.destinations.load import build_retrying
from connector_assets.destinations.refusals import explain
from connector_assets.destinations.stamp import Stamp, check_stamp
from connector_assets.model import Destination

#: A file that nothing names may be one that a sync is writing: younger ones are left alone.
GRACE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintained:
    """What was done: snapshots expired, small files merged into others, files removed."""

    destination: str
    expired: int = 0
    flushed_rows: int = 0
    merged_files: int = 0
    into_files: int = 0
    removed_files: int = 0


def maintain_lake(
    destination: Destination,
    *,
    secrets: Mapping[str, str],
    stamp: Stamp,
    keep: timedelta,
    grace: timedelta = GRACE,
) -> Maintained:
    """Merge a DuckLake's small files, expire snapshots older than ``keep``, remove dead files.

    Safe beside running syncs: each part is a transaction of its own, which is tried again where a
    sync commits first, and no file is removed that was written or was in use within ``grace``.

    Raises:
        EnvironmentMismatch: The destination belongs to another project or environment.
        TransientSyncError: Conflicts went on, or the destination could not be reached.
    """
    now = datetime.now(UTC)
    old, dead = (_older_than(now - age) for age in (keep, grace))
    with connected(destination, secrets=secrets) as connection:
        check_stamp(connection, stamp, destination=destination)
    call = partial(_call, destination, secrets=secrets)
    # Rows that stand in the catalog become files before small files are merged.
    flushed = call("ducklake_flush_inlined_data")
    expired = call("ducklake_expire_snapshots", option=old)
    merged = call("ducklake_merge_adjacent_files")
    removed = [
        *call("ducklake_cleanup_old_files", option=dead),
        *call("ducklake_delete_orphaned_files", option=dead),
    ]
    return Maintained(
        destination=destination.name,
        expired=len(expired),
        flushed_rows=_sum(flushed, column=2),
        merged_files=_sum(merged, column=2),
        into_files=_sum(merged, column=3),
        removed_files=len(removed),
    )


def _call(
    destination: Destination, function: str, *, secrets: Mapping[str, str], option: str = ""
) -> list[tuple[object, ...]]:
    words = ", ".join(filter(None, (literal(destination.name), option)))

    def once() -> list[tuple[object, ...]]:
        with connected(destination, secrets=secrets) as connection:
            try:
                return connection.execute(f"CALL {function}({words})").fetchall()
            except duckdb.Error as error:
                raise explain(error, destination=destination, secrets=secrets) from error

    found: list[tuple[object, ...]] = build_retrying(destination)(once)
    return found


def _older_than(moment: datetime) -> str:
    return f"older_than => {literal(moment.isoformat())}::TIMESTAMPTZ"


def _sum(rows: list[tuple[object, ...]], *, column: int) -> int:
    return sum(int(str(row[column])) for row in rows)
