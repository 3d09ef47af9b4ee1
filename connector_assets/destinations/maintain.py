"""Upkeep of a DuckLake: fewer and larger files, no snapshots that nobody goes back to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import PurePath
from typing import TypeVar

import duckdb

from connector_assets.destinations.connect import connected, literal
from connector_assets.destinations.load import build_retrying
from connector_assets.destinations.locks import file_lock
from connector_assets.destinations.refusals import explain
from connector_assets.destinations.snapshots import list_snapshots, pick_expired
from connector_assets.destinations.stamp import Stamp, check_stamp
from connector_assets.model import Destination

#: A file that nothing names may be one that a sync is writing: younger ones are left alone.
GRACE = timedelta(days=1)
_OWN = re.compile(r"ducklake-[0-9a-f-]{36}(?:-delete)?\.(?:parquet|puffin)")
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintained:
    """What was done: snapshots expired, small files merged into others, files removed.

    ``unknown`` is what stands among the lake's files and is not the lake's; where there is such a
    thing, no file is removed for the reason alone that no snapshot names it.
    """

    destination: str
    expired: int = 0
    merged_files: int = 0
    into_files: int = 0
    removed_files: int = 0
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lake:
    """A DuckLake, for how long syncs can be undone, and the age at which dead files are removed.

    ``others`` are the places of other DuckLakes' files.
    """

    destination: Destination
    secrets: Mapping[str, str]
    stamp: Stamp
    keep: timedelta
    grace: timedelta = GRACE
    others: tuple[str, ...] = ()


def maintain_lake(lake: Lake) -> Maintained:
    """Merge a DuckLake's small files, expire snapshots older than ``keep``, remove dead files.

    A sync that came within ``keep`` can be undone after it: the snapshot before it stays, however
    old. Safe beside running syncs: each part is a transaction of its own, which is tried again
    where a sync commits first, and no file is removed that was written or was in use within
    ``grace``.

    Raises:
        EnvironmentMismatch: The destination belongs to another project or environment.
        TransientSyncError: Conflicts went on, or the destination could not be reached.
    """
    dead = _older_than(datetime.now(UTC) - lake.grace)
    expired = attempt(lake, _expire)
    merged = attempt(lake, partial(_call, function="merge_adjacent_files"))
    removed = attempt(lake, partial(_call, function="cleanup_old_files", option=dead))
    orphans, unknown = attempt(lake, partial(_remove_orphans, dead=dead))
    return Maintained(
        destination=lake.destination.name,
        expired=expired,
        merged_files=_sum(merged, column=2),
        into_files=_sum(merged, column=3),
        removed_files=len(removed) + orphans,
        unknown=unknown,
    )


def attempt(lake: Lake, work: Callable[[duckdb.DuckDBPyConnection, Lake], _Found]) -> _Found:
    """Do a part of the upkeep; again, for a bounded time, where a sync is in its way.

    Raises:
        EnvironmentMismatch: The destination belongs to another project or environment.
        TransientSyncError: Conflicts went on, or the destination could not be reached.
    """
    destination, secrets = lake.destination, lake.secrets

    def once() -> _Found:
        with (
            file_lock(destination, purpose=f"upkeep of {destination.name}"),
            connected(destination, secrets=secrets) as connection,
        ):
            try:
                check_stamp(connection, lake.stamp, destination=destination)
                return work(connection, lake)
            except duckdb.Error as error:
                raise explain(error, destination=destination, secrets=secrets) from error

    found: _Found = build_retrying(destination)(once)
    return found


def flush(lake: Lake, *, dataset: str) -> int:
    """Make files of the rows of a dataset that stand in the catalog; return how many there were.

    The caller holds the connector's lease: DuckLake takes such rows away from transactions that
    are open, too. A load beside it saw its table lose rows, and was rolled back.
    """
    option = f"schema_name => {literal(dataset)}"
    return _sum(
        attempt(lake, partial(_call, function="flush_inlined_data", option=option)), column=2
    )


def _expire(connection: duckdb.DuckDBPyConnection, lake: Lake) -> int:
    snapshots = list_snapshots(connection, lake.destination)
    old = pick_expired(snapshots, before=datetime.now(UTC) - lake.keep)
    if old:
        _call(connection, lake, function="expire_snapshots", option=f"versions => {old}")
    return len(old)


def _remove_orphans(
    connection: duckdb.DuckDBPyConnection, lake: Lake, *, dead: str
) -> tuple[int, tuple[str, ...]]:
    """Remove a DuckLake's files that no snapshot names; none where others stand among them.

    DuckLake takes every Parquet file there for its own.
    """
    remove = partial(_call, connection, lake, function="delete_orphaned_files")
    found = [str(row[0]) for row in remove(option=f"{dead}, dry_run => true")]
    unknown = tuple(path for path in found if not _OWN.fullmatch(PurePath(path).name))
    unknown += tuple(other for other in lake.others if _overlaps(other, lake.destination))
    if unknown or not found:
        return 0, unknown
    return len(remove(option=dead)), ()


def _overlaps(other: str, destination: Destination) -> bool:
    one, two = (f"{place.rstrip('/')}/" for place in (other, destination.data_path))
    return one.startswith(two) or two.startswith(one)


def _call(
    connection: duckdb.DuckDBPyConnection, lake: Lake, *, function: str, option: str = ""
) -> list[tuple[object, ...]]:
    words = ", ".join(filter(None, (literal(lake.destination.name), option)))
    return connection.execute(f"CALL ducklake_{function}({words})").fetchall()


def _older_than(moment: datetime) -> str:
    return f"older_than => {literal(moment.isoformat())}::TIMESTAMPTZ"


def _sum(rows: list[tuple[object, ...]], *, column: int) -> int:
    return sum(int(str(row[column])) for row in rows)
