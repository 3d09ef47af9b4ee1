"""Runs of RECORDs parsed as a whole by Arrow's JSON reader, where what it gives is exact.

It is silent about what it changes: integers beyond 2**53 among doubles, numbers of many digits,
NaN, invalid UTF-8, two documents on one line. Each of those is looked for, and a run in which one
may be is read line by line instead, where the rules of the type contract decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from connector_assets.model import NaiveTimes
from connector_assets.singer.layouts import StreamLayout
from connector_assets.singer.lines import RecordRun
from connector_assets.singer.literals import has_far_exponent, keeps_digits
from connector_assets.singer.types import Column, Kind
from connector_assets.singer.values import Origin, build_times

#: Read as text, and made times by the same rules as in any other record.
_TIMES = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMP_NTZ, Kind.DATE, Kind.TIME})
#: Doubles hold every integer below it.
_EXACT = 2.0**53
#: Nearer to zero doubles lose digits, and a literal that is too near is 0 without a word.
_TINY = 1e-290
#: Members of a RECORD beside its record; with any other one, lines are read one by one.
_AROUND = (
    *(("type", pa.string()), ("stream", pa.string())),
    *(("time_extracted", pa.string()), ("version", pa.int64())),
)


class Parsed(NamedTuple):
    """A run as a table of its layout's columns, with the version of each row if there are any."""

    table: pa.Table
    versions: pa.Array | None


@dataclass(frozen=True, slots=True)
class BulkReader:
    """Reads the runs of a stream as one layout has them. Safe to use from several threads.

    ``options`` are those for messages, ``bare`` those for the records of a BATCH file.
    """

    layout: StreamLayout
    options: arrow_json.ParseOptions
    bare: arrow_json.ParseOptions

    def read(self, run: RecordRun) -> Parsed | None:
        """Return a run as a table of the layout's columns; None where it may not be exact.

        Raises:
            BadRecord: A date or time does not fit; it names stream, line and property.
        """
        numbers = any(column.type.kind is Kind.NUMBER for column in self.layout.columns)
        if not _is_utf8(run.data) or (numbers and not keeps_digits(run.data)):
            return None
        table = self._parse(run)
        if table is None:
            return None
        versions, found = self._take_apart(table, run)
        origin = Origin(stream=run.stream, lines=run.numbers)
        arrays = []
        for column, array in zip(self.layout.columns, found, strict=True):
            if column.type.kind is Kind.NUMBER and not _is_exact(array, run):
                return None
            if column in self.layout.key and array.null_count:
                return None
            times = column.type.kind in _TIMES
            arrays.append(build_times(array, column=column, origin=origin) if times else array)
        names = [column.name for column in self.layout.columns]
        return Parsed(pa.Table.from_arrays(arrays, names=names), versions)

    def _parse(self, run: RecordRun) -> pa.Table | None:
        """Return a row for each line; None where the reader refuses, or counts otherwise."""
        whole = arrow_json.ReadOptions(use_threads=False, block_size=len(run.data) + 1)
        options = self.bare if run.source else self.options
        try:
            table = arrow_json.read_json(
                pa.BufferReader(run.data), read_options=whole, parse_options=options
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows != len(run.numbers):
            return None
        return None if not run.source and table.column("record").null_count else table

    def _take_apart(
        self, table: pa.Table, run: RecordRun
    ) -> tuple[pa.Array | None, list[pa.Array]]:
        """Return the rows' versions, and an array for each column of the layout."""
        if run.source:
            given = None if run.version is None else pa.repeat(run.version, table.num_rows)
            names = (column.property for column in self.layout.columns)
            arrays = [table.column(name).combine_chunks() for name in names]
        else:
            given = table.column("version").combine_chunks()
            arrays = table.column("record").combine_chunks().flatten()
        counts = self.layout.versioned and given is not None and given.null_count < len(given)
        return (given if counts else None), arrays


def build_reader(layout: StreamLayout) -> BulkReader | None:
    """Return what reads the runs of a stream, or None where only its lines can be read.

    Nested values have to keep their text, and whether times may lack an offset depends on the
    first of them.
    """
    kinds = {column.type.kind for column in layout.columns}
    unsettled = layout.stream.naive_times is NaiveTimes.KEEP_NAIVE and kinds & _TIMES
    if not kinds or Kind.JSON in kinds or unsettled:
        return None
    record = [(column.property, _read_as(column)) for column in layout.columns]
    messages = pa.schema([*_AROUND, ("record", pa.struct(record))])
    options, bare = (
        arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
        for schema in (messages, pa.schema(record))
    )
    return BulkReader(layout, options, bare)


def _read_as(column: Column) -> pa.DataType:
    return pa.string() if column.type.kind in _TIMES else column.type.to_arrow()


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_exact(numbers: pa.Array, run: RecordRun) -> bool:
    """Tell whether doubles are what the literals of a run say, whose digits doubles keep."""
    if not pc.all(pc.is_finite(numbers), min_count=0).as_py():
        return False
    sizes = pc.min_max(pc.abs(numbers)).as_py()
    if sizes["max"] is not None and sizes["max"] >= _EXACT:
        return False
    return sizes["min"] is None or sizes["min"] > _TINY or not has_far_exponent(run.data)
