"""The type contract's numbers and texts."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pyarrow as pa

from .case import Arrives, Case, Refused, Sent, Way

_INTEGER = {"type": ["integer", "null"]}
_NUMBER = {"type": ["number", "null"]}
_TEXT = {"type": ["string", "null"]}
_TO_64 = "it does not fit into 64 bits"


def tap(outcome: Arrives | Refused, *literals: str | bytes, kind: Any) -> Sent:
    values = tuple(each.encode() if isinstance(each, str) else each for each in literals)
    return Sent(values, outcome, kind)


def rows(outcome: Arrives | Refused, *values: Any, kind: Any = None) -> Sent:
    return Sent(values, outcome, kind)


def table(outcome: Arrives | Refused, kind: pa.DataType, *values: Any) -> Sent:
    return Sent(pa.array(values, kind), outcome)


def exact(step: str) -> dict[str, Any]:
    """Return the JSON Schema of a decimal of 38 digits."""
    return {"type": ["number", "null"], "multipleOf": float(step)}


def number(name: str, title: str, sent: dict[Way, Sent]) -> Case:
    return Case(section="Numbers", name=name, title=title, sent=sent)


def text(name: str, title: str, sent: dict[Way, Sent]) -> Case:
    return Case(section="Texts and bytes", name=name, title=title, sent=sent)


def same(outcome: Arrives, *literals: str, kind: Any, arrow: pa.DataType) -> dict[Way, Sent]:
    """Return values that come the same way everywhere."""
    return {
        Way.TAP: tap(outcome, *literals, kind=kind),
        Way.ROWS: rows(outcome, *outcome.values),
        Way.TABLE: table(outcome, arrow, *outcome.values),
    }


def refused(reasons: tuple[str, ...], masked: str, sent: tuple[Sent, ...]) -> dict[Way, Sent]:
    """Return values that are refused everywhere, for each way's reason."""
    return {
        way: Sent(one.values, Refused(reason, masked), one.kind)
        for way, reason, one in zip(Way, reasons, sent, strict=True)
    }


def _broken() -> pa.Array:
    offsets = pa.py_buffer((0).to_bytes(4, "little") + (3).to_bytes(4, "little"))
    return pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"a\xffb")])


_ANY = Refused("")
_NINES = Decimal("12345678901234567890123456789.123456789")
_WHOLE = Decimal("1" * 38)
_WIDE = "9" * 38
_EDGES = Arrives("BIGINT", (2**63 - 1, -(2**63)))
_DOUBLES = Arrives("DOUBLE", (0.1, 5e-324, 1.7976931348623157e308, -0.0))
_INFINITE = (math.nan, math.inf, -math.inf)
_LONG = "0123456789" * 500_000
_TOO_FINE = Decimal("0.1234567891")

