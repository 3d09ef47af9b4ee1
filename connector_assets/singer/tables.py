"""Records of one stream made into an Arrow table, with the platform's own columns beside theirs."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from connector_assets.errors import BadRecord
from connector_assets.model import OldVersions, WriteDisposition
from connector_assets.singer.layouts import StreamLayout
from connector_assets.singer.literals import dump_json
from connector_assets.singer.types import (
    DELETED_AT,
    SEQUENCE,
    UNDECLARED,
    VERSION,
    Column,
    Kind,
)
from connector_assets.singer.values import Origin, build_array

if TYPE_CHECKING:
    from dlt.common.schema.typing import TTableSchemaColumns

_KEEP = "Say `old_versions: keep` for the stream: its rows then stay when a version is activated."
_DELETED_TYPE = pa.timestamp("us", "UTC")


def build_table(
    records: Sequence[dict[str, Any]], *, layout: StreamLayout, lines: Sequence[int]
) -> pa.Table:
    """Return ``records`` as a table of the layout's columns; a missing property is null.

    Properties that the SCHEMA does not declare are kept, as one JSON object per record, in the
    column ``_undeclared``, which exists from the first such record on: nothing is lost, and no type
    is guessed that the next record could contradict.

    Raises:
        BadRecord: A value does not fit, a key is null, or an undeclared property came although the
            schema says ``additionalProperties: false``.
    """
    origin = Origin(stream=layout.stream.name, lines=lines)
    arrays, fields = [], []
    for column in layout.columns:
        values = [record.get(column.property) for record in records]
        if column in layout.key and None in values:
            _refuse_null_key(column, origin=origin, index=values.index(None))
        arrays.append(build_array(values, column=column, origin=origin))
        fields.append(pa.field(column.name, column.type.to_arrow()))
    extra = set[str]().union(*records) - {column.property for column in layout.columns}
    if extra or not arrays:  # without a column the rows would be lost
        if extra and not layout.open:
            _refuse_undeclared(records, extra=extra, origin=origin)
        arrays.append(pa.array([_pick(record, extra) for record in records], pa.string()))
        fields.append(pa.field(UNDECLARED, pa.string()))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def build_versions(
    versions: Sequence[Any], *, layout: StreamLayout, lines: Sequence[int]
) -> pa.Array | None:
    """Return the ``version`` of each record; None where none has one, or they do not count.

    Raises:
        BadRecord: One is no whole number.
    """
    found = set(map(type, versions)) - {NoneType}
    if not found or not layout.versioned:
        return None
    try:
        if found == {int}:
            return pa.array(versions, pa.int64())
    except (pa.ArrowInvalid, OverflowError):
        pass
    bounds = range(-(2**63), 2**63)
    index = next(i for i, v in enumerate(versions) if v is not None and not _is_in(v, bounds))
    raise BadRecord(
        "the `version` of a RECORD is no whole number",
        place=f"line {lines[index]}",
        stream=layout.stream.name,
        fix="This is the tap's fault: report it, or use another version of it.",
    )


def add_versions(table: pa.Table, versions: pa.Array, *, layout: StreamLayout) -> pa.Table:
    """Return a table with the versions of its rows, where they decide on rows of the next syncs."""
    if layout.stream.write is WriteDisposition.REPLACE:
        return table
    table = table.append_column(VERSION, versions)
    if layout.stream.old_versions is OldVersions.DELETE:
        return table
    return table.append_column(DELETED_AT, pa.nulls(table.num_rows, _DELETED_TYPE))


def check_versions(seen: set[int], versions: pa.Array, *, layout: StreamLayout) -> None:
    """Note the versions of records that replace a table in ``seen``: only one can be in it.

    Raises:
        BadRecord: There are two.
    """
    seen |= set(pc.unique(versions).drop_null().to_pylist())
    if layout.stream.write is WriteDisposition.REPLACE and len(seen) > 1:
        raise BadRecord(
            f"records of {len(seen)} versions came for a table that is replaced",
            stream=layout.stream.name,
            fix=f"Sync again, or merge the stream. {_KEEP}",
        )


def build_hints(table: pa.Table, *, layout: StreamLayout) -> TTableSchemaColumns:
    """Return dlt's hints for the columns whose Arrow type does not say it all."""
    names = [column.name for column in layout.columns if column.type.kind is Kind.JSON]
    names += [UNDECLARED] if UNDECLARED in table.column_names else []
    hints: TTableSchemaColumns = {name: {"data_type": "json"} for name in names}
    if layout.stream.naive_times:
        hints |= {
            column.name: {"data_type": "timestamp", "timezone": column.type.kind is Kind.TIMESTAMP}
            for column in layout.columns
            if column.type.kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_NTZ)
        }
    if layout.merged:
        hints[SEQUENCE] = {"dedup_sort": "desc"}
    return hints


def _is_in(value: Any, bounds: range) -> bool:
    return type(value) is int and value in bounds


def _pick(record: dict[str, Any], extra: set[str]) -> str | None:
    found = {key: value for key, value in record.items() if key in extra}
    return dump_json(found) if found else None


def _refuse_null_key(column: Column, *, origin: Origin, index: int) -> None:
    raise BadRecord(
        f"property {column.property!r} is part of the key and is null or missing",
        place=f"line {origin.lines[index]}",
        stream=origin.stream,
        fix="Give the stream another `primary_key:`.",
    )


def _refuse_undeclared(
    records: Sequence[dict[str, Any]], *, extra: set[str], origin: Origin
) -> None:
    index = next(i for i, record in enumerate(records) if extra & record.keys())
    raise BadRecord(
        f"property {min(extra & records[index].keys())!r} is not declared, and the schema says "
        "`additionalProperties: false`",
        place=f"line {origin.lines[index]}",
        stream=origin.stream,
        fix="Let the tap discover its catalog again, or change the schema there.",
    )
