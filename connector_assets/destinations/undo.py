"""Takes back what a sync committed to a DuckLake: its dataset as it was in the snapshot before.

A dataset is one connector's, so all of its tables go back, dlt's records among them. The state's
version goes on: what was staged from the one that is taken back must not be loaded any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from connector_assets.destinations import bookkeeping
from connector_assets.destinations.bookkeeping import LOADS_TABLE, STATE_TABLE, LoadRecord
from connector_assets.destinations.connect import connected, literal, quoted
from connector_assets.destinations.load import build_retrying
from connector_assets.destinations.readback import read_position
from connector_assets.destinations.refusals import explain
from connector_assets.destinations.stamp import Stamp, check_stamp
from connector_assets.errors import ConfigError
from connector_assets.model import Connector, DestinationKind

_OURS = (STATE_TABLE, LOADS_TABLE)
_UNDO = "undo "


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What was taken back: tables as of ``snapshot``, and tables that were not there then.

    ``state`` is dlt's, of the version that the connector has now.
    """

    snapshot: int
    version: int
    restored: tuple[str, ...]
    dropped: tuple[str, ...]
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoTarget:
    """How a sync is taken back: the new version of the state, and what may keep it from that."""

    version: int
    secrets: Mapping[str, str]
    stamp: Stamp
    may_commit: Callable[[], None]


def undo_load(connector: Connector, *, sync_id: str, target: UndoTarget) -> Undone:
    """Put a connector's dataset back to what it was before a sync, in one transaction.

    Undoing a sync that is undone already changes nothing, and tells what the destination has.

    Raises:
        ConfigError: It cannot be undone: a DuckDB file, a sync that loaded nothing, a later one
            that built on it, or a snapshot that expired. Nothing was changed.
        TransientSyncError: Conflicts went on, or the destination could not be reached.
    """
    if connector.destination.kind is not DestinationKind.DUCKLAKE:
        raise ConfigError(
            f"{connector.destination.name} is a DuckDB file, which keeps no earlier state",
            connector=connector.name,
            fix="Load into a DuckLake to be able to undo; here, restore the file from a backup.",
        )
    undone: Undone = build_retrying(connector.destination)(
        _undo_once, connector, sync_id=sync_id, target=target
    )
    return undone


def _undo_once(connector: Connector, *, sync_id: str, target: UndoTarget) -> Undone:
    destination = connector.destination
    with connected(destination, secrets=target.secrets) as connection:
        try:
            check_stamp(connection, target.stamp, destination=destination)
            if done := _find_done(connection, connector, sync_id=sync_id):
                return done
            records = _check_last(connection, connector, sync_id=sync_id)
            before = _find_before(connection, connector, sync_id=sync_id)
            tables = _list_tables(connection, dataset=connector.dataset)
            old = [one for one in tables if _is_there(connection, connector, one, at=before)]
            changed = _list_changed(connection, connector.dataset, tables=tables, since=before)
            connection.execute("BEGIN")
            undone = _fill(
                connection,
                connector,
                records=records,
                undone=Undone(
                    snapshot=before,
                    version=target.version,
                    restored=tuple(one for one in old if one in changed),
                    dropped=tuple(one for one in tables if one not in old),
                    state={},
                ),
            )
            target.may_commit()
            connection.execute("COMMIT")
            return undone
        except duckdb.Error as error:
            raise explain(error, destination=destination, secrets=target.secrets) from error


def _fill(
    connection: duckdb.DuckDBPyConnection,
    connector: Connector,
    *,
    records: Sequence[LoadRecord],
    undone: Undone,
) -> Undone:
    schema = quoted(connector.dataset)
    sync_id = records[0].sync_id
    live = bookkeeping.fetch_version(
        connection, dataset=connector.dataset, connector=connector.name
    )
    bookkeeping.swap_version(
        connection,
        dataset=connector.dataset,
        load=LoadRecord(
            package_id="",
            sync_id=f"{_UNDO}{sync_id}",
            connector=connector.name,
            load_ids=(),
            base_version=live,
            state_version=undone.version,
            streams=(),
            committed_at=datetime.now(UTC),
        ),
    )
    for table in undone.restored:
        # Not DELETE: inside the transaction the time travel would then read nothing.
        name = f"{schema}.{quoted(table)}"
        connection.execute(
            f"CREATE OR REPLACE TABLE {name} AS"
            f" SELECT * FROM {name} AT (VERSION => {undone.snapshot})"
        )
    for table in undone.dropped:
        connection.execute(f"DROP TABLE {schema}.{quoted(table)}")
    connection.execute(f"DELETE FROM {schema}.{LOADS_TABLE} WHERE sync_id = ?", [sync_id])
    return _with_state(connection, connector, undone)


