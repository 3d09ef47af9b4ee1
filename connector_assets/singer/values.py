"""Values of one property made into an Arrow array: exactly, or not at all.

Whole columns go through Arrow's C code where all their values have the type that is declared; any
other column goes value by value through the rules below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import cache
from types import NoneType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector_assets.errors import BadRecord
from connector_assets.model import NaiveTimes
from connector_assets.singer.literals import double_holds, dump_json
from connector_assets.singer.messages import mask
from connector_assets.singer.types import Column, ColumnType, Kind

_INT64 = range(-(2**63), 2**63)
_NUMBER_TEXT = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?", re.ASCII)
_FRACTION = re.compile(r"[.,](\d{6})(\d+)", re.ASCII)
_MIDNIGHT = time()
#: The first and the last microsecond of the years 1 to 9999, counted from 1970.
_YEARS = (-62_135_596_800_000_000, 253_402_300_799_999_999)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the values of a batch came from: the stream, and the input line of each."""

    stream: str
    lines: Sequence[int]


def build_array(values: Sequence[Any], *, column: Column, origin: Origin) -> pa.Array:
    """Return ``values`` (as :func:`parse_json` gave them, None for null) as an Arrow array.

    Raises:
        BadRecord: A value would have to be changed to fit; it names stream, line and property.
    """
    found = set(map(type, values)) - {NoneType}
    if column.type.kind is Kind.JSON:
        values = [None if value is None else dump_json(value) for value in values]
        return pa.array(values, pa.string())
    # The types must be checked first: pyarrow makes 1 of 1.5 where an integer is asked for.
    if found <= _AS_IS.get(column.type.kind, frozenset()):
        try:
            return _build_fast(values, column.type)
        except (pa.ArrowInvalid, OverflowError):
            pass  # the slow way decides, and names the value
    return _build_exact(values, column=column, origin=origin)


def build_times(texts: pa.Array, *, column: Column, origin: Origin) -> pa.Array:
    """Return text as the date or time type of its column.

    Raises:
        BadRecord: A text is none, or would have to be changed; it names stream, line and property.
    """
    if column.type.kind in _CAST:
        try:
            return _check_years(pc.cast(texts, column.type.to_arrow()))
        except pa.ArrowInvalid:
            pass  # the slow way decides, and names the value
    return _build_exact(texts.to_pylist(), column=column, origin=origin)


def read_text(text: str, column_type: ColumnType) -> Any:
    """Return the one value that ``text`` means in a column of this type.

    Raises:
        ValueError: It means none, or one that the column would change.
    """
    return _CONVERTERS[column_type.kind](text, column_type)


def _build_fast(values: Sequence[Any], column_type: ColumnType) -> pa.Array:
    if column_type.kind in _CAST:
        array = pc.cast(pa.array(values, pa.string()), column_type.to_arrow())
        return _check_years(array)
    return pa.array(values, column_type.to_arrow())


def _check_years(array: pa.Array) -> pa.Array:
    """Refuse what Arrow's calendar has beyond the years 1 to 9999; an offset can lead there."""
    instants = array.cast(pa.timestamp("us")) if pa.types.is_date(array.type) else array
    found = pc.min_max(instants.cast(pa.int64()))
    if found["min"].is_valid and not (
        _YEARS[0] <= found["min"].as_py() and found["max"].as_py() <= _YEARS[1]
    ):
        raise pa.ArrowInvalid("a time outside the years 1 to 9999")
    return array


def _build_exact(values: Sequence[Any], *, column: Column, origin: Origin) -> pa.Array:
    convert = _CONVERTERS[column.type.kind]
    exact = []
    for value, line in zip(values, origin.lines, strict=True):
        try:
            exact.append(None if value is None else convert(value, column.type))
        except _ValueRefusedError as refused:
            raise BadRecord(
                f"property {column.property!r} is declared {column.type.kind} and got "
                f"{_describe(value)}: {refused.reason}",
                place=f"line {line}",
                stream=origin.stream,
                fix=refused.fix,
            ) from refused
    return pa.array(exact, column.type.to_arrow())


class _ValueRefusedError(ValueError):
    def __init__(self, reason: str, fix: str = "") -> None:
        self.reason = reason
        self.fix = fix or (
            "Change the property's type in the tap's catalog (Meltano: `schema:` of the plugin)."
        )
        super().__init__(reason)


_DECLARE_DECIMAL = (
    "Give the property a `multipleOf` in the tap's catalog (0.01 keeps two decimal places), "
    "or declare it a string."
)
_NAIVE = "Say `naive_times: assume_utc` for the stream, or declare the property a plain string."


def _integer(value: Any, _: ColumnType) -> int:
    number = _to_decimal(value)
    if number.is_finite() and number == number.to_integral_value():
        # The exponent is looked at first: int(Decimal("1e999999")) would take gigabytes.
        if number.adjusted() < 20 and int(number) in _INT64:
            return int(number)
        raise _ValueRefusedError("it does not fit into 64 bits")
    raise _ValueRefusedError("it is not a whole number")


