"""Arrow tables checked, whole columns at a time, as they leave a dlt resource.

A column is cast to the type that holds the same values in the destination, or refused: dlt and
DuckDB would cut nanoseconds, take 24:00 and the year 10000, and write NaN into JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from connector_assets.errors import BadRecord
from connector_assets.model import NaiveTimes, Stream
from connector_assets.naming import table_name
from connector_assets.singer.messages import mask

_DAY = 86_400_000_000
_DATES = (-719_162, 2_932_896)  # 0001-01-01 and 9999-12-31, in days since 1970
_TIMES = (0, _DAY - 1)
_INSTANTS = (_DATES[0] * _DAY, (_DATES[1] + 1) * _DAY - 1)
_DECLARE = "Cast the column in the source, or leave it out."
_RESERVED = "_dlt_"


class ArrowCheck:
    """Checks the tables of one stream, in order."""

    def __init__(self, stream: Stream) -> None:
        """Take the stream: its name, for errors, and what its naive times are."""
        self._stream = stream
        self._types: dict[str, pa.DataType] = {}
        self._names: dict[str, str] = {}
        self._rows = 0

    def check(self, item: Any) -> tuple[pa.Table, Mapping[str, bool]]:
        """Return a table, or record batch, with the same values in types that keep them.

        Beside it, by column, whether its times have a zone; nothing where nobody says what those
        without one are: the source's own word on its columns counts then.

        Raises:
            BadRecord: A value or a column cannot be kept; it names stream, row and column.
        """
        table = pa.Table.from_batches([item]) if isinstance(item, pa.RecordBatch) else item
        self._check_names(table)
        zones = {}
        for index, field in enumerate(table.schema):
            column = self._fit(table.column(index), name=field.name)
            self._check_type(column.type, name=field.name)
            if self._stream.naive_times and pa.types.is_timestamp(column.type):
                zones[field.name] = column.type.tz is not None
            if column.type != field.type:
                kept = pa.field(field.name, column.type, field.nullable, field.metadata)
                table = table.set_column(index, kept, column)
        self._rows += table.num_rows
        return table, zones

    def _check_names(self, table: pa.Table) -> None:
        found = set()
        for name in table.column_names:
            column = table_name(name) or "_empty"
            other = self._names.setdefault(column, name)
            if other != name or name in found:
                self._refuse(name, f"it would share the column {column!r} with {other!r}")
            if column.startswith(_RESERVED):
                self._refuse(name, "dlt's own columns have such names")
            found.add(name)

    def _check_type(self, kind: pa.DataType, *, name: str) -> None:
        if pa.types.is_null(kind):
            return
        before = self._types.setdefault(name, kind)
        if not _is_same(before, kind):
            self._refuse(name, f"it was {before} in an earlier table, and is {kind}")

    def _fit(self, column: pa.ChunkedArray, *, name: str) -> pa.ChunkedArray:
        for holds, fit in _FITS:
            if holds(column.type):
                try:
                    return self._settle(fit(column))
                except _FoundError as found:
                    self._refuse(name, found.reason, column=column, index=found.index)
        return column

    def _settle(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return a column of times without a zone as the stream's word on them has it."""
        if not pa.types.is_timestamp(column.type) or column.type.tz is not None:
            return column
        if self._stream.naive_times is NaiveTimes.REJECT:
            _refuse_first(pc.is_valid(column), reason="it has no offset")
        if self._stream.naive_times in (None, NaiveTimes.KEEP_NAIVE):
            return column
        return column.cast(pa.timestamp("us", "UTC"))

    def _refuse(
        self, name: str, reason: str, *, column: pa.ChunkedArray | None = None, index: int = -1
    ) -> NoReturn:
        shown = ""
        if column is not None and index >= 0:
            shown = f" got the {column.type} {_show(column[index])!r}"
        raise BadRecord(
            f"column {name!r}{shown}: {reason}",
            place=f"row {self._rows + index + 1}" if index >= 0 else "",
            stream=self._stream.name,
            fix=_DECLARE,
        )


class _FoundError(Exception):
    def __init__(self, reason: str, index: int = -1) -> None:
        self.reason = reason
        self.index = index
        super().__init__(reason)


def _show(value: pa.Scalar) -> str:
    # Of nested values only the shape is told; text that is no UTF-8 and far times have no form.
    try:
        return "..." if pa.types.is_nested(value.type) else mask(str(value.as_py()))
    except (ValueError, OverflowError):
        return "..."


def _is_same(before: pa.DataType, after: pa.DataType) -> bool:
    if pa.types.is_timestamp(before) and pa.types.is_timestamp(after):
        # Which zone it is, is only how an instant is shown.
        return (before.tz is None) == (after.tz is None)
    return bool(before == after)


def _cast(column: pa.ChunkedArray, *, to: pa.DataType, reason: str) -> pa.ChunkedArray:
    """Cast where no value changes; otherwise find the first one that would."""
    try:
        return column.cast(to)
    except pa.ArrowInvalid:
        index = next(at for at in range(len(column)) if not _casts(column.slice(at, 1), to))
        raise _FoundError(reason, index) from None


