"""Which values a column of dlt's keeps: the type that it has by then, and whether it has a zone.

dlt fits each value to its column: " 007" in a column of integers becomes 7, 2 in a column of
booleans true, a time without an offset an instant, all without a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, TypeAlias

from dlt.common.data_types.type_helpers import coerce_value, py_type_to_sc_type
from dlt.common.schema.detections import is_iso_timestamp

from connector_assets.engines.exact_values import INT64, ValueRefusedError, survives_as_text
from connector_assets.model import NaiveTimes
from connector_assets.singer.literals import double_holds, parse_json
from connector_assets.singer.types import ColumnType, Kind
from connector_assets.singer.values import fits_decimal, parse_moment, read_text

#: The type that a key's values usually have, and a test that all but a few of them pass.
ShortWay: TypeAlias = tuple[type, Callable[[Any], Any]]

_OFFSET = "Give it an offset in the source, or say `naive_times: assume_utc` or `keep_naive`."
_ONE_KIND = "Send times of one kind in a column, or say `naive_times: assume_utc`."
_MIDNIGHT = time()
#: A timestamp as nearly every API writes it, which dlt reads exactly.
_PLAIN_TIMESTAMP = re.compile(
    r"(?!0001|9999)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])"
    r"[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-][01]\d:[0-5]\d)",
    re.ASCII,
).fullmatch


@dataclass(slots=True, kw_only=True)
class ColumnFit:
    """What a column is to become: dlt's ``data_type``, empty until a value decides.

    ``declared``: the source says it; text then takes other values as text. ``known``: the table has
    it from earlier. ``zoned``: whether its times have a zone, None until one decides;
    ``stored_zoned`` what dlt takes them to have.
    """

    name: str
    kind: str = ""
    declared: bool = False
    known: bool = False
    precision: int = 38
    scale: int = 9
    naive_times: NaiveTimes = NaiveTimes.ASSUME_UTC
    zoned: bool | None = None
    stored_zoned: bool = True

    def check(self, value: Any) -> None:
        """Refuse a scalar that would arrive changed; the first one decides the column's type.

        What dlt puts into a second column is none of these: the audit gate sees the type change.
        """
        found = _kind_of(value)
        if not self.kind:
            self.kind = _infer(value, found)
        if found != self.kind:
            self._check_other(value, found)
        elif found == "decimal":
            self._check_digits(value)
        elif found == "timestamp":
            self._check_zone(value)

    def find_short_way(self, value: Any = None) -> ShortWay:
        """Return what values like this one pass by without :meth:`check`."""
        if self.kind == "timestamp":
            if type(value) is str and self.zoned:
                return str, _PLAIN_TIMESTAMP
            return datetime, _CLOCKS[self.zoned and self.naive_times]
        if self.kind == "decimal":
            return Decimal, self._holds
        if self.kind == "text" and type(value) is str and not value.isascii():
            return str, survives_as_text
        return _SHORT_WAYS.get(self.kind, _NO_SHORT_WAY)

    def _holds(self, value: Decimal) -> bool:
        return value.is_finite() and fits_decimal(value, self.precision, self.scale)

    def _check_digits(self, value: Decimal) -> None:
        if not self._holds(value):
            raise ValueRefusedError(
                f"the column is decimal({self.precision},{self.scale}), and it has more digits",
                "Declare `precision` and `scale` of the column, or a `data_type` of text.",
            )

    def _check_zone(self, moment: datetime) -> None:
        naive = moment.tzinfo is None
        if naive and self.naive_times is NaiveTimes.REJECT:
            raise ValueRefusedError("it has no offset", _OFFSET)
        if self.zoned is None:
            self.zoned = not (naive and self.naive_times is NaiveTimes.KEEP_NAIVE)
        elif not self.zoned and not naive:
            raise ValueRefusedError("the column has no zone, and it has an offset", _ONE_KIND)
        elif self.zoned and naive and self.naive_times is NaiveTimes.KEEP_NAIVE:
            raise ValueRefusedError("the column's other times have an offset", _ONE_KIND)

    def _check_other(self, value: Any, found: str) -> None:
        rule = _RULES.get(self.kind)
        if rule is None or (self.kind == "text" and self.declared):
            return
        try:
            coerced = coerce_value(self.kind, found, value)  # type: ignore[arg-type] # dlt's words
        except (ValueError, SyntaxError):
            self._check_second(value, found)
            return
        except (ArithmeticError, OSError) as error:
            # These dlt does not expect: it would fail, and name neither row nor column.
            raise ValueRefusedError(
                f"the column is {self.kind}, and holds no such value"
            ) from error
        if self.kind == "timestamp" and isinstance(value, str | date):
            self._check_zone(_read_moment(value, coerced))
        elif not rule(value, coerced):
            raise ValueRefusedError(f"the column is {self.kind}, and it would become another value")
        if self.kind == "decimal":
            self._check_digits(coerced)

    def _check_second(self, value: Any, found: str) -> None:
        """Refuse what dlt puts into a second column, where both would become text of another form.

        Of columns that the table has, the audit gate decides. In a new one numbers and truths
        become the text of their digits, as they stand in JSON; times and bytes have no such text.
        """
        if isinstance(value, str) and is_iso_timestamp(str, value):
            raise ValueRefusedError(f"the column is {self.kind}, and dlt reads a time there")
        if not self.known and not {self.kind, found} <= _TEXTUAL:
            raise ValueRefusedError(f"the column is {self.kind}, by earlier rows")


def _kind_of(value: Any) -> str:
    """Return dlt's type of a scalar, text for what dlt writes as text; empty for none."""
    try:
        return str(py_type_to_sc_type(type(value)))
    except TypeError:
        return "text"


