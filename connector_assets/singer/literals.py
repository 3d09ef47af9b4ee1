"""JSON parsed with exact numbers: orjson where a double holds every literal, else Decimal."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import orjson

# A literal of up to 15 significant digits and a two-digit exponent survives a double unchanged.
# Long runs are found in a translated copy: ten times faster than a regular expression.
_SHAPE = bytes.maketrans(b"0123456789.E-", b"00000000000e+")
_LONG = b"0" * 16
_FAR = (b"0e000", b"0e+000")
_FAR_NUMBER = re.compile(rb"[:\[,\s]-?[0-9]+(?:\.[0-9]+)?[eE][-+]?[0-9]{3}")
_NUMBER = re.compile(rb"[0-9.]+(?:[eE][-+]?[0-9]+)?")
_QUOTE = ord('"')
_INT64 = range(-(2**63), 2**63)


def parse_json(line: bytes) -> Any:
    """Return the JSON value of ``line``; no number in it is rounded.

    A number is an int, a float whose shortest text has the literal's value, or else a Decimal.

    Raises:
        ValueError: It is not one JSON document in UTF-8; NaN and Infinity are not JSON.
    """
    if _survives(line):
        return orjson.loads(line)
    # The stricter of the two parsers judges every line: json would let lone surrogates through.
    orjson.loads(line)
    return json.loads(line, parse_float=Decimal, parse_int=_parse_int)


def dump_json(value: Any) -> str:
    """Return ``value``, as :func:`parse_json` gave it, as compact JSON text; the order is kept."""
    return orjson.dumps(value, default=_dump_decimal).decode()


def double_holds(value: int | Decimal) -> bool:
    """Whether the double nearest to ``value`` is written, at its shortest, as ``value``."""
    try:
        return Decimal(repr(float(value))) == value
    except OverflowError:
        return False


def keeps_digits(text: bytes) -> bool:
    """Whether doubles hold the digits of every number of JSON text; False if in doubt.

    An exponent of three digits, which can lead beyond what doubles reach, is not looked at.
    """
    return _keeps_digits(text, shape=text.translate(_SHAPE))


def has_far_exponent(text: bytes) -> bool:
    """Whether a number of JSON text has an exponent of three digits or more."""
    return _has_far_exponent(text, shape=text.translate(_SHAPE))


def _survives(line: bytes) -> bool:
    """Whether doubles hold all numbers of ``line``; False if in doubt, which only costs time."""
    shape = line.translate(_SHAPE)
    return not _has_far_exponent(line, shape=shape) and _keeps_digits(line, shape=shape)


def _has_far_exponent(text: bytes, *, shape: bytes) -> bool:
    return (_FAR[0] in shape or _FAR[1] in shape) and _FAR_NUMBER.search(text) is not None


def _keeps_digits(text: bytes, *, shape: bytes) -> bool:
    position = shape.find(_LONG)
    while position >= 0:
        match = _NUMBER.match(text, position)
        # What follows a quote is text; no number does.
        if match is None or (text[position - 1] != _QUOTE and not _is_exact(match[0].decode())):
            return False
        position = shape.find(_LONG, match.end())
    return True


def _is_exact(literal: str) -> bool:
    if literal.isdigit():
        return int(literal) in _INT64
    try:
        return repr(float(literal)) == literal or double_holds(Decimal(literal))
    except (ValueError, ArithmeticError):
        return False


def _parse_int(text: str) -> int | Decimal:
    # orjson writes no integer beyond 64 bits; a Decimal goes out through `default`.
    number = int(text)
    return number if number in _INT64 else Decimal(text)


def _dump_decimal(value: Any) -> orjson.Fragment:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is not a JSON value")
    return orjson.Fragment(str(value).encode())
