"""What the destination itself says of a sync: its load records, live counts, state and columns.

This is the only word that can make a verdict good.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from connector_assets.destinations.bookkeeping import LoadRecord, fetch_loads, fetch_version
from connector_assets.destinations.connect import connected, literal, quoted
from connector_assets.destinations.counts import count_arrived, count_total, has_table
from connector_assets.destinations.package import add_known, is_checkpoint
from connector_assets.model import Connector, StreamCounts

_STATE = "_dlt_pipeline_state"
#: What dlt keeps for itself in a pipeline's state; the rest is a connector's position.
_LOCAL_KEYS = ("_local", "default_schema_name", "dataset_name", "destination_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """What was found; ``state`` is dlt's, as it goes into the ledger.

    ``holds`` tells whether the tables hold what the sync's load records say. It is true without a
    look where a later sync has changed them since. ``columns`` are types by table and column.
    ``counts`` are those of all records together.
    """

    records: tuple[LoadRecord, ...] = ()
    state_version: int = 0
    state: Mapping[str, Any] = field(default_factory=dict)
    holds: bool = True
    counts: tuple[StreamCounts, ...] = ()
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def checkpoints(self) -> int:
        """How many checkpoints the sync has committed."""
        return sum(is_checkpoint(record.package_id) for record in self.records)

    @property
    def whole(self) -> bool:
        """Whether the sync has committed its last package."""
        return bool(self.records) and not is_checkpoint(self.records[-1].package_id)


def read_back(connector: Connector, *, secrets: Mapping[str, str], sync_id: str) -> ReadBack:
    """Read what a sync left in the connector's destination; the caller holds the file lock.

    Raises:
        FileLocked: Another process has the DuckDB file.
        SyncError: The destination cannot be read.
    """
    dataset = connector.dataset
    with connected(connector.destination, secrets=secrets) as connection:
        version = fetch_version(connection, dataset=dataset, connector=connector.name)
        records = fetch_loads(connection, dataset=dataset, sync_id=sync_id)
        live = bool(records) and records[-1].state_version == version
        tables = [stream.table for stream in connector.streams]
        return ReadBack(
            records=records,
            state_version=version,
            state=_fetch_state(connection, connector) if version else {},
            holds=not live or _holds(connection, records[-1], dataset=dataset),
            counts=_add_counts(records),
            columns=_fetch_columns(connection, dataset=dataset, tables=tables),
        )


def _add_counts(records: Sequence[LoadRecord]) -> tuple[StreamCounts, ...]:
    """Return the counts of a sync: of its checkpoints too, and the tables as the last one left."""
    found: dict[str, StreamCounts] = {}
    for counts in (counts for record in records for counts in record.streams):
        before = found.get(counts.stream)
        found[counts.stream] = counts if before is None else _add(before, counts)
    return tuple(found.values())


def _add(before: StreamCounts, counts: StreamCounts) -> StreamCounts:
    return replace(
        counts,
        emitted=add_known(before.emitted, counts.emitted),
        staged=add_known(before.staged, counts.staged),
        in_destination=add_known(before.in_destination, counts.in_destination),
    )


def read_position(
    connection: duckdb.DuckDBPyConnection, connector: Connector
) -> tuple[int, dict[str, Any]]:
    """Return the live state version of a connector and the state that belongs to it."""
    version = fetch_version(connection, dataset=connector.dataset, connector=connector.name)
    return version, _fetch_state(connection, connector) if version else {}


def decode_state(text: str) -> dict[str, Any]:
    """Return dlt's state from the text that it keeps in ``_dlt_pipeline_state``.

    The text is base64 of zlib of JSON (dlt.common.versioned_state); values of types that JSON
    lacks carry a character of a private use area before them, and keep it.
    """
    try:
        raw = zlib.decompress(base64.b64decode(text, validate=True))
    except (binascii.Error, zlib.error):
        raw = text.encode()
    state: dict[str, Any] = json.loads(raw)
    return {key: value for key, value in state.items() if key not in _LOCAL_KEYS}


def _holds(connection: duckdb.DuckDBPyConnection, record: LoadRecord, *, dataset: str) -> bool:
    for counts in record.streams:
        table = counts.table
        arrived = count_arrived(connection, dataset=dataset, table=table, load_ids=record.load_ids)
        total = count_total(connection, dataset=dataset, table=table)
        if (arrived, total) != (counts.in_destination, counts.total):
            return False
    return True


def _fetch_state(connection: duckdb.DuckDBPyConnection, connector: Connector) -> dict[str, Any]:
    if not has_table(connection, dataset=connector.dataset, table=_STATE):
        return {}
    row = connection.execute(
        f"SELECT state FROM {quoted(connector.dataset)}.{_STATE}"
        f" WHERE pipeline_name = {literal(connector.name)}"
        " ORDER BY version DESC, created_at DESC LIMIT 1"
    ).fetchone()
    return decode_state(row[0]) if row else {}


def _fetch_columns(
    connection: duckdb.DuckDBPyConnection, *, dataset: str, tables: Sequence[str]
) -> dict[str, dict[str, str]]:
    rows = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns()"
        f" WHERE database_name = current_database() AND schema_name = {literal(dataset)}"
        f" AND table_name IN ({', '.join(map(literal, tables))})"
        " ORDER BY table_name, column_index"
    ).fetchall()
    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        columns.setdefault(table, {})[column] = kind
    return columns
