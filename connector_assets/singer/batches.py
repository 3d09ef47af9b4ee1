"""Records gathered per stream and flushed as Arrow tables with the columns of their SCHEMA."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connector_assets.errors import BadRecord
from connector_assets.model import Stream
from connector_assets.singer.bulk import BulkReader, build_reader
from connector_assets.singer.layouts import (
    Resolve,
    StreamLayout,
    build_layout,
    check_compatible,
    check_known,
    settle_zones,
)
from connector_assets.singer.lines import RecordRun
from connector_assets.singer.literals import dump_json
from connector_assets.singer.messages import Message, MessageType, parse_run
from connector_assets.singer.types import SEQUENCE, UNDECLARED, Column, ColumnType, Kind
from connector_assets.singer.values import Origin, build_array

if TYPE_CHECKING:
    from dlt.common.schema.typing import TTableSchemaColumns


#: The column types that the destination's tables have already, by table and column.
Known = Mapping[str, Mapping[str, ColumnType]]

#: Runs that are parsed beside the one that is staged.
_PARSERS = 2
#: So many runs one after the other that only lines could hold, and no further one is tried.
_REFUSALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When buffers are flushed: rows of one stream, bytes of input lines of all of them."""

    rows: int = 20_000
    total_bytes: int = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows of one stream as one Arrow table, with dlt's column hints by column name.

    ``primary_key`` names columns of the table, which has 0 rows where a stream had no record.
    """

    stream: Stream
    table: pa.Table
    primary_key: tuple[str, ...]
    hints: TTableSchemaColumns


@dataclass(slots=True)
class _Buffer:
    layout: StreamLayout
    records: list[dict[str, Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    size: int = 0
    flushed: bool = False
    settled: dict[str, ColumnType] = field(default_factory=dict)
    bulk: BulkReader | None = None
    refused: int = 0


class Assembler:
    """Turns messages into batches, and remembers what a manifest needs to know.

    After :meth:`batches` is exhausted, ``emitted`` counts the records per stream, ``layouts`` has
    each declared stream's last SCHEMA, and ``state`` the last STATE value (None: none came).
    """

    def __init__(
        self,
        *,
        resolve: Resolve,
        normalize: Callable[[str], str],
        known: Known | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Take how a stream is loaded, how a column is named, and which types tables have."""
        self.emitted: Counter[str] = Counter()
        self.activations: Counter[str] = Counter()
        self.state: dict[str, Any] | None = None
        self._resolve = resolve
        self._normalize = normalize
        self._known = known or {}
        self._limits = limits or Limits()
        self._buffers: dict[str, _Buffer] = {}
        self._held = 0
        self._pending: deque[tuple[RecordRun, _Buffer, Future[pa.Table | None]]] = deque()

    @property
    def layouts(self) -> dict[str, StreamLayout]:
        """The declared streams, by name, in the order of their first SCHEMA."""
        return {name: buffer.layout for name, buffer in self._buffers.items()}

    def batches(self, messages: Iterable[Message | RecordRun]) -> Iterator[Batch]:
        """Yield batches as buffers fill, then the rest; a stream without records yields 0 rows.

        The batches of a stream are in the order of its records.

        Raises:
            BadRecord: A value cannot be loaded faithfully.
            ConfigError: A stream is not configured, or its key or column names do not work.
        """
        with ThreadPoolExecutor(_PARSERS) as pool:
            for message in messages:
                if isinstance(message, RecordRun):
                    yield from self._take(message, pool=pool)
                else:
                    yield from self._read(message)
            yield from self._settle()
            for buffer in self._buffers.values():
                if buffer.records or not buffer.flushed:
                    yield self._flush(buffer)

    def _read(self, message: Message) -> Iterator[Batch]:
        if message.type is MessageType.RECORD:
            full = self._add(message)
            if full is not None:
                yield from self._settle()
                yield self._flush(full)
        elif message.type is MessageType.SCHEMA:
            yield from self._settle()
            yield from self._declare(message)
        elif message.type is MessageType.STATE:
            self.state = message.content["value"]
        else:
            self.activations[message.stream] += 1

    def _take(self, run: RecordRun, *, pool: ThreadPoolExecutor) -> Iterator[Batch]:
        """Have a run parsed beside what follows it; one that only lines can hold is read here."""
        buffer = self._buffers[run.stream]
        if buffer.bulk is None:
            for message in parse_run(run):
                yield from self._read(message)
            return
        if buffer.records:
            yield from self._settle()
            yield self._flush(buffer)
        self._pending.append((run, buffer, pool.submit(buffer.bulk.read, run)))
        yield from self._settle(keep=_PARSERS)

    def _settle(self, *, keep: int = 0) -> Iterator[Batch]:
        """Yield the runs that are being parsed, oldest first, until so many are left."""
        while len(self._pending) > keep:
            run, buffer, parsed = self._pending.popleft()
            table = parsed.result()
            if table is not None:
                buffer.refused = 0
                yield self._close(buffer, table, layout=buffer.layout)
                continue
            buffer.refused += 1
            if buffer.refused >= _REFUSALS:
                buffer.bulk = None
            records = [message.content["record"] for message in parse_run(run)]
            table = build_table(records, layout=buffer.layout, lines=run.numbers)
            yield self._close(buffer, table, layout=buffer.layout)

    def _add(self, message: Message) -> _Buffer | None:
        """Keep one record; return the buffer to flush, if one is."""
        buffer = self._buffers[message.stream]
        buffer.records.append(message.content["record"])
        buffer.lines.append(message.line)
        buffer.size += message.size
        self._held += message.size
        if len(buffer.records) >= self._limits.rows:
            return buffer
        if self._held >= self._limits.total_bytes:
            return max(self._buffers.values(), key=lambda each: each.size)
        return None

    def _declare(self, message: Message) -> Iterator[Batch]:
        name = message.stream
        buffer = self._buffers.get(name)
        if buffer is not None and buffer.layout.schema == message.content["schema"]:
            return
        layout = build_layout(message, resolve=self._resolve, normalize=self._normalize)
        known = self._known.get(layout.stream.table, {})
        check_known(layout, known=known, line=message.line)
        if buffer is None:
            self._buffers[name] = _Buffer(layout, bulk=build_reader(layout))
            return
        check_compatible(buffer.layout, layout, line=message.line)
        if buffer.records:
            yield self._flush(buffer)
        buffer.layout, buffer.flushed = layout, False
        buffer.bulk, buffer.refused = build_reader(layout), 0

    def _flush(self, buffer: _Buffer) -> Batch:
        layout = settle_zones(buffer.layout, buffer.records, settled=buffer.settled)
        table = build_table(buffer.records, layout=layout, lines=buffer.lines)
        self._held -= buffer.size
        buffer.records, buffer.lines, buffer.size = [], [], 0
        return self._close(buffer, table, layout=layout)

    def _close(self, buffer: _Buffer, table: pa.Table, *, layout: StreamLayout) -> Batch:
        name = layout.stream.name
        if layout.merged:
            first = self.emitted[name]
            numbers = pa.array(range(first, first + table.num_rows), pa.int64())
            table = table.append_column(SEQUENCE, numbers)
        self.emitted[name] += table.num_rows
        buffer.flushed = True
        return Batch(
            stream=layout.stream,
            table=table,
            primary_key=tuple(column.name for column in layout.key),
            hints=_build_hints(table, layout=layout),
        )


def build_table(
    records: list[dict[str, Any]], *, layout: StreamLayout, lines: Sequence[int]
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


def _pick(record: dict[str, Any], extra: set[str]) -> str | None:
    found = {key: value for key, value in record.items() if key in extra}
    return dump_json(found) if found else None


def _build_hints(table: pa.Table, *, layout: StreamLayout) -> TTableSchemaColumns:
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


def _refuse_null_key(column: Column, *, origin: Origin, index: int) -> None:
    raise BadRecord(
        f"property {column.property!r} is part of the key and is null or missing",
        place=f"line {origin.lines[index]}",
        stream=origin.stream,
        fix="Give the stream another `primary_key:`.",
    )


def _refuse_undeclared(records: list[dict[str, Any]], *, extra: set[str], origin: Origin) -> None:
    index = next(i for i, record in enumerate(records) if extra & record.keys())
    raise BadRecord(
        f"property {min(extra & records[index].keys())!r} is not declared, and the schema says "
        "`additionalProperties: false`",
        place=f"line {origin.lines[index]}",
        stream=origin.stream,
        fix="Let the tap discover its catalog again, or change the schema there.",
    )
