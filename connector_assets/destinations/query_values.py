"""The values of a query as JSON values: exact, or as DuckDB's own text."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

# What a double holds exactly, and so every reader of JSON.
EXACT = 2**53
_PLAIN = {"boolean", "varchar", "blob", "double"}
_INTEGERS = {
    *("tinyint", "smallint", "integer", "bigint", "hugeint"),
    *("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"),
}
_NUMBERS = {*_INTEGERS, "decimal", "double", "float"}
_NESTED = {"list", "array", "struct", "map", "union"}


def is_numeric(kind: str) -> bool:
    """Tell whether a DuckDB type, by its id, is one of numbers."""
    return kind in _NUMBERS


def value_expression(number: int, kind: str) -> str:
    """Return the SQL that fetches a column, by its position from 1, without losing anything."""
    if kind in _PLAIN or kind in _INTEGERS:
        return f"#{number}"
    if kind in _NESTED:
        return f"to_json(#{number})"
    return f"CAST(#{number} AS VARCHAR)"


def value_parser(kind: str) -> Callable[[Any], Any]:
    """Return what makes a JSON value of what :func:`value_expression` fetched; never of None."""
    if kind in _INTEGERS:
        return _parse_integer
    if kind in _NESTED:
        return _parse_nested
    return _PARSERS.get(kind, lambda value: value)


def _parse_integer(value: int) -> int | str:
    return value if -EXACT <= value <= EXACT else str(value)


def _parse_float(value: float | str) -> float | str:
    # JSON has no word for these.
    number = float(value)
    return number if math.isfinite(number) else str(value)


def _parse_nested(text: str) -> Any:
    return json.loads(
        text,
        parse_int=lambda digits: _parse_integer(int(digits)),
        parse_float=_parse_fraction,
        parse_constant=str,
    )


def _parse_fraction(digits: str) -> float | str:
    number = float(digits)
    return number if Decimal(repr(number)) == Decimal(digits) else digits


def _parse_instant(text: str) -> str:
    # 2026-11-22 01:58:03+00; infinity has no offset.
    date, space, time = text.partition(" ")
    if not space or not time[:1].isdigit():
        return text
    return f"{date}T{time}{':00' if time[-3:-2] in '+-' else ''}"


def _parse_timestamp(text: str) -> str:
    date, space, time = text.partition(" ")
    return f"{date}T{time}" if space and time[:1].isdigit() else text


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "blob": lambda value: base64.b64encode(value).decode(),
    "double": _parse_float,
    "float": _parse_float,
    "timestamp": _parse_timestamp,
    "timestamp_s": _parse_timestamp,
    "timestamp_ms": _parse_timestamp,
    "timestamp_ns": _parse_timestamp,
    "timestamp with time zone": _parse_instant,
}