CASES = (
    number(
        "decimal_38",
        "38 digits, 9 of them a fraction",
        same(
            Arrives("DECIMAL(38,9)", (_NINES,)),
            str(_NINES),
            kind=exact("1e-9"),
            arrow=pa.decimal128(38, 9),
        ),
    ),
    number(
        "decimal_whole",
        "38 digits, no fraction, where the source declares them",
        {
            Way.TAP: tap(Arrives("DECIMAL(38,0)", (_WHOLE,)), str(_WHOLE), kind=exact("1")),
            Way.ROWS: rows(
                Arrives("DECIMAL(38,0)", (_WHOLE,)),
                _WHOLE,
                kind={"data_type": "decimal", "precision": 38, "scale": 0},
            ),
            Way.TABLE: table(Arrives("DECIMAL(38,0)", (_WHOLE,)), pa.decimal128(38, 0), _WHOLE),
        },
    ),
    number(
        "decimal_undeclared",
        "38 digits, no fraction, undeclared",
        {
            Way.TAP: tap(
                Refused("it has more digits than a double can hold", _WIDE),
                str(_WHOLE),
                kind=_NUMBER,
            ),
            Way.ROWS: rows(
                Refused("the column is decimal(38,9), and it has more digits", _WIDE), _WHOLE
            ),
        },
    ),
    number(
        "decimal_39",
        "39 digits",
        refused(
            (
                "it does not fit into 38 digits",
                "the column is decimal(38,9), and it has more digits",
                "it does not fit into 38 digits",
            ),
            "9" * 39,
            (
                tap(_ANY, "1" * 39, kind=exact("1")),
                rows(_ANY, Decimal("1" * 39)),
                table(_ANY, pa.decimal256(39, 0), Decimal("1" * 39)),
            ),
        ),
    ),
    number(
        "decimal_fraction",
        "10 decimal places; the tap declares 9",
        {
            Way.TAP: tap(
                Refused("it has more than 9 decimal places", "9.9999999999"),
                str(_TOO_FINE),
                kind=exact("1e-9"),
            ),
            Way.ROWS: rows(
                Refused("the column is decimal(38,9), and it has more digits", "9.9999999999"),
                _TOO_FINE,
            ),
            Way.TABLE: table(
                Arrives("DECIMAL(38,10)", (_TOO_FINE,)), pa.decimal128(38, 10), _TOO_FINE
            ),
        },
    ),
    number(
        "int64",
        "the largest and the smallest of 64 bits",
        same(_EDGES, str(2**63 - 1), str(-(2**63)), kind=_INTEGER, arrow=pa.int64()),
    ),
    number(
        "beyond_int64",
        "2^63",
        refused(
            (_TO_64, _TO_64, _TO_64),
            "9" * 19,
            (
                tap(_ANY, str(2**63), kind=_INTEGER),
                rows(_ANY, 2**63),
                table(_ANY, pa.uint64(), 2**63),
            ),
        ),
    ),
    number(
        "uint64",
        "an unsigned integer below 2^63",
        same(Arrives("BIGINT", (2**63 - 1,)), str(2**63 - 1), kind=_INTEGER, arrow=pa.uint64()),
    ),
    number(
        "double",
        "0.1, the smallest and the largest double, -0.0",
        same(_DOUBLES, *map(repr, _DOUBLES.values), kind=_NUMBER, arrow=pa.float64()),
    ),
    number(
        "not_a_number",
        "NaN",
        {
            Way.TAP: tap(Refused("not JSON", ""), "NaN", kind=_NUMBER),
            Way.ROWS: rows(Refused("dlt would make it NULL", "xxx"), math.nan),
            Way.TABLE: table(Arrives("DOUBLE", (math.nan,)), pa.float64(), math.nan),
        },
    ),
    number(
        "infinity",
        "infinity, and minus infinity",
        {
            Way.TAP: tap(Refused("not JSON", ""), "Infinity", kind=_NUMBER),
            Way.ROWS: rows(Refused("dlt would make it NULL", "xxx"), math.inf),
            Way.TABLE: table(Arrives("DOUBLE", _INFINITE[1:]), pa.float64(), *_INFINITE[1:]),
        },
    ),
    number(
        "truth",
        "true and false",
        same(
            Arrives("BOOLEAN", (True, False)),
            "true",
            "false",
            kind={"type": ["boolean", "null"]},
            arrow=pa.bool_(),
        ),
    ),
    text(
        "empty",
        "an empty text, and null",
        same(Arrives("VARCHAR", ("", None)), '""', "null", kind=_TEXT, arrow=pa.string()),
    ),
    text(
        "nul",
        "a NUL character",
        same(Arrives("VARCHAR", ("a\x00b",)), r'"a\u0000b"', kind=_TEXT, arrow=pa.string()),
    ),
    text(
        "scripts",
        "any script, and emoji",
        same(
            Arrives("VARCHAR", ("日本 größe \U0001f600",)),
            '"日本 größe \U0001f600"',
            kind=_TEXT,
            arrow=pa.string(),
        ),
    ),
    text(
        "private",
        "a character of the private use area, first",
        {
            Way.TAP: tap(Arrives("VARCHAR", ("\uf0267",)), '"\uf0267"', kind=_TEXT),
            Way.ROWS: rows(
                Refused("dlt takes its first character for a mark", "\uf0269"), "\uf0267"
            ),
            Way.TABLE: table(Arrives("VARCHAR", ("\uf0267",)), pa.string(), "\uf0267"),
        },
    ),
    text(
        "long",
        "5 million characters",
        same(Arrives("VARCHAR", (_LONG,)), f'"{_LONG}"', kind=_TEXT, arrow=pa.string()),
    ),
    text(
        "invalid",
        "bytes that are not UTF-8, as text",
        {
            Way.TAP: tap(Refused("not valid UTF-8"), b'"a\xffb"', kind=_TEXT),
            Way.ROWS: rows(Refused("it is no valid UTF-8", "x\udcffx"), "a\udcffb"),
            Way.TABLE: Sent(_broken(), Refused("it is no valid UTF-8", "...")),
        },
    ),
    text(
        "binary",
        "bytes",
        {
            Way.ROWS: rows(Arrives("BLOB", (b"\x00\xff",)), b"\x00\xff"),
            Way.TABLE: table(Arrives("BLOB", (b"\x00\xff",)), pa.binary(), b"\x00\xff"),
        },
    ),
    text(
        "no_bytes",
        "no bytes, which is not null",
        {
            Way.ROWS: rows(Refused("dlt would make text of an empty binary", "x''"), b""),
            Way.TABLE: table(Arrives("BLOB", (b"", None)), pa.binary(), b"", None),
        },
    ),
)
