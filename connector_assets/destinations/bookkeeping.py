"""The two tables of ours in each dataset: the connector's state stamp and its load records.

``_connectors_state`` holds one row per connector, whose version each load swaps;
``_connectors_loads`` one row per committed package. dlt's ``_dlt_loads`` cannot serve: it can hold
two rows for one load.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

import duckdb

from connector_assets.destinations.connect import literal, quoted
from connector_assets.errors import StateDivergence
from connector_assets.model import StreamCounts

STATE_TABLE = "_connectors_state"
LOADS_TABLE = "_connectors_loads"
#: How what stands in the place of a sync's id begins, where a person changed the state.
CHANGE = "state "
#: The same, where the connector or streams of it got other names.
RENAME = "rename "


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRecord:
    """One committed package; versions count up from 1, base 0 is "no state yet".

    ``snapshot`` is the DuckLake snapshot it made; only known to who committed it.
    """

    package_id: str
    sync_id: str
    connector: str
    load_ids: tuple[str, ...]
    base_version: int
    state_version: int
    streams: tuple[StreamCounts, ...]
    committed_at: datetime
    snapshot: int | None = field(default=None, compare=False)


def has_tables(connection: duckdb.DuckDBPyConnection, *, dataset: str) -> bool:
    """Tell whether the dataset has been loaded by this platform before."""
    found = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()"
        f" AND schema_name = {literal(dataset)}"
        f" AND table_name IN ('{STATE_TABLE}', '{LOADS_TABLE}')"
    ).fetchone()
    return found is not None and found[0] == 2


def create_tables(connection: duckdb.DuckDBPyConnection, *, dataset: str) -> None:
    """Create the dataset and our tables where they are missing, inside the open transaction."""
    schema = quoted(dataset)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {schema}.{STATE_TABLE} (connector VARCHAR,"
        " state_version BIGINT, sync_id VARCHAR, package_id VARCHAR, changed_at TIMESTAMPTZ)"
    )
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {schema}.{LOADS_TABLE} (package_id VARCHAR, sync_id VARCHAR,"
        " connector VARCHAR, load_ids JSON, base_version BIGINT, state_version BIGINT,"
        " streams JSON, committed_at TIMESTAMPTZ)"
    )


def fetch_version(connection: duckdb.DuckDBPyConnection, *, dataset: str, connector: str) -> int:
    """Return the live state version of a connector; 0 before its first load."""
    if not has_tables(connection, dataset=dataset):
        return 0
    rows = connection.execute(
        f"SELECT state_version FROM {quoted(dataset)}.{STATE_TABLE}"
        f" WHERE connector = {literal(connector)}"
    ).fetchall()
    return int(rows[0][0]) if rows else 0


def name_change(*, who: str, why: str) -> str:
    """Return what stands in the place of a sync's id: who changed the state, and why."""
    return CHANGE + json.dumps({"who": who, "why": why})


def name_rename(*, who: str, why: str, formerly: str) -> str:
    """Return what stands there after a rename; ``formerly`` is the connector's name before it."""
    return RENAME + json.dumps({"who": who, "why": why, "formerly": formerly})


def fetch_change(
    connection: duckdb.DuckDBPyConnection, *, dataset: str, connector: str
) -> tuple[str, str] | None:
    """Return who made the live state and why, where it was a person; None where it was a sync."""
    if not has_tables(connection, dataset=dataset):
        return None
    row = connection.execute(
        f"SELECT sync_id FROM {quoted(dataset)}.{STATE_TABLE}"
        f" WHERE connector = {literal(connector)}"
        f" AND (starts_with(sync_id, {literal(CHANGE)}) OR starts_with(sync_id, {literal(RENAME)}))"
    ).fetchone()
    if row is None:
        return None
    about = json.loads(row[0].removeprefix(CHANGE).removeprefix(RENAME))
    return about["who"], about["why"]


