"""Takes a connector out of its destination: tables renamed or dropped, its position forgotten.

In one transaction. dlt believes that a table is there while it has a record of the schema: such
records go with the tables, so that a connector of the same name begins from nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb

from connector_assets.destinations import bookkeeping
from connector_assets.destinations.bookkeeping import LOADS_TABLE, STATE_TABLE, LoadRecord
from connector_assets.destinations.connect import connected, literal, quoted
from connector_assets.destinations.counts import has_table
from connector_assets.destinations.fate import TableFate
from connector_assets.destinations.load import build_retrying
from connector_assets.destinations.owned import (
    STATES_TABLE,
    VERSIONS_TABLE,
    Owned,
    find_owned,
    list_objects,
    list_readers,
)
from connector_assets.destinations.refusals import explain
from connector_assets.destinations.staging import STAGING
from connector_assets.destinations.stamp import Stamp, check_stamp
from connector_assets.faults import fault_point
from connector_assets.model import Connector

_LOADS = "_dlt_loads"
#: What dlt and we keep beside a connector's tables.
_RECORDS = (VERSIONS_TABLE, STATES_TABLE, _LOADS, STATE_TABLE, LOADS_TABLE)
#: The schema that each database has, and in which its stamp stands.
_MAIN = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """How a connector is removed, and what may keep it from that.

    ``version`` is the highest state version that the ledger knows; ``who`` and ``why`` go into the
    destination's own records with the next one.
    """

    fate: TableFate
    version: int
    who: str
    why: str
    secrets: Mapping[str, str]
    stamp: Stamp
    may_commit: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What was done: tables by their names before, to those they have now, None for dropped ones.

    ``version`` is the state version now, 0 where nothing was there. ``dataset`` tells whether that
    went, too. ``readers`` are views that named one of the tables.
    """

    version: int = 0
    tables: Mapping[str, str | None] = field(default_factory=dict)
    dataset: bool = False
    readers: tuple[str, ...] = ()


def remove_tables(connector: Connector, removal: Removal) -> Removed:
    """Archive or drop a connector's tables, and forget its position, in one transaction.

    Doing it again changes nothing. Tables of others in the dataset stay, and so does the dataset
    then. The caller holds the connector's lease and the file lock.

    Raises:
        StateDivergence: The state moved on meanwhile.
        EnvironmentMismatch: The destination belongs to another project or environment.
        TransientSyncError: Conflicts went on, or the destination could not be reached. In every
            case nothing was changed.
    """
    removed: Removed = build_retrying(connector.destination)(_remove_once, connector, removal)
    return removed


def _remove_once(connector: Connector, removal: Removal) -> Removed:
    destination, secrets = connector.destination, removal.secrets
    with connected(destination, secrets=secrets) as connection:
        try:
            check_stamp(connection, removal.stamp, destination=destination)
            connection.execute("BEGIN")
            owned = find_owned(connection, connector)
            removed = _remove(connection, connector, owned=owned, removal=removal)
            removal.may_commit()
            fault_point("before_commit")
            connection.execute("COMMIT")
            fault_point("after_commit")
            return removed
        except duckdb.Error as error:
            raise explain(error, destination=destination, secrets=secrets) from error


def _remove(
    connection: duckdb.DuckDBPyConnection,
    connector: Connector,
    *,
    owned: Owned,
    removal: Removal,
) -> Removed:
    dataset, staging = connector.dataset, f"{connector.dataset}{STAGING}"
    wanted = removal.fate is TableFate.DROP
    if not owned.state and not owned.tables:
        gone = wanted and _drop_dataset(connection, dataset, of=connector.name)
        return Removed(version=owned.version, dataset=gone)
    version = _swap(connection, connector, owned=owned, removal=removal)
    readers = list_readers(connection, dataset=dataset, tables=owned.tables)
    act = _drop if wanted else _archive
    tables = act(connection, dataset, tables=owned.tables)
    _drop(connection, staging, tables=owned.tables)
    for place in (dataset, staging):
        _forget(connection, connector, dataset=place, schemas=owned.schemas)
    _drop_dataset(connection, staging)
    gone = wanted and _drop_dataset(connection, dataset, of=connector.name)
    return Removed(version=version, tables=tables, dataset=gone, readers=readers)


def _swap(
    connection: duckdb.DuckDBPyConnection,
    connector: Connector,
    *,
    owned: Owned,
    removal: Removal,
) -> int:
    """Move the state's version on and return it: what was staged before is not loaded any more."""
    version = max(owned.version, removal.version) + 1
    load = LoadRecord(
        package_id="",
        sync_id=bookkeeping.name_change(who=removal.who, why=removal.why),
        connector=connector.name,
        load_ids=(),
        base_version=owned.version,
        state_version=version,
        streams=(),
        committed_at=datetime.now(UTC),
    )
    bookkeeping.swap_version(connection, dataset=connector.dataset, load=load)
    return version


def _archive(
    connection: duckdb.DuckDBPyConnection, dataset: str, *, tables: Sequence[str]
) -> dict[str, str | None]:
    now, there = datetime.now(UTC), list_objects(connection, dataset=dataset)
    ending = f"__archived_{now:%Y%m%d}"
    if any(f"{table}{ending}" in there for table in tables):
        ending += f"{now:%H%M%S}"
    for table in tables:
        connection.execute(
            f"ALTER TABLE {quoted(dataset)}.{quoted(table)} RENAME TO {quoted(table + ending)}"
        )
    return {table: f"{table}{ending}" for table in tables}


def _drop(
    connection: duckdb.DuckDBPyConnection, dataset: str, *, tables: Sequence[str]
) -> dict[str, str | None]:
    there = [one for one in tables if has_table(connection, dataset=dataset, table=one)]
    for table in there:
        connection.execute(f"DROP TABLE {quoted(dataset)}.{quoted(table)}")
    return dict.fromkeys(there)


def _forget(
    connection: duckdb.DuckDBPyConnection,
    connector: Connector,
    *,
    dataset: str,
    schemas: Sequence[str],
) -> None:
    """Delete what dlt and we know of a connector; of pipelines of others everything stays.

    Without its load records, no sync before can be undone: their tables are not there any more.
    """
    named, listed = literal(connector.name), ", ".join(map(literal, schemas))
    theirs = f"schema_name IN ({listed})" if listed else "false"
    own = {
        VERSIONS_TABLE: theirs,
        _LOADS: theirs,
        STATES_TABLE: f"pipeline_name = {named}",
        LOADS_TABLE: f"connector = {named}",
    }
    for table, which in own.items():
        if has_table(connection, dataset=dataset, table=table):
            connection.execute(f"DELETE FROM {quoted(dataset)}.{quoted(table)} WHERE {which}")


def _drop_dataset(connection: duckdb.DuckDBPyConnection, dataset: str, *, of: str = "") -> bool:
    """Drop a dataset in which nothing is left but empty records, and the state of ``of``."""
    there = list_objects(connection, dataset=dataset)
    if not there or dataset == _MAIN or there - set(_RECORDS):
        return False
    for table in there:
        others = f" WHERE connector <> {literal(of)}" if table == STATE_TABLE else ""
        place = f"{quoted(dataset)}.{quoted(table)}"
        if connection.execute(f"SELECT 1 FROM {place}{others} LIMIT 1").fetchone():
            return False
    _drop(connection, dataset, tables=sorted(there))
    connection.execute(f"DROP SCHEMA {quoted(dataset)}")
    return True
