"""Which single values dlt's way of staging rows keeps, and why it would change the others.

dlt writes rows as JSON, reads them back, and fits each value to the type that its column has by
then. On that way NaN becomes NULL, a time loses its offset, " 007" in a column of integers 7 and
2 in a column of booleans true, all without a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from dlt.common.data_types.type_helpers import coerce_value, py_type_to_sc_type
from dlt.common.json import PUA_CHARACTER_MAX, PUA_START, custom_pua_encode
from dlt.common.schema.detections import is_iso_timestamp

from connector_assets.singer.literals import double_holds, parse_json
from connector_assets.singer.types import ColumnType, Kind
from connector_assets.singer.values import read_text

DECLARE = "Declare the column's `data_type` in the source, or make every row send one type."
_ARROW = "Send null instead, or yield Arrow tables, which keep it."
_INT64 = range(-(2**63), 2**63)
#: Text that starts with one of these is taken for a value of another type by dlt.
_FIRST_MARK, _LAST_MARK = chr(PUA_START), chr(PUA_START + PUA_CHARACTER_MAX)
_MIDNIGHT = time()


class ValueRefusedError(ValueError):
    """A value that would arrive as another one: why, and what to do."""

    def __init__(self, reason: str, fix: str = DECLARE) -> None:
        self.reason = reason
        self.fix = fix
        super().__init__(reason)


@dataclass(slots=True, kw_only=True)
class ColumnFit:
    """What a column is to become: dlt's ``data_type``, empty until a value decides.

    ``declared`` is true where the source says so itself: text then takes other values as text.
    """

    kind: str = ""
    declared: bool = False
    precision: int = 38
    scale: int = 9

    def check(self, value: Any) -> None:
        """Refuse a scalar that would arrive changed; the first one decides the column's type.

        What dlt puts into a second column is none of these: the audit gate sees the type change.
        """
        found = kind_of(value)
        if not self.kind:
            self.kind = _infer(value, found)
        if found != self.kind:
            self._check_other(value, found)
        elif found == "decimal":
            self._check_digits(value)

    def _check_digits(self, value: Decimal) -> None:
        kind = ColumnType(kind=Kind.DECIMAL, precision=self.precision, scale=self.scale)
        try:
            read_text(format(value, "f"), kind)
        except ValueError as error:
            raise ValueRefusedError(
                f"the column is {kind}, and it has more digits",
                "Declare `precision` and `scale` of the column, or a `data_type` of text.",
            ) from error

    def _check_other(self, value: Any, found: str) -> None:
        rule = _RULES.get(self.kind)
        if rule is None or (self.kind == "text" and self.declared):
            return
        try:
            coerced = coerce_value(self.kind, found, value)  # type: ignore[arg-type] # dlt's words
        except (ValueError, SyntaxError, ArithmeticError):
            return
        as_text = _TEXT_TYPES.get(self.kind) if isinstance(value, str) else None
        if not (_reads_as(value, coerced, kind=as_text) if as_text else rule(value, coerced)):
            raise ValueRefusedError(f"the column is {self.kind}, and it would become another value")
        if self.kind == "decimal":
            self._check_digits(coerced)


def open_value(value: Any) -> Any:
    """Return what dlt makes of an object that is no plain value: a mapping, text, a number."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    try:
        return custom_pua_encode(value)
    except (TypeError, AttributeError) as error:
        raise ValueRefusedError(f"a {type(value).__name__} is no value of a table") from error


def kind_of(value: Any) -> str:
    """Return dlt's type of a scalar, text for what dlt writes as text; empty for none."""
    try:
        return str(py_type_to_sc_type(type(value)))
    except TypeError:
        return "text"


def check_scalar(value: Any) -> None:
    """Refuse a value that does not survive dlt's JSON, whatever its column is."""
    for kinds, check in _CHECKS:
        if isinstance(value, kinds):
            check(value)
            return


def _infer(value: Any, found: str) -> str:
    return "timestamp" if found == "text" and is_iso_timestamp(str, value) else found


