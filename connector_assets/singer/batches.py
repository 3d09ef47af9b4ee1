"""Records gathered per stream and flushed as Arrow tables with the columns of their SCHEMA."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connector_assets.errors import BadRecord
from connector_assets.model import Stream
from connector_assets.singer.batch_files import read_files
from connector_assets.singer.bulk import BulkReader, Parsed, build_reader
from connector_assets.singer.checkpoints import Checkpoints
from connector_assets.singer.layouts import (
    Resolve,
    StreamLayout,
    build_layout,
    check_compatible,
    check_known,
    check_table,
    settle_zones,
)
from connector_assets.singer.lines import RecordRun
from connector_assets.singer.messages import Message, MessageType, parse_run
from connector_assets.singer.tables import (
    add_versions,
    build_hints,
    build_table,
    build_versions,
    check_versions,
)
from connector_assets.singer.types import SEQUENCE, ColumnType

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
    versions: list[Any] = field(default_factory=list)
    size: int = 0
    flushed: bool = False
    settled: dict[str, ColumnType] = field(default_factory=dict)
    bulk: BulkReader | None = None
    refused: int = 0
    seen: set[int] = field(default_factory=set)


class Assembler:
    """Turns messages into batches, and remembers what a manifest needs to know.

    After :meth:`batches` is exhausted, ``emitted`` counts its records per stream, ``activated`` has
    the highest version that was activated of each, ``layouts`` each declared stream's last SCHEMA,
    and ``state`` the last STATE value (None: none came). ``cut`` tells that it ended at a
    checkpoint, and the rest of the messages is for another call.
    """

    def __init__(
        self,
        *,
        resolve: Resolve,
        normalize: Callable[[str], str],
        known: Known | None = None,
        limits: Limits | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        """Take how a stream is loaded, how a column is named, and which types tables have."""
        self.cut = False
        self.checkpoints = checkpoints or Checkpoints()
        self.emitted: Counter[str] = Counter()
        self.activated: dict[str, int] = {}
        self.state: dict[str, Any] | None = None
        self._resolve = resolve
        self._normalize = normalize
        self._known = known or {}
        self._limits = limits or Limits()
        self._buffers: dict[str, _Buffer] = {}
        self._held = 0
        self._pending: deque[tuple[RecordRun, _Buffer, Future[Parsed | None]]] = deque()

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
        self.cut = False
        self.emitted.clear()
        self.checkpoints.begin()
        with ThreadPoolExecutor(_PARSERS) as pool:
            for message in messages:
                if isinstance(message, RecordRun):
                    yield from self._take(message, pool=pool)
                elif message.type is MessageType.BATCH:
                    for run in read_files(message):
                        yield from self._take(run, pool=pool)
                else:
                    yield from self._read(message)
                if self.cut:
                    break
            yield from self._settle()
            for buffer in self._buffers.values():
                if buffer.records or not buffer.flushed:
                    yield self._flush(buffer)
        # Arrow keeps what its threads have used for more; what loads next has memory of its own.
        pa.default_memory_pool().release_unused()

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
            state: dict[str, Any] = message.content["value"]
            self.state = state
            self.cut = self.checkpoints.cuts_at(state)
        else:
            self.checkpoints.refuse_versions(message.stream)
            before = self.activated.get(message.stream, message.content["version"])
            self.activated[message.stream] = max(before, message.content["version"])

    def _take(self, run: RecordRun, *, pool: ThreadPoolExecutor) -> Iterator[Batch]:
        """Have a run parsed beside what follows it; one that only lines can hold is read here."""
        buffer = self._buffers[run.stream]
        if buffer.bulk is None and not run.source:
            for message in parse_run(run):
                yield from self._read(message)
            return
        self.checkpoints.count(buffer.layout.stream, rows=len(run.numbers))
        if buffer.records:
            yield from self._settle()
            yield self._flush(buffer)
        if buffer.bulk is None:
            yield from self._settle()
            yield self._read_lines(run, buffer=buffer)
            return
        self._pending.append((run, buffer, pool.submit(buffer.bulk.read, run)))
        yield from self._settle(keep=_PARSERS)

    def _settle(self, *, keep: int = 0) -> Iterator[Batch]:
        """Yield the runs that are being parsed, oldest first, until so many are left."""
        while len(self._pending) > keep:
            run, buffer, parsed = self._pending.popleft()
            with _located(run):
                found = parsed.result()
            if found is not None:
                buffer.refused = 0
                yield self._close(
                    buffer, found.table, layout=buffer.layout, versions=found.versions
                )
                continue
            buffer.refused += 1
            if buffer.refused >= _REFUSALS:
                buffer.bulk = None
            yield self._read_lines(run, buffer=buffer)

    def _read_lines(self, run: RecordRun, *, buffer: _Buffer) -> Batch:
        with _located(run):
            messages = list(parse_run(run))
            records = [message.content["record"] for message in messages]
            versions = [message.content.get("version") for message in messages]
            lines = [message.line for message in messages]
            layout = settle_zones(buffer.layout, records, settled=buffer.settled)
            table = build_table(records, layout=layout, lines=lines)
            found = build_versions(versions, layout=layout, lines=lines)
        return self._close(buffer, table, layout=layout, versions=found)

    def _add(self, message: Message) -> _Buffer | None:
        """Keep one record; return the buffer to flush, if one is."""
        buffer = self._buffers[message.stream]
        buffer.records.append(message.content["record"])
        buffer.lines.append(message.line)
        buffer.versions.append(message.content.get("version"))
        buffer.size += message.size
        self.checkpoints.count(buffer.layout.stream, rows=1)
        self._held += message.size
        if len(buffer.records) >= self._limits.rows:
            return buffer
        if self._held >= self._limits.total_bytes:
            return max(self._buffers.values(), key=lambda each: each.size)
        return None

    def _declare(self, message: Message) -> Iterator[Batch]:
        name = message.stream
        buffer = self._buffers.get(name)
        if buffer is not None and buffer.layout.says(message):
            return
        layout = build_layout(message, resolve=self._resolve, normalize=self._normalize)
        known = self._known.get(layout.stream.table, {})
        check_known(layout, known=known, line=message.line)
        if buffer is None:
            check_table(layout, others=self.layouts, line=message.line)
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
        versions = build_versions(buffer.versions, layout=layout, lines=buffer.lines)
        self._held -= buffer.size
        buffer.records, buffer.lines, buffer.versions, buffer.size = [], [], [], 0
        return self._close(buffer, table, layout=layout, versions=versions)

    def _close(
        self,
        buffer: _Buffer,
        table: pa.Table,
        *,
        layout: StreamLayout,
        versions: pa.Array | None = None,
    ) -> Batch:
        name = layout.stream.name
        if versions is not None:
            self.checkpoints.refuse_versions(name)
            check_versions(buffer.seen, versions, layout=layout)
            table = add_versions(table, versions, layout=layout)
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
            hints=build_hints(table, layout=layout),
        )


@contextmanager
def _located(run: RecordRun) -> Iterator[None]:
    """Have a refusal name the BATCH file whose line it means."""
    try:
        yield
    except BadRecord as error:
        if run.source:
            error.place = f"{run.source}, {error.place}"
        raise
