"""What a DuckLake keeps of its past: snapshots, and a dataset's tables as one of them has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from connector_assets.destinations.bookkeeping import LOADS_TABLE, STATE_TABLE, LoadRecord
from connector_assets.destinations.connect import literal, quoted
from connector_assets.errors import ConfigError, CountMismatch
from connector_assets.model import Connector, Destination

_OURS = (STATE_TABLE, LOADS_TABLE)
#: What a table is called while it is being made.
_BESIDE = "_connectors_undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One commit, and when it was."""

    id: int
    at: datetime


def list_snapshots(
    connection: duckdb.DuckDBPyConnection, destination: Destination
) -> tuple[Snapshot, ...]:
    """Return the snapshots that have not expired, oldest first."""
    # epoch_us: a TIMESTAMPTZ comes back through pytz, which is not one of our dependencies.
    rows = connection.execute(
        "SELECT snapshot_id, epoch_us(snapshot_time)"
        f" FROM ducklake_snapshots({literal(destination.name)}) ORDER BY snapshot_id"
    ).fetchall()
    return tuple(
        Snapshot(id=int(number), at=datetime.fromtimestamp(at / 1_000_000, tz=UTC))
        for number, at in rows
    )


def pick_expired(snapshots: Sequence[Snapshot], *, before: datetime) -> list[int]:
    """Return the snapshots that no undo of a sync needs that came after ``before``.

    The newest of the older ones stays: the first sync after it is undone to it.
    """
    return [one.id for one in snapshots if one.at < before][:-1]


def find_before(
    connection: duckdb.DuckDBPyConnection, connector: Connector, *, first: LoadRecord
) -> int:
    """Return the last snapshot before a load: that of the state version which it was staged from.

    By the version, which only goes up: a load record can be there, be undone, and come again.

    Raises:
        ConfigError: It has expired.
    """
    ids = [one.id for one in list_snapshots(connection, connector.destination)]
    versions = dict.fromkeys(ids, -1)
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        versions[ids[middle]] = _fetch_version(connection, connector, at=ids[middle])
        if versions[ids[middle]] > first.base_version:
            high = middle
        else:
            low = middle + 1
    if low == 0 or versions[ids[low - 1]] != first.base_version:
        raise ConfigError(
            f"the snapshot before sync {first.sync_id} has expired",
            connector=connector.name,
            fix="What `connectors maintain` has expired cannot be undone; load "
            f"anew instead: connectors sync {connector.name} --full-refresh",
        )
    return ids[low - 1]


def _fetch_version(connection: duckdb.DuckDBPyConnection, connector: Connector, *, at: int) -> int:
    """Return the connector's state version in a snapshot; 0 before its first load."""
    table = f"{quoted(connector.dataset)}.{STATE_TABLE}"
    try:
        row = connection.execute(
            f"SELECT max(state_version) FROM {table} AT (VERSION => {at}) WHERE connector = ?",
            [connector.name],
        ).fetchone()
    except duckdb.CatalogException:
        return 0
    return int(row[0]) if row and row[0] is not None else 0


def list_tables(connection: duckdb.DuckDBPyConnection, *, dataset: str) -> list[str]:
    """Return the tables of a dataset but for our own two, sorted."""
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
        " AND schema_name = ? ORDER BY table_name",
        [dataset],
    ).fetchall()
    return [row[0] for row in rows if row[0] not in _OURS]


def is_there(connection: duckdb.DuckDBPyConnection, dataset: str, *, table: str, at: int) -> bool:
    """Tell whether a dataset had a table in a snapshot."""
    name = f"{quoted(dataset)}.{quoted(table)}"
    try:
        connection.execute(f"SELECT 1 FROM {name} AT (VERSION => {at}) LIMIT 0")
    except duckdb.CatalogException:
        return False
    return True