def _check_text(value: str) -> None:
    if _FIRST_MARK <= value[:1] <= _LAST_MARK and len(value) > 1:
        raise ValueRefusedError("dlt takes its first character for a mark", _ARROW)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueRefusedError("it is no valid UTF-8", "Read it in its own encoding.") from error


def _check_integer(value: int) -> None:
    if value not in _INT64:
        raise ValueRefusedError("it does not fit into 64 bits", "Send a Decimal, or text.")


def _check_float(value: float) -> None:
    if value - value != 0:
        raise ValueRefusedError("dlt would make it NULL", _ARROW)


def _check_decimal(value: Decimal) -> None:
    if not value.is_finite():
        raise ValueRefusedError("a decimal column holds numbers only", "Send null instead.")


def _check_bytes(value: bytes) -> None:
    if not value:
        raise ValueRefusedError("dlt would make text of an empty binary", _ARROW)


def _check_moment(value: Any) -> None:
    # pandas: NaT is a datetime that differs from itself, and a Timestamp has nanoseconds.
    if value != value:  # noqa: PLR0124 # the test for such a value
        raise ValueRefusedError("it is no time", "Send null instead.")
    if getattr(value, "nanosecond", 0):
        raise ValueRefusedError("it is finer than a microsecond", "Round it, or send text.")
    try:
        value.astimezone(UTC) if value.tzinfo else None
    except OverflowError as error:
        raise ValueRefusedError("in UTC it is outside the years 1 to 9999") from error


def _check_time(value: time) -> None:
    if value.tzinfo is not None:
        raise ValueRefusedError("a time column has no offset", "Send it as text.")


_CHECKS: tuple[tuple[type | tuple[type, ...], Callable[[Any], None]], ...] = (
    (str, _check_text),
    (bool, lambda _: None),
    (int, _check_integer),
    (float, _check_float),
    (Decimal, _check_decimal),
    (bytes, _check_bytes),
    (datetime, _check_moment),
    (time, _check_time),
)


def _is_number(value: Any, coerced: Any) -> bool:
    if isinstance(coerced, float):
        return double_holds(value)
    fits = isinstance(coerced, Decimal) or coerced in _INT64
    return fits and Decimal(str(value)) == coerced


def _is_date(value: Any, _coerced: Any) -> bool:
    return isinstance(value, datetime) and value.time() == _MIDNIGHT and not value.utcoffset()


def _is_json(value: Any, coerced: Any) -> bool:
    return isinstance(value, str) and bool(parse_json(value.encode()) == coerced)


def _is_never(_value: Any, _coerced: Any) -> bool:
    return False


def _reads_as(value: str, coerced: Any, *, kind: ColumnType) -> bool:
    """Tell whether text means the value that dlt makes of it, by the rules for Singer's text."""
    try:
        exact = read_text(value, kind)
    except ValueError:
        return False
    if isinstance(coerced, datetime) and coerced.tzinfo is None:
        coerced = coerced.replace(tzinfo=UTC)
    return bool(exact == coerced)


#: Per type of a column, whether a value of another type stays what it is when dlt fits it in.
_RULES: dict[str, Callable[[Any, Any], bool]] = {
    "bigint": _is_number,
    "double": _is_number,
    "decimal": _is_number,
    # A date is its midnight; a number could be anything.
    "timestamp": lambda value, _: not isinstance(value, int | float | Decimal),
    "date": _is_date,
    "time": _is_never,
    "text": _is_never,
    "bool": _is_never,
    "binary": _is_never,
    "json": _is_json,
}
_TEXT_TYPES = {
    "bigint": ColumnType(kind=Kind.INTEGER),
    "double": ColumnType(kind=Kind.NUMBER),
    # As wide as text goes: the column's own digits are checked afterwards.
    "decimal": ColumnType(kind=Kind.DECIMAL, precision=1000, scale=500),
    "timestamp": ColumnType(kind=Kind.TIMESTAMP),
    "date": ColumnType(kind=Kind.DATE),
    "time": ColumnType(kind=Kind.TIME),
}
#: A timestamp as nearly every API writes it, which dlt reads exactly.
PLAIN_TIMESTAMP = re.compile(
    r"(?!0001|9999)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])"
    r"[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-][01]\d:[0-5]\d)",
    re.ASCII,
).fullmatch
