"""The atomic load: all tables, dlt's state and the load record in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from connector_assets.destinations import bookkeeping
from connector_assets.destinations.atomic import shared_connection
from connector_assets.destinations.bookkeeping import LoadRecord
from connector_assets.destinations.connect import connected, explain, quoted
from connector_assets.engines.staging import copy_package, open_pipeline
from connector_assets.errors import CountMismatch, FatalSyncError, TransientSyncError
from connector_assets.faults import fault_point
from connector_assets.model import Destination, StreamCounts, WriteDisposition

_CONFLICT_ATTEMPTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedStream:
    """One stream of a package: rows emitted and staged, and how its table is written."""

    stream: str
    table: str
    write: WriteDisposition
    primary_key: tuple[str, ...] = ()
    emitted: int | None = None
    staged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A sealed staged package; ``folder`` is the dlt working directory, never loaded itself."""

    package_id: str
    sync_id: str
    connector: str
    dataset: str
    folder: Path
    base_version: int
    streams: tuple[StagedStream, ...]


def load_package(
    package: Package,
    *,
    destination: Destination,
    secrets: Mapping[str, str],
    scratch: Path,
    may_commit: Callable[[], None] = lambda: None,
) -> LoadRecord:
    """Load a package once and return its record; loading it again returns the same record.

    ``may_commit`` is called before the commit and raises when the lease was lost. A conflict with
    another DuckLake transaction is tried again from a fresh copy of the package.

    Raises:
        StateDivergence: The live state is not the package's base.
        CountMismatch: The tables would not hold what was staged.
        TransientSyncError: Conflicts went on, or the destination could not be reached.
        FatalSyncError: A load job failed. In every case nothing was changed.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(TransientSyncError),
        stop=stop_after_attempt(_CONFLICT_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        reraise=True,
    )
    for attempt in retrying:
        with attempt:
            return _load_once(
                package,
                destination=destination,
                secrets=secrets,
                scratch=scratch,
                may_commit=may_commit,
            )
    raise AssertionError("unreachable: Retrying raises")


def _load_once(
    package: Package,
    *,
    destination: Destination,
    secrets: Mapping[str, str],
    scratch: Path,
    may_commit: Callable[[], None],
) -> LoadRecord:
    folder = copy_package(package.folder, to=scratch)
    with connected(destination, secrets=secrets) as connection:
        try:
            connection.execute("BEGIN")
            known = bookkeeping.fetch_load(
                connection, dataset=package.dataset, package_id=package.package_id
            )
            if known:
                return known
            record = _fill_transaction(connection, package, folder=folder, destination=destination)
            may_commit()
            fault_point("before_commit")
            connection.execute("COMMIT")
            fault_point("after_commit")
        except duckdb.Error as error:
            raise explain(error, destination=destination, secrets=secrets) from error
    return record


def _fill_transaction(
    connection: duckdb.DuckDBPyConnection,
    package: Package,
    *,
    folder: Path,
    destination: Destination,
) -> LoadRecord:
    bookkeeping.create_tables(connection, dataset=package.dataset)
    load = LoadRecord(
        package_id=package.package_id,
        sync_id=package.sync_id,
        connector=package.connector,
        load_ids=(),
        base_version=package.base_version,
        state_version=package.base_version + 1,
        streams=(),
        committed_at=datetime.now(UTC),
    )
    bookkeeping.swap_version(connection, dataset=package.dataset, load=load)
    before = {
        item.table: _total(connection, package.dataset, item.table) for item in package.streams
    }
    load_ids = _run_jobs(connection, package, folder=folder, destination=destination)
    streams = tuple(
        _counted(connection, package, item, load_ids=load_ids, before=before[item.table])
        for item in package.streams
    )
    finished = LoadRecord(
        package_id=load.package_id,
        sync_id=load.sync_id,
        connector=load.connector,
        load_ids=load_ids,
        base_version=load.base_version,
        state_version=load.state_version,
        streams=streams,
        committed_at=load.committed_at,
    )
    bookkeeping.insert_load(connection, dataset=package.dataset, load=finished)
    return finished


def _run_jobs(
    connection: duckdb.DuckDBPyConnection,
    package: Package,
    *,
    folder: Path,
    destination: Destination,
) -> tuple[str, ...]:
    pipeline = open_pipeline(
        folder, connector=package.connector, dataset=package.dataset, kind=destination.kind
    )
    load_ids = tuple(pipeline.list_normalized_load_packages())
    try:
        with shared_connection(connection):
            pipeline.load(workers=1)
    except Exception as error:
        raise _job_error(error, destination=destination) from error
    return load_ids


def _job_error(error: Exception, *, destination: Destination) -> Exception:
    """Return our error for whatever dlt wrapped DuckDB's in."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, duckdb.Error):
            return explain(cause, destination=destination, secrets={})
        cause = cause.__cause__ or cause.__context__
    return FatalSyncError(f"a load job failed: {error}", place=f"destination {destination.name}")