def list_changed(
    connection: duckdb.DuckDBPyConnection, dataset: str, *, tables: Sequence[str], since: int
) -> set[str]:
    """Return the tables that are other than they were: others need not be written again."""
    changed = set()
    for table in tables:
        name = f"{quoted(dataset)}.{quoted(table)}"
        try:
            now, then = (
                connection.execute(f"SELECT * FROM {name}{at} LIMIT 0").description
                for at in ("", f" AT (VERSION => {since})")
            )
        except duckdb.CatalogException:
            continue
        if [one[:2] for one in now or ()] != [one[:2] for one in then or ()] or _has_changes(
            connection, dataset=dataset, table=table, since=since
        ):
            changed.add(table)
    return changed


def _has_changes(
    connection: duckdb.DuckDBPyConnection, *, dataset: str, table: str, since: int
) -> bool:
    """Tell whether rows came or went after a snapshot; in doubt, they did."""
    database = connection.execute("SELECT current_database()").fetchone()
    last = connection.execute("SELECT max(snapshot_id) FROM snapshots()").fetchone()
    if database is None or last is None:
        return True
    call = (
        f"ducklake_table_changes({literal(database[0])}, {literal(dataset)}, {literal(table)},"
        f" {since + 1}, {last[0]})"
    )
    try:
        return connection.execute(f"SELECT 1 FROM {call} LIMIT 1").fetchone() is not None
    except duckdb.Error:
        return True


def rewind_table(
    connection: duckdb.DuckDBPyConnection,
    destination: Destination,
    *,
    name: tuple[str, str],
    at: int,
) -> None:
    """Make a table, by dataset and name, what it was in a snapshot, inside the open transaction.

    It is made beside the one that is there, and takes its place: once that was deleted from, or
    replaced by an empty one, the time travel reads nothing inside the transaction, without an
    error; and what ``CREATE TABLE AS`` made takes no NOT NULL. (Seen with DuckDB 1.5.5.)

    Raises:
        CountMismatch: The table would not have as many rows as then.
    """
    dataset, table = name
    place, beside = (f"{quoted(dataset)}.{quoted(one)}" for one in (table, _BESIDE))
    then = f"{place} AT (VERSION => {at})"
    required = _list_required(connection, destination, name=name, at=at)
    described = connection.execute(f"DESCRIBE SELECT * FROM {then}").fetchall()
    columns = ", ".join(
        f"{quoted(column)} {kind}{' NOT NULL' if column in required else ''}"
        for column, kind, *_ in described
    )
    connection.execute(f"CREATE TABLE {beside} ({columns})")
    connection.execute(f"INSERT INTO {beside} SELECT * FROM {then}")
    wanted, found = (_count(connection, one) for one in (then, beside))
    if wanted != found:
        problem = f"{wanted} rows were in the table, {found} would be"
        raise CountMismatch(problem, place=f"{dataset}.{table}", fix="Nothing was changed.")
    connection.execute(f"DROP TABLE {place}")
    connection.execute(f"ALTER TABLE {beside} RENAME TO {quoted(table)}")


def _list_required(
    connection: duckdb.DuckDBPyConnection,
    destination: Destination,
    *,
    name: tuple[str, str],
    at: int,
) -> set[str]:
    """Return the columns that were NOT NULL, from the catalog's own tables."""
    on_server = destination.catalog.startswith("postgresql")
    schema = f"ducklake_{destination.name}" if on_server else "main"
    metadata = f"{quoted(f'__ducklake_metadata_{destination.name}')}.{quoted(schema)}"
    live = f"begin_snapshot <= {at} AND coalesce(end_snapshot > {at}, true)"
    rows = connection.execute(
        f"SELECT column_name FROM {metadata}.ducklake_column WHERE {live}"
        f" AND parent_column IS NULL AND NOT nulls_allowed AND table_id IN (SELECT table_id"
        f" FROM {metadata}.ducklake_table WHERE {live} AND table_name = ? AND schema_id IN"
        f" (SELECT schema_id FROM {metadata}.ducklake_schema WHERE {live} AND schema_name = ?))",
        [name[1], name[0]],
    ).fetchall()
    return {str(column) for (column,) in rows}


def _count(connection: duckdb.DuckDBPyConnection, source: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {source}").fetchone()
    return int(row[0]) if row else 0