def _with_state(
    connection: duckdb.DuckDBPyConnection, connector: Connector, undone: Undone
) -> Undone:
    _, state = read_position(connection, connector)
    return Undone(
        snapshot=undone.snapshot,
        version=undone.version,
        restored=undone.restored,
        dropped=undone.dropped,
        state=state,
    )


def _find_done(
    connection: duckdb.DuckDBPyConnection, connector: Connector, *, sync_id: str
) -> Undone | None:
    """Return what the destination has, where undoing the sync was the last thing done to it."""
    if not bookkeeping.has_tables(connection, dataset=connector.dataset):
        return None
    row = connection.execute(
        f"SELECT state_version FROM {quoted(connector.dataset)}.{STATE_TABLE}"
        " WHERE connector = ? AND sync_id = ?",
        [connector.name, f"{_UNDO}{sync_id}"],
    ).fetchone()
    if row is None:
        return None
    done = Undone(snapshot=0, version=int(row[0]), restored=(), dropped=(), state={})
    return _with_state(connection, connector, done)


def _check_last(
    connection: duckdb.DuckDBPyConnection, connector: Connector, *, sync_id: str
) -> tuple[LoadRecord, ...]:
    """Return what the sync committed, which has to be the last that is left."""
    dataset = connector.dataset
    records = bookkeeping.fetch_loads(connection, dataset=dataset, sync_id=sync_id)
    if not records:
        raise ConfigError(
            f"sync {sync_id} has nothing in {connector.target}",
            connector=connector.name,
            fix="Only what was loaded can be undone; `connectors status` shows it.",
        )
    later = connection.execute(
        f"SELECT sync_id FROM {quoted(dataset)}.{LOADS_TABLE} WHERE connector = ?"
        " AND state_version > ? ORDER BY state_version DESC LIMIT 1",
        [connector.name, records[-1].state_version],
    ).fetchone()
    if later:
        raise ConfigError(
            f"sync {later[0]} was loaded after {sync_id} and built on it",
            connector=connector.name,
            fix=f"Undo the last one first: connectors undo {later[0]}",
        )
    return records


def _find_before(
    connection: duckdb.DuckDBPyConnection, connector: Connector, *, sync_id: str
) -> int:
    """Return the last snapshot that does not have the sync's load record yet."""
    name = literal(connector.destination.name)
    rows = connection.execute(
        f"SELECT snapshot_id FROM ducklake_snapshots({name}) ORDER BY snapshot_id"
    ).fetchall()
    ids = [int(row[0]) for row in rows]
    low, high = 0, len(ids) - 1
    while low < high:
        middle = (low + high) // 2
        if _has_record(connection, connector, sync_id=sync_id, at=ids[middle]):
            high = middle
        else:
            low = middle + 1
    if low == 0:
        raise ConfigError(
            f"the snapshot before sync {sync_id} has expired",
            connector=connector.name,
            fix="What `connectors maintain` has expired cannot be undone; load "
            f"anew instead: connectors sync {connector.name} --full-refresh",
        )
    return ids[low - 1]


def _has_record(
    connection: duckdb.DuckDBPyConnection, connector: Connector, *, sync_id: str, at: int
) -> bool:
    table = f"{quoted(connector.dataset)}.{LOADS_TABLE}"
    try:
        row = connection.execute(
            f"SELECT count(*) FROM {table} AT (VERSION => {at}) WHERE sync_id = ?", [sync_id]
        ).fetchone()
    except duckdb.CatalogException:
        return False
    return bool(row and row[0])


def _list_tables(connection: duckdb.DuckDBPyConnection, *, dataset: str) -> list[str]:
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
        " AND schema_name = ? ORDER BY table_name",
        [dataset],
    ).fetchall()
    return [row[0] for row in rows if row[0] not in _OURS]


def _is_there(
    connection: duckdb.DuckDBPyConnection, connector: Connector, table: str, *, at: int
) -> bool:
    name = f"{quoted(connector.dataset)}.{quoted(table)}"
    try:
        connection.execute(f"SELECT 1 FROM {name} AT (VERSION => {at}) LIMIT 0")
    except duckdb.CatalogException:
        return False
    return True


def _list_changed(
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