def _counted(
    connection: duckdb.DuckDBPyConnection,
    package: Package,
    item: StagedStream,
    *,
    load_ids: tuple[str, ...],
    before: int,
) -> StreamCounts:
    total = _total(connection, package.dataset, item.table)
    arrived = _arrived(connection, package.dataset, item.table, load_ids=load_ids)
    expected = _distinct_keys(connection, package, item)
    grown = total - before
    checks = {
        WriteDisposition.APPEND: arrived == item.staged == grown,
        WriteDisposition.REPLACE: total == item.staged == arrived,
        WriteDisposition.MERGE: arrived == expected,
    }
    if not checks[item.write]:
        raise CountMismatch(
            f"{item.staged} rows were staged ({expected} distinct keys), {arrived} would arrive;"
            f" the table goes from {before} to {total}",
            connector=package.connector,
            stream=item.stream,
            place=f"{package.dataset}.{item.table}",
            fix="Nothing was loaded. Report this with the sync's log.",
        )
    return StreamCounts(
        stream=item.stream,
        table=item.table,
        emitted=item.emitted,
        staged=item.staged,
        in_destination=arrived,
        total=total,
    )


def _distinct_keys(
    connection: duckdb.DuckDBPyConnection, package: Package, item: StagedStream
) -> int:
    files = [
        str(file)
        for file in sorted(
            package.folder.glob(f"*/load/normalized/*/new_jobs/{item.table}.*.parquet")
        )
    ]
    if item.write is not WriteDisposition.MERGE or not item.primary_key or not files:
        return item.staged
    keys = ", ".join(quoted(key) for key in item.primary_key)
    row = connection.execute(
        f"SELECT count(*) FROM (SELECT DISTINCT {keys} FROM read_parquet(?, union_by_name = true))",
        [files],
    ).fetchone()
    return int(row[0]) if row else 0


def _exists(connection: duckdb.DuckDBPyConnection, dataset: str, table: str) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()"
        " AND schema_name = ? AND table_name = ?",
        [dataset, table],
    ).fetchone()
    return bool(row and row[0])


def _total(connection: duckdb.DuckDBPyConnection, dataset: str, table: str) -> int:
    if not _exists(connection, dataset, table):
        return 0
    row = connection.execute(f"SELECT count(*) FROM {quoted(dataset)}.{quoted(table)}").fetchone()
    return int(row[0]) if row else 0


def _arrived(
    connection: duckdb.DuckDBPyConnection,
    dataset: str,
    table: str,
    *,
    load_ids: tuple[str, ...],
) -> int:
    if not _exists(connection, dataset, table):
        return 0
    row = connection.execute(
        f"SELECT count(*) FROM {quoted(dataset)}.{quoted(table)}"
        " WHERE list_contains(?, _dlt_load_id)",
        [list(load_ids)],
    ).fetchone()
    return int(row[0]) if row else 0
