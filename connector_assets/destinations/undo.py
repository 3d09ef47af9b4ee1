"""Takes back what a sync committed to a DuckLake: its dataset as it was in the snapshot before.

A dataset is one connector's, so all of its tables go back, dlt's records among them. The state's
version goes on: what was staged from the one that is taken back must not be loaded any more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from connector_assets.destinations import bookkeeping
from connector_assets.destinations.bookkeeping import (
    CHANGE,
    LOADS_TABLE,
    RENAME,
    STATE_TABLE,
    LoadRecord,
)
from connector_assets.destinations.connect import connected, quoted
from connector_assets.destinations.load import build_retrying
from connector_assets.destinations.readback import read_position
from connector_assets.destinations.refusals import explain
from connector_assets.destinations.snapshots import (
    find_before,
    is_there,
    list_changed,
    list_tables,
    rewind_table,
)
from connector_assets.destinations.staging import STAGING
from connector_assets.destinations.stamp import Stamp, check_stamp
from connector_assets.errors import ConfigError
from connector_assets.faults import fault_point
from connector_assets.model import Connector, DestinationKind

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What becomes of a dataset's tables: those that changed since a snapshot, and new ones."""

    dataset: str
    snapshot: int
    changed: tuple[str, ...]
    new: tuple[str, ...]


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
            before = find_before(connection, connector, first=_find_first(records))
            plan = _plan(connection, connector.dataset, at=before)
            # Where dlt stages merges its tables follow the schema of those that they are for.
            staging = _plan(connection, f"{connector.dataset}{STAGING}", at=before)
            connection.execute("BEGIN")
            version = _swap(connection, connector, records=records, target=target)
            for each in (plan, staging):
                _rewind(connection, connector, each, target=target)
            connection.execute(
                f"DELETE FROM {quoted(connector.dataset)}.{LOADS_TABLE} WHERE sync_id = ?",
                [sync_id],
            )
            undone = Undone(
                snapshot=before,
                version=version,
                restored=plan.changed,
                dropped=plan.new,
                state=read_position(connection, connector)[1],
            )
            target.may_commit()
            fault_point("before_commit")
            connection.execute("COMMIT")
            fault_point("after_commit")
            return undone
        except duckdb.Error as error:
            raise explain(error, destination=destination, secrets=target.secrets) from error


def _find_first(records: Sequence[LoadRecord]) -> LoadRecord:
    """Return the first of the loads that follow each other up to the last one."""
    first = records[-1]
    for record in reversed(records):
        if record.state_version == first.base_version:
            first = record
    return first


def _plan(connection: duckdb.DuckDBPyConnection, dataset: str, *, at: int) -> _Plan:
    tables = list_tables(connection, dataset=dataset)
    old = [one for one in tables if is_there(connection, dataset, table=one, at=at)]
    changed = list_changed(connection, dataset, tables=tables, since=at)
    return _Plan(
        dataset=dataset,
        snapshot=at,
        changed=tuple(one for one in old if one in changed),
        new=tuple(one for one in tables if one not in old),
    )


def _swap(
    connection: duckdb.DuckDBPyConnection,
    connector: Connector,
    *,
    records: Sequence[LoadRecord],
    target: UndoTarget,
) -> int:
    """Move the state's version on and return it: higher than the live one in any case."""
    dataset = connector.dataset
    live = bookkeeping.fetch_version(connection, dataset=dataset, connector=connector.name)
    load = LoadRecord(
        package_id="",
        sync_id=f"{_UNDO}{records[0].sync_id}",
        connector=connector.name,
        load_ids=(),
        base_version=live,
        state_version=max(target.version, live + 1),
        streams=(),
        committed_at=datetime.now(UTC),
    )
    bookkeeping.swap_version(connection, dataset=dataset, load=load)
    return load.state_version


def _rewind(
    connection: duckdb.DuckDBPyConnection, connector: Connector, plan: _Plan, *, target: UndoTarget
) -> None:
    for table in plan.changed:
        target.may_commit()
        name = (plan.dataset, table)
        rewind_table(connection, connector.destination, name=name, at=plan.snapshot)
    for table in plan.new:
        connection.execute(f"DROP TABLE {quoted(plan.dataset)}.{quoted(table)}")


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
        # What a person did to the state alone goes back with it.
        " AND state_version > ? AND NOT starts_with(sync_id, ?)"
        " ORDER BY state_version DESC LIMIT 1",
        [connector.name, records[-1].state_version, CHANGE],
    ).fetchone()
    if later and later[0].startswith(RENAME):
        about = json.loads(later[0].removeprefix(RENAME))
        raise ConfigError(
            f"a rename came after sync {sync_id}: {about['why']}",
            connector=connector.name,
            fix="What was loaded before a rename cannot be undone: the tables had other names. "
            f"Load anew instead: connectors sync {connector.name} --full-refresh",
        )
    if later:
        raise ConfigError(
            f"sync {later[0]} was loaded after {sync_id} and built on it",
            connector=connector.name,
            fix=f"Undo the last one first: connectors undo {later[0]}",
        )
    return records
