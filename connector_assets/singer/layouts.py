"""How one stream is laid out as a table: what its SCHEMA and its configuration say together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connector_assets.errors import BadRecord, ConfigError, DriftBlocked
from connector_assets.model import NaiveTimes, OldVersions, Stream, WriteDisposition
from connector_assets.naming import RESERVED_PREFIXES
from connector_assets.singer.messages import Message
from connector_assets.singer.types import Column, ColumnType, Kind, parse_columns
from connector_assets.singer.values import parse_moment

#: Returns how a stream is loaded, given its name and key_properties; raises for one not configured.
Resolve = Callable[[str, tuple[str, ...]], Stream]
_NTZ = ColumnType(kind=Kind.TIMESTAMP_NTZ)
_ZONED = ColumnType(kind=Kind.TIMESTAMP, naive_times=NaiveTimes.REJECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLayout:
    """What the latest SCHEMA message of a stream says, and how the stream is loaded."""

    stream: Stream
    schema: Mapping[str, Any]
    key_properties: tuple[str, ...]
    columns: tuple[Column, ...]
    key: tuple[Column, ...]
    open: bool

    def says(self, message: Message) -> bool:
        """Whether a SCHEMA message says nothing else than this."""
        key_properties = tuple(message.content.get("key_properties") or ())
        return (self.schema, self.key_properties) == (message.content["schema"], key_properties)

    @property
    def merged(self) -> bool:
        """Whether the order of records decides which of two with one key stays."""
        return self.stream.write is WriteDisposition.MERGE

    @property
    def versioned(self) -> bool:
        """Whether the versions of records decide what becomes of rows."""
        return self.stream.old_versions is not OldVersions.KEEP


def build_layout(
    message: Message, *, resolve: Resolve, normalize: Callable[[str], str]
) -> StreamLayout:
    """Return the layout that a SCHEMA message gives.

    Raises:
        BadRecord: The schema cannot be read.
        ConfigError: The stream is not configured, or its key or column names do not work.
    """
    schema, place = message.content["schema"], f"line {message.line}"
    key_properties = tuple(message.content.get("key_properties") or ())
    stream = resolve(message.stream, key_properties)
    columns = parse_columns(schema, stream=message.stream, place=place, normalize=normalize)
    if stream.naive_times:
        columns = tuple(_say_naive(column, stream.naive_times) for column in columns)
    names = stream.primary_key or key_properties
    key = tuple(_find_key(name, columns=columns, stream=message.stream) for name in names)
    if stream.write is WriteDisposition.MERGE and not key:
        raise ConfigError(
            "the stream is merged, but neither its configuration nor the tap names a key",
            stream=message.stream,
            fix="Give it a `primary_key:`, or `write: append` or `write: replace`.",
        )
    return StreamLayout(
        stream=stream,
        schema=schema,
        key_properties=key_properties,
        columns=columns,
        key=key,
        open=schema.get("additionalProperties") is not False,
    )


def settle_zones(
    layout: StreamLayout, records: Sequence[Mapping[str, Any]], *, settled: dict[str, ColumnType]
) -> StreamLayout:
    """Return a layout in which each column of times that may be kept has a zone, or has none.

    A column's first value in the sync tells, is noted in ``settled``, and binds the others.
    """
    if layout.stream.naive_times is not NaiveTimes.KEEP_NAIVE:
        return layout
    for column in layout.columns:
        if column.type.kind is Kind.TIMESTAMP and column.name not in settled:
            naive = _begins_naive(column, records)
            if naive is not None:
                settled[column.name] = _NTZ if naive else _ZONED
    columns, key = (
        tuple(replace(one, type=settled.get(one.name, one.type)) for one in group)
        for group in (layout.columns, layout.key)
    )
    return replace(layout, columns=columns, key=key)


def _begins_naive(column: Column, records: Sequence[Mapping[str, Any]]) -> bool | None:
    values = (record.get(column.property) for record in records)
    first = next((value for value in values if value is not None), None)
    try:
        return None if first is None else parse_moment(first).tzinfo is None
    except ValueError:
        # The column's rules will say what is wrong with it.
        return None


def _say_naive(column: Column, naive_times: NaiveTimes) -> Column:
    if column.type.kind is not Kind.TIMESTAMP:
        return column
    return replace(column, type=replace(column.type, naive_times=naive_times))


def check_known(layout: StreamLayout, *, known: Mapping[str, ColumnType], line: int) -> None:
    """Refuse a column whose table has it with another type already.

    dlt would change its schema, leave the table as it is, and let the database cast: 1.5 becomes 2
    in a BIGINT column.

    Raises:
        DriftBlocked: A type changed since the last sync; ``known`` is what the table has.
    """
    for column in layout.columns:
        before = known.get(column.name, column.type)
        if before != column.type:
            raise DriftBlocked(
                f"property {column.property!r} was {before} and is now {column.type}; the table's "
                "column would change its values",
                place=f"line {line}, table {layout.stream.table!r}",
                stream=layout.stream.name,
                fix="Declare the former type in the tap's catalog, or give the stream another "
                "table and load it from the beginning.",
            )


def check_table(layout: StreamLayout, *, others: Mapping[str, StreamLayout], line: int) -> None:
    """Refuse a stream whose table is another one's, or the platform's.

    Raises:
        ConfigError: It is.
    """
    table, place = layout.stream.table, f"line {line}"
    fix = "Give it a `table:` of its own, or deselect it in the tap."
    if not table.strip("_") or table.startswith(RESERVED_PREFIXES):
        problem = f"the stream would have the table {table!r}, which is kept for the platform"
        raise ConfigError(problem, place=place, stream=layout.stream.name, fix=fix)
    for name, other in others.items():
        if other.stream.table == table:
            problem = f"the stream would have the table {table!r}, as stream {name!r} has"
            raise ConfigError(problem, place=place, stream=layout.stream.name, fix=fix)


def check_compatible(old: StreamLayout, new: StreamLayout, *, line: int) -> None:
    """Refuse a second SCHEMA that changes a type or, where rows are merged, the key.

    New and vanished properties are fine.

    Raises:
        BadRecord: A property, or the key, is another than before in the same sync.
    """
    keys = [", ".join(column.name for column in one.key) or "none" for one in (old, new)]
    if keys[0] != keys[1] and (old.merged or new.merged):
        raise BadRecord(
            f"a second SCHEMA changes the key from {keys[0]} to {keys[1]} within one sync",
            place=f"line {line}",
            stream=new.stream.name,
            fix="Sync again, or say which it is: `primary_key:` of the stream.",
        )
    before = {column.name: column.type for column in old.columns}
    for column in new.columns:
        if before.get(column.name, column.type) != column.type:
            raise BadRecord(
                f"a second SCHEMA changes property {column.property!r} from "
                f"{before[column.name]} to {column.type} within one sync",
                place=f"line {line}",
                stream=new.stream.name,
                fix="Sync again; if it comes back, report it to the tap's maintainers.",
            )


def _find_key(name: str, *, columns: tuple[Column, ...], stream: str) -> Column:
    for column in columns:
        if name in (column.property, column.name):
            return column
    raise ConfigError(
        f"the key {name!r} is no property of the stream",
        stream=stream,
        valid=[column.property for column in columns],
        value=name,
    )
