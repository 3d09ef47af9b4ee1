"""The atomic load: all tables, dlt's state and the load record in one transaction, or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psutil
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from connector_assets.destinations import bookkeeping
from connector_assets.destinations.atomic import shared_connection
from connector_assets.destinations.bookkeeping import LoadRecord
from connector_assets.destinations.conform import conform
from connector_assets.destinations.connect import connected, literal, quoted
from connector_assets.destinations.counts import count_stream, count_total, has_table
from connector_assets.destinations.locks import lock_wait
from connector_assets.destinations.package import Package
from connector_assets.destinations.refusals import explain
from connector_assets.destinations.renaming import apply_renames
from connector_assets.destinations.stamp import Stamp, ensure_stamp
from connector_assets.destinations.versions import retire_versions
from connector_assets.engines.staging import copy_package, open_pipeline
from connector_assets.errors import FatalSyncError, OutOfMemory, TransientSyncError
from connector_assets.faults import fault_point
from connector_assets.limits import MEMORY
from connector_assets.model import Destination, DestinationKind, WriteDisposition

_CONFLICT_SECONDS = 120.0
_THREADS = 4
#: What DuckDB takes if nobody says otherwise.
_SHARE_OF_MEMORY = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTarget:
    """Where a package is loaded, and what may keep it from being committed.

    ``scratch`` is the folder for working copies. ``memory`` is what DuckDB keeps to, in bytes,
    twice that in a merge; with more it goes on in files beside them. ``may_commit`` is called
    before the commit and raises when the lease was lost. Without ``stamp`` the destination is left
    as it is stamped.
    """

    destination: Destination
    scratch: Path
    secrets: Mapping[str, str]
    stamp: Stamp | None = None
    memory: int = MEMORY
    may_commit: Callable[[], None] = lambda: None


def load_package(package: Package, target: LoadTarget) -> LoadRecord:
    """Load a package once and return its record; loading it again returns the same record.

    A conflict with another DuckLake transaction is tried again, for two minutes, each time from a
    fresh copy of the package. Where the target's memory is not enough, it is tried again with twice
    as much, up to what the machine has.

    Raises:
        StateDivergence: The live state is not the package's base.
        CountMismatch: The tables would not hold what was staged.
        EnvironmentMismatch: The destination belongs to another project or environment.
        TransientSyncError: Conflicts went on, or the destination could not be reached.
        OutOfMemory: It needs more than the machine has.
        FatalSyncError: A load job failed. In every case nothing was changed.
    """
    most = int(psutil.virtual_memory().total * _SHARE_OF_MEMORY)
    if any(item.write is WriteDisposition.MERGE for item in package.streams):
        # It holds the keys of the table and the rows of the batch at the same time.
        target = replace(target, memory=2 * target.memory)
    while True:
        try:
            record: LoadRecord = build_retrying(target.destination)(_load_once, package, target)
            return record
        except OutOfMemory:
            if target.memory >= most:
                raise
        target = replace(target, memory=min(2 * target.memory, most))


def build_retrying(destination: Destination) -> Retrying:
    """Return what tries a transaction again that another one got in the way of."""
    # A DuckDB file has no conflicts: only somebody who has it open.
    alone = destination.kind is DestinationKind.DUCKDB
    return Retrying(
        retry=retry_if_exception_type(TransientSyncError),
        stop=stop_after_delay(lock_wait() if alone else _CONFLICT_SECONDS),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        reraise=True,
    )


def _load_once(package: Package, target: LoadTarget) -> LoadRecord:
    folder = copy_package(package.folder, to=target.scratch)
    destination, secrets = target.destination, target.secrets
    with connected(destination, secrets=secrets) as connection:
        try:
            _bound(connection, target)
            connection.execute("BEGIN")
            known = bookkeeping.fetch_load(
                connection, dataset=package.dataset, package_id=package.package_id
            )
            if known:
                return known
            if target.stamp:
                ensure_stamp(connection, target.stamp, destination=destination)
            apply_renames(connection, package)
            record = _fill_transaction(connection, package, folder=folder, target=target)
            target.may_commit()
            fault_point("before_commit")
            connection.execute("COMMIT")
            fault_point("after_commit")
            return replace(record, snapshot=_fetch_snapshot(connection, destination))
        except duckdb.Error as error:
            raise explain(error, destination=destination, secrets=secrets) from error


def _bound(connection: duckdb.DuckDBPyConnection, target: LoadTarget) -> None:
    """Have DuckDB keep to its memory; what does not fit goes into files beside the copies."""
    spill = target.scratch.with_name(f"{target.scratch.name}-spill")
    connection.execute(f"SET memory_limit = '{target.memory} bytes'")
    connection.execute(f"SET temp_directory = {literal(str(spill))}")
    # Each thread holds blocks of its own.
    connection.execute(f"SET threads = {min(os.cpu_count() or 1, _THREADS)}")


def _fill_transaction(
    connection: duckdb.DuckDBPyConnection, package: Package, *, folder: Path, target: LoadTarget
) -> LoadRecord:
    dataset = package.dataset
    bookkeeping.create_tables(connection, dataset=dataset)
    begun = LoadRecord(
        package_id=package.package_id,
        sync_id=package.sync_id,
        connector=package.connector,
        load_ids=(),
        base_version=package.base_version,
        state_version=package.state_version,
        streams=(),
        committed_at=datetime.now(UTC),
    )
    bookkeeping.swap_version(connection, dataset=dataset, load=begun)
    _empty_tables(connection, package)
    before = {
        item.table: count_total(connection, dataset=dataset, table=item.table)
        for item in package.streams
    }
    conform(connection, folder, dataset=dataset, kind=target.destination.kind)
    load_ids = _run_jobs(connection, package, folder=folder, target=target)
    streams = tuple(
        retire_versions(
            connection,
            package,
            item,
            counts=count_stream(
                connection, package, item, load_ids=load_ids, before=before[item.table]
            ),
            load_ids=load_ids,
        )
        for item in package.streams
    )
    finished = replace(begun, load_ids=load_ids, streams=streams)
    bookkeeping.insert_load(connection, dataset=dataset, load=finished)
    return finished


def _empty_tables(connection: duckdb.DuckDBPyConnection, package: Package) -> None:
    """Take the rows out of the tables of a full refresh; the columns stay."""
    for table in package.emptied:
        if has_table(connection, dataset=package.dataset, table=table):
            connection.execute(f"DELETE FROM {quoted(package.dataset)}.{quoted(table)}")


def _run_jobs(
    connection: duckdb.DuckDBPyConnection, package: Package, *, folder: Path, target: LoadTarget
) -> tuple[str, ...]:
    pipeline = open_pipeline(
        folder,
        connector=package.connector,
        dataset=package.dataset,
        kind=target.destination.kind,
    )
    load_ids = tuple(pipeline.list_normalized_load_packages())
    try:
        with shared_connection(connection, memory=target.memory):
            pipeline.load(workers=1)
    except Exception as error:
        raise _job_error(error, target=target) from error
    return load_ids


def _job_error(error: Exception, *, target: LoadTarget) -> Exception:
    """Return our error for whatever dlt wrapped DuckDB's in."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, duckdb.Error):
            return explain(cause, destination=target.destination, secrets=target.secrets)
        cause = cause.__cause__ or cause.__context__
    place = f"destination {target.destination.name}"
    return FatalSyncError(f"a load job failed: {error}", place=place)


def _fetch_snapshot(connection: duckdb.DuckDBPyConnection, destination: Destination) -> int | None:
    """Return the DuckLake snapshot that this connection committed last."""
    if destination.kind is not DestinationKind.DUCKLAKE:
        return None
    row = connection.execute("SELECT * FROM last_committed_snapshot()").fetchone()
    return int(row[0]) if row and row[0] is not None else None