def _casts(one: pa.ChunkedArray, to: pa.DataType) -> bool:
    try:
        one.cast(to)
    except pa.ArrowInvalid:
        return False
    return True


def _check_range(column: pa.ChunkedArray, limits: tuple[int, int], *, reason: str) -> None:
    numbers = column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64())
    outside = pc.or_(pc.less(numbers, limits[0]), pc.greater(numbers, limits[1]))
    _refuse_first(outside, reason=reason)


def _refuse_first(bad: pa.ChunkedArray, *, reason: str) -> None:
    index = pc.index(bad, value=True).as_py()
    if index >= 0:
        raise _FoundError(reason, index)


def _fit_unsigned(column: pa.ChunkedArray) -> pa.ChunkedArray:
    # dlt makes them signed ones of the same width.
    return _cast(column, to=pa.int64(), reason="it does not fit into 64 bits")


def _fit_decimal(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if kind.precision <= 38 and kind.scale >= 0 and pa.types.is_decimal128(kind):
        return column
    to = pa.decimal128(38, min(max(kind.scale, 0), 38))
    return _cast(column, to=to, reason="it does not fit into 38 digits")


def _fit_moment(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.type.unit != "us":
        to = pa.timestamp("us", column.type.tz)
        reason = "it is finer than a microsecond, or outside the years 1 to 9999"
        column = _cast(column, to=to, reason=reason)
    _check_range(column, _INSTANTS, reason="it is outside the years 1 to 9999")
    return column


def _fit_date(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_date64(column.type):
        column = _cast(column, to=pa.date32(), reason="its time of day would be lost")
    _check_range(column, _DATES, reason="it is outside the years 1 to 9999")
    return column


def _fit_time(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.type != pa.time64("us"):
        to = pa.time64("us")
        column = _cast(column, to=to, reason="it is finer than a microsecond")
    _check_range(column, _TIMES, reason="a time of day is below 24:00")
    return column


def _fit_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        index = next(at for at, one in enumerate(column) if not _is_text(one))
        raise _FoundError("it is no valid UTF-8", index) from None
    return column


def _is_text(value: pa.Scalar) -> bool:
    try:
        value.as_py()
    except UnicodeDecodeError:
        return False
    return True


def _decode(column: pa.ChunkedArray) -> pa.ChunkedArray:
    column = column.cast(column.type.value_type)
    return _fit_text(column) if pa.types.is_string(column.type) else column


def _decode_runs(column: pa.ChunkedArray) -> pa.ChunkedArray:
    chunks = [pc.run_end_decode(chunk) for chunk in column.chunks]
    return pa.chunked_array(chunks, column.type.value_type)


def _fit_nested(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a nested column as it is: it becomes JSON, which has to have words for its leaves."""
    for kind in _leaves(column.type):
        if not _has_json(kind):
            raise _FoundError(f"JSON has no words for {kind}, which is somewhere in it")
    if not all(map(_is_finite, column.chunks)):
        rows = (column.slice(at, 1).chunk(0) for at in range(len(column)))
        index = next(at for at, one in enumerate(rows) if not _is_finite(one))
        raise _FoundError("NaN and infinity are not JSON", index)
    return _fit_text(column)


def _leaves(kind: pa.DataType) -> Iterator[pa.DataType]:
    if pa.types.is_map(kind):
        yield from (*_leaves(kind.key_type), *_leaves(kind.item_type))
    elif pa.types.is_nested(kind):
        for index in range(kind.num_fields):
            yield from _leaves(kind.field(index).type)
        if not kind.num_fields:
            yield pa.null()
    else:
        yield kind


def _has_json(kind: pa.DataType) -> bool:
    if pa.types.is_decimal(kind):
        # DuckDB writes one without a digit before the point as .5.
        return bool(0 <= kind.scale < kind.precision <= 38)
    cut = pa.types.is_timestamp(kind) or pa.types.is_time64(kind)
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    fixed = pa.types.is_fixed_size_binary(kind)
    return not (binary or fixed or pa.types.is_null(kind) or (cut and kind.unit == "ns"))


def _is_finite(array: pa.Array) -> bool:
    kind = array.type
    if pa.types.is_floating(kind):
        found = array.cast(pa.float64()) if pa.types.is_float16(kind) else array
        return pc.all(pc.is_finite(found)).as_py() is not False
    if pa.types.is_map(kind):
        return _is_finite(array.keys) and _is_finite(array.items)
    if pa.types.is_struct(kind):
        return all(map(_is_finite, array.flatten()))
    return not pa.types.is_nested(kind) or _is_finite(array.flatten())


_FITS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], Any]], ...] = (
    (pa.types.is_run_end_encoded, _decode_runs),
    (pa.types.is_dictionary, _decode),
    (pa.types.is_unsigned_integer, _fit_unsigned),
    (pa.types.is_decimal, _fit_decimal),
    (pa.types.is_timestamp, _fit_moment),
    (pa.types.is_date, _fit_date),
    (pa.types.is_time, _fit_time),
    (pa.types.is_string, _fit_text),
    (pa.types.is_large_string, _fit_text),
    (pa.types.is_string_view, _fit_text),
    (pa.types.is_nested, _fit_nested),
)