def _number(value: Any, _: ColumnType) -> float:
    if isinstance(value, float):
        return value
    number = _to_decimal(value)
    if not double_holds(number):
        raise _ValueRefusedError("it has more digits than a double can hold", _DECLARE_DECIMAL)
    return float(number)


def _decimal(value: Any, column_type: ColumnType) -> Decimal:
    number, precision, scale = _to_decimal(value), column_type.precision, column_type.scale
    if fits_decimal(number, precision, scale):
        return number
    if number.adjusted() >= precision - scale:
        raise _ValueRefusedError(f"it does not fit into {precision} digits")
    raise _ValueRefusedError(f"it has more than {scale} decimal places", _DECLARE_DECIMAL)


def fits_decimal(number: Decimal, precision: int, scale: int) -> bool:
    """Tell whether a decimal column holds a number, which is finite, without rounding it."""
    step, context = _find_step(precision, scale)
    try:
        number.quantize(step, context=context)
    except (Inexact, InvalidOperation):
        return False
    return True


@cache
def _find_step(precision: int, scale: int) -> tuple[Decimal, Context]:
    """Return the last digit of a decimal column, and arithmetic that never rounds or overflows."""
    return Decimal(1).scaleb(-scale), Context(prec=precision, traps=[Inexact, InvalidOperation])


def _boolean(value: Any, _: ColumnType) -> bool:
    if isinstance(value, bool):
        return value
    raise _ValueRefusedError("only true and false are booleans")


def _text(value: Any, _: ColumnType) -> str:
    return value if isinstance(value, str) else dump_json(value)


def _timestamp(value: Any, column_type: ColumnType) -> datetime:
    moment = parse_moment(value)
    if moment.tzinfo is None and column_type.naive_times is not NaiveTimes.ASSUME_UTC:
        raise _ValueRefusedError("it has no offset", _NAIVE)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise _ValueRefusedError("in UTC it is outside the years 1 to 9999") from error


def _timestamp_ntz(value: Any, _: ColumnType) -> datetime:
    moment = parse_moment(value)
    if moment.tzinfo is not None:
        raise _ValueRefusedError("the column has no zone, and it has an offset", _NAIVE)
    return moment


def _date(value: Any, _: ColumnType) -> date:
    moment = parse_moment(value)
    if moment.time() != _MIDNIGHT or moment.utcoffset():
        raise _ValueRefusedError("its time of day would be lost")
    return moment.date()


def _time(value: Any, _: ColumnType) -> time:
    if not isinstance(value, str):
        raise _ValueRefusedError("it is not a time")
    text = _trim_fraction(value)
    try:
        clock = time.fromisoformat(text)
    except ValueError as error:
        raise _ValueRefusedError("it is not an ISO 8601 time") from error
    if clock.tzinfo is not None:
        raise _ValueRefusedError("a time column has no offset")
    return clock


def parse_moment(value: Any) -> datetime:
    """Return the time that ISO 8601 text means, with its offset if it has one.

    Raises:
        ValueError: It is no such text, or finer than a microsecond.
    """
    if not isinstance(value, str):
        raise _ValueRefusedError("it is not a date or time")
    text = _trim_fraction(value)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise _ValueRefusedError(
            "it is not an ISO 8601 date or time of the years 1 to 9999"
        ) from error


def _trim_fraction(text: str) -> str:
    """Drop zeros beyond microseconds; fromisoformat would drop other digits silently."""
    match = _FRACTION.search(text)
    if match is None:
        return text
    if match[2].strip("0"):
        raise _ValueRefusedError("it is finer than a microsecond")
    return text[: match.end(1)] + text[match.end() :]


def _to_decimal(value: Any) -> Decimal:
    if isinstance(value, str) and len(value) < 400 and _NUMBER_TEXT.fullmatch(value):
        return Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _ValueRefusedError("it is not a number")
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def _describe(value: Any) -> str:
    text = value if isinstance(value, str) else dump_json(value)
    return f"{_JSON_TYPES.get(type(value), 'a value')} {mask(text)!r}"


_Converter = Callable[[Any, ColumnType], Any]
_CONVERTERS: dict[Kind, _Converter] = {
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.DECIMAL: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.TEXT: _text,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMP_NTZ: _timestamp_ntz,
    Kind.DATE: _date,
    Kind.TIME: _time,
}
# Arrow casts no text to time.
_CAST = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMP_NTZ, Kind.DATE})
_AS_IS: dict[Kind, frozenset[type]] = {
    Kind.INTEGER: frozenset({int}),
    Kind.NUMBER: frozenset({int, float}),
    Kind.BOOLEAN: frozenset({bool}),
    Kind.TEXT: frozenset({str}),
    **dict.fromkeys(_CAST, frozenset({str})),
}
_JSON_TYPES: dict[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    Decimal: "a number",
    str: "a string",
    dict: "an object",
    list: "an array",
}