def check_name(connection: duckdb.DuckDBPyConnection, *, dataset: str, connector: str) -> None:
    """Make sure that a connector without a state here has none by a later name.

    Files as they were before a rename would load everything anew, beside what is there.

    Raises:
        StateDivergence: It was renamed.
    """
    if not has_tables(connection, dataset=dataset):
        return
    rows = connection.execute(
        f"SELECT connector, sync_id FROM {quoted(dataset)}.{LOADS_TABLE}"
        f" WHERE starts_with(sync_id, {literal(RENAME)}) ORDER BY state_version DESC"
    ).fetchall()
    for name, text in rows:
        if json.loads(text.removeprefix(RENAME))["formerly"] == connector != name:
            raise StateDivergence(
                f"{connector} is called {name} in this environment",
                connector=connector,
                place=f"{dataset}.{STATE_TABLE}",
                fix="Nothing was loaded. The project's files here are those of before the rename: "
                "use the current ones. If it is to be called so again, write into its file: "
                f"renamed_from: {name}",
            )


def fetch_loads(
    connection: duckdb.DuckDBPyConnection, *, dataset: str, sync_id: str
) -> tuple[LoadRecord, ...]:
    """Return what a sync committed, oldest first; empty when nothing arrived."""
    return _fetch(connection, dataset=dataset, column="sync_id", value=sync_id)


def fetch_load(
    connection: duckdb.DuckDBPyConnection, *, dataset: str, package_id: str
) -> LoadRecord | None:
    """Return the record of a package if it was committed, also when nobody heard the reply."""
    found = _fetch(connection, dataset=dataset, column="package_id", value=package_id)
    return found[0] if found else None


def swap_version(connection: duckdb.DuckDBPyConnection, *, dataset: str, load: LoadRecord) -> None:
    """Move the connector's version from the package's base to the next one.

    Raises:
        StateDivergence: The live version is not the package's base, or the connector has another
            name there; nothing was changed.
    """
    stamp = [load.state_version, load.sync_id, load.package_id, load.committed_at]
    table = f"{quoted(dataset)}.{STATE_TABLE}"
    live = fetch_version(connection, dataset=dataset, connector=load.connector)
    swapped = 0
    if live == load.base_version == 0:
        check_name(connection, dataset=dataset, connector=load.connector)
        connection.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)", [load.connector, *stamp])
        swapped = 1
    elif live == load.base_version:
        row = connection.execute(
            f"UPDATE {table} SET state_version = ?, sync_id = ?, package_id = ?, changed_at = ?"
            " WHERE connector = ? AND state_version = ?",
            [*stamp, load.connector, load.base_version],
        ).fetchone()
        swapped = int(row[0]) if row else 0
    if swapped != 1:
        raise StateDivergence(
            f"the destination is at state version {live}, the package was staged from"
            f" {load.base_version}",
            connector=load.connector,
            place=f"{dataset}.{STATE_TABLE}",
            fix=f"Run the sync again: connectors sync {load.connector}",
        )


def insert_load(connection: duckdb.DuckDBPyConnection, *, dataset: str, load: LoadRecord) -> None:
    """Write the load record: the last statement before the commit."""
    connection.execute(
        f"INSERT INTO {quoted(dataset)}.{LOADS_TABLE} VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            load.package_id,
            load.sync_id,
            load.connector,
            json.dumps(load.load_ids),
            load.base_version,
            load.state_version,
            json.dumps([asdict(counts) for counts in load.streams]),
            load.committed_at,
        ],
    )


def _fetch(
    connection: duckdb.DuckDBPyConnection, *, dataset: str, column: str, value: str
) -> tuple[LoadRecord, ...]:
    if not has_tables(connection, dataset=dataset):
        return ()
    # epoch_us: a TIMESTAMPTZ comes back through pytz, which is not one of our dependencies.
    rows = connection.execute(
        "SELECT package_id, sync_id, connector, load_ids, base_version, state_version, streams,"
        f" epoch_us(committed_at) FROM {quoted(dataset)}.{LOADS_TABLE}"
        f" WHERE {column} = {literal(value)} ORDER BY state_version"
    ).fetchall()
    return tuple(
        LoadRecord(
            package_id=row[0],
            sync_id=row[1],
            connector=row[2],
            load_ids=tuple(json.loads(row[3])),
            base_version=row[4],
            state_version=row[5],
            streams=tuple(StreamCounts(**counts) for counts in json.loads(row[6])),
            committed_at=datetime.fromtimestamp(row[7] / 1_000_000, tz=UTC),
        )
        for row in rows
    )