def _infer(value: Any, found: str) -> str:
    return "timestamp" if found == "text" and is_iso_timestamp(str, value) else found


def _read_moment(value: str | date, coerced: Any) -> datetime:
    """Return the time that text or a date means, where it is the one that dlt makes of it."""
    if not isinstance(value, str):
        return datetime.combine(value, _MIDNIGHT)
    try:
        moment = parse_moment(value)
    except ValueError:
        moment = None
    if moment is None or not _same_moment(moment, coerced):
        raise ValueRefusedError("the column is timestamp, and it would become another value")
    return moment


def _same_moment(one: datetime, other: datetime) -> bool:
    first, second = (
        each.replace(tzinfo=UTC) if each.tzinfo is None else each for each in (one, other)
    )
    return first == second


def _is_number(value: Any, coerced: Any) -> bool:
    """Tell whether a number, or text that is one, is the same number in its column."""
    if isinstance(value, str):
        try:
            value = read_text(value, _NUMBER)
        except ValueError:
            return False
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    if isinstance(coerced, float):
        return isinstance(value, float) or double_holds(value)
    fits = isinstance(coerced, Decimal) or coerced in INT64
    return fits and Decimal(str(value)) == coerced


def _is_date(value: Any, coerced: Any) -> bool:
    if isinstance(value, str):
        return _reads_as(value, coerced, kind=Kind.DATE)
    return isinstance(value, datetime) and value.time() == _MIDNIGHT and not value.utcoffset()


def _is_time(value: Any, coerced: Any) -> bool:
    return isinstance(value, str) and _reads_as(value, coerced, kind=Kind.TIME)


def _is_text(value: Any, coerced: Any) -> bool:
    """Tell whether text says what the value was: a number by its digits, and nothing else does."""
    return (
        not isinstance(value, bool)
        and isinstance(value, int | float | Decimal)
        and Decimal(coerced) == Decimal(str(value))
    )


def _is_json(value: Any, coerced: Any) -> bool:
    return isinstance(value, str) and bool(parse_json(value.encode()) == coerced)


def _is_never(_value: Any, _coerced: Any) -> bool:
    return False


def _reads_as(value: str, coerced: Any, *, kind: Kind) -> bool:
    """Tell whether text means the value that dlt makes of it, by the rules for Singer's text."""
    try:
        return bool(read_text(value, ColumnType(kind=kind)) == coerced)
    except ValueError:
        return False


#: As wide as text goes: the column's own digits are checked afterwards.
_NUMBER = ColumnType(kind=Kind.DECIMAL, precision=1000, scale=500)
#: Per type of a column, whether a value of another type stays what it is when dlt fits it in.
_RULES: dict[str, Callable[[Any, Any], bool]] = {
    "bigint": _is_number,
    "double": _is_number,
    "decimal": _is_number,
    # A number could be seconds, or milliseconds; dates and text have a rule of their own.
    "timestamp": _is_never,
    "date": _is_date,
    "time": _is_time,
    "text": _is_text,
    "bool": _is_never,
    "binary": _is_never,
    "json": _is_json,
}
_TEXTUAL = {"text", "bigint", "double", "decimal", "bool"}
_NO_SHORT_WAY: ShortWay = (type(None), bool)
_SHORT_WAYS: dict[str, ShortWay] = {
    "text": (str, str.isascii),
    # Faster than a range's own answer.
    "bigint": (int, lambda value: -(2**63) <= value < 2**63),
    "double": (float, lambda value: value - value == 0),
    "bool": (bool, lambda _: True),
    "date": (date, lambda _: True),
    "binary": (bytes, bool),
}
#: By what a time without an offset is, where its column's times have a zone.
_CLOCKS: dict[NaiveTimes | bool | None, Callable[[Any], Any]] = {
    NaiveTimes.ASSUME_UTC: lambda value: value.tzinfo is None or value.tzinfo is UTC,
    NaiveTimes.KEEP_NAIVE: lambda value: value.tzinfo is UTC,
    NaiveTimes.REJECT: lambda value: value.tzinfo is UTC,
    False: lambda value: value.tzinfo is None,
    None: lambda _: False,
}
