"""Which single values survive dlt's way of staging rows, whatever their column is.

dlt writes rows as JSON and reads them back. On that way NaN becomes NULL, a time loses its offset,
an empty binary becomes text, all without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from dlt.common.json import PUA_CHARACTER_MAX, PUA_START, custom_pua_encode

DECLARE = "Declare the column's `data_type` in the source, or make every row send one type."
_PLAIN = "Make text of it, or of its parts, in the source."
_ARROW = "Send null instead, or yield Arrow tables, which keep it."
INT64 = range(-(2**63), 2**63)
#: Text that starts with one of these is taken for a value of another type by dlt.
_FIRST_MARK, _LAST_MARK = chr(PUA_START), chr(PUA_START + PUA_CHARACTER_MAX)
_SCALARS = (str, int, float, bytes, date, time, Decimal)


class ValueRefusedError(ValueError):
    """A value that would arrive as another one: why, and what to do."""

    def __init__(self, reason: str, fix: str = DECLARE) -> None:
        self.reason = reason
        self.fix = fix
        super().__init__(reason)


def open_value(value: Any) -> Any:
    """Return what dlt makes of an object that is no plain value: a mapping, text, a number."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    try:
        return custom_pua_encode(value)
    except (TypeError, AttributeError) as error:
        raise ValueRefusedError("a table has no value of its type", _PLAIN) from error


def is_scalar(value: Any) -> bool:
    """Tell whether a value is one that dlt knows as it is."""
    return isinstance(value, _SCALARS) and not isinstance(value, Enum)


def check_json(value: Any) -> None:
    """Check what stays JSON: every scalar of it has to survive, wherever it stands."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            check_scalar(key)
            check_json(each)
    elif isinstance(value, list | tuple):
        for each in value:
            check_json(each)
    elif value is not None:
        check_scalar(value if is_scalar(value) else open_value(value))


def check_scalar(value: Any) -> None:
    """Refuse a value that does not survive dlt's JSON, whatever its column is."""
    for kinds, check in _CHECKS:
        if isinstance(value, kinds):
            check(value)
            return


def survives_as_text(value: str) -> bool:
    """Tell whether dlt's JSON keeps a text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return not _FIRST_MARK <= value[:1] <= _LAST_MARK


def _check_text(value: str) -> None:
    if survives_as_text(value):
        return
    if _FIRST_MARK <= value[:1] <= _LAST_MARK and len(value) > 1:
        raise ValueRefusedError("dlt takes its first character for a mark", _ARROW)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueRefusedError("it is no valid UTF-8", "Read it in its own encoding.") from error


def _check_integer(value: int) -> None:
    if value not in INT64:
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
