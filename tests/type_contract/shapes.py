"""The type contract's nested values, columns of several types, and names."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa

from .case import Arrives, Case, Refused, Sent, Way
from .values import rows, table, tap

_OBJECT = {"type": ["object", "null"]}
_LIST = {"type": ["array", "null"]}
_INTEGER = {"type": ["integer", "null"]}
_BOTH = {"type": ["integer", "string", "null"]}
_NESTED = {"a": 1, "b": {"c": "x"}}
_AS_JSON = Arrives("JSON", ('{"a":1,"b":{"c":"x"}}',))
_LIST_JSON = Arrives("JSON", ("[1,2]",))
_DIGITS = '{"n":12345678901234567890}'
_OTHER = "it would become another value"
_SHARED = "it would share the column"


def nested(name: str, title: str, sent: dict[Way, Sent]) -> Case:
    return Case(section="Nested values", name=name, title=title, sent=sent)


def mixed(name: str, title: str, sent: dict[Way, Sent]) -> Case:
    return Case(section="Several types in one column", name=name, title=title, sent=sent)


def named(name: str, title: str, *names: str, column: str = "") -> Case:
    """Return a case of a name that arrives, or of ``names`` that meet in one column."""
    outcome = Arrives("BIGINT", (1,), column)
    return Case(section="Names", name=name, title=title, sent=_ones(outcome, outcome), names=names)


def refused_name(name: str, title: str, reasons: tuple[str, str], *names: str) -> Case:
    """Return a case of names that are refused, for a reason of the tap's, and one of dlt's."""
    outcomes = (Refused(reasons[0]), Refused(reasons[1]))
    return Case(section="Names", name=name, title=title, sent=_ones(*outcomes), names=names)


def _ones(of_tap: Any, of_dlt: Any) -> dict[Way, Sent]:
    return {
        Way.TAP: tap(of_tap, "1", kind=_INTEGER),
        Way.ROWS: rows(of_dlt, 1),
        Way.TABLE: table(of_dlt, pa.int64(), 1),
    }


CASES = (
    nested(
        "object",
        "an object",
        {
            Way.TAP: tap(_AS_JSON, '{"a":1,"b":{"c":"x"}}', kind=_OBJECT),
            Way.ROWS: rows(Arrives("VARCHAR", ("x",), "object__b__c"), _NESTED),
            Way.TABLE: Sent(pa.array([_NESTED]), _AS_JSON),
        },
    ),
    nested(
        "list",
        "a list",
        {
            Way.TAP: tap(_LIST_JSON, "[1,2]", kind=_LIST),
            Way.ROWS: rows(Arrives("BIGINT", (1, 2), "list[]"), [1, 2]),
            Way.TABLE: Sent(pa.array([[1, 2]]), _LIST_JSON),
        },
    ),
    nested(
        "list_or_none",
        "a list, then an empty one",
        {
            Way.TAP: tap(Arrives("JSON", ("[1]", "[]")), "[1]", "[]", kind=_LIST),
            Way.ROWS: rows(Arrives("BIGINT", (1,), "list_or_none[]"), [1], []),
            Way.TABLE: table(Arrives("JSON", ("[1]", "[]")), pa.list_(pa.int64()), [1], []),
        },
    ),
    nested(
        "digits",
        "an object with a number beyond 64 bits",
        {
            Way.TAP: tap(Arrives("JSON", (_DIGITS,)), _DIGITS, kind=_OBJECT),
            Way.ROWS: rows(
                Refused("it does not fit into 64 bits", "9" * 20), {"n": 12345678901234567890}
            ),
            Way.TABLE: Sent(
                pa.array([{"n": 12345678901234567890}], pa.struct([("n", pa.uint64())])),
                Arrives("JSON", (_DIGITS,)),
            ),
        },
    ),
    nested(
        "list_nan",
        "a list with NaN in it",
        {
            Way.TAP: tap(Refused("not JSON"), "[NaN]", kind=_LIST),
            Way.ROWS: rows(Refused("dlt would make it NULL", "xxx"), [1.0, math.nan]),
            Way.TABLE: table(
                Refused("NaN and infinity are not JSON", "..."),
                pa.list_(pa.float64()),
                [1.0, math.nan],
            ),
        },
    ),
    mixed(
        "integer_text",
        "an integer, then a text; the tap declares both",
        {
            Way.TAP: tap(Arrives("JSON", ("1", '"x"')), "1", '"x"', kind=_BOTH),
            Way.ROWS: rows(Arrives("VARCHAR", ("1", "x")), 1, "x"),
        },
    ),
    mixed(
        "text_integer",
        "a text, then an integer; the tap declares both",
        {
            Way.TAP: tap(Arrives("JSON", ('"x"', "1")), '"x"', "1", kind=_BOTH),
            Way.ROWS: rows(Arrives("VARCHAR", ("x", "1")), "x", 1),
        },
    ),
    mixed(
        "integer_lie",
        "an integer, then a text; the tap declares integers",
        {
            Way.TAP: tap(Refused("it is not a number", "x"), "1", '"x"', kind=_INTEGER),
        },
    ),
    mixed(
        "integer_fraction",
        "an integer, then a fraction; the tap declares numbers",
        {
            Way.TAP: tap(
                Arrives("DOUBLE", (1.0, 1.5)), "1", "1.5", kind={"type": ["number", "null"]}
            ),
            Way.ROWS: rows(Arrives("DOUBLE", (1.0, 1.5)), 1, 1.5),
        },
    ),
    mixed(
        "integer_truth",
        "an integer, then true; the tap declares integers",
        {
            Way.TAP: tap(Refused("it is not a number", "xxxx"), "1", "true", kind=_INTEGER),
            Way.ROWS: rows(Arrives("VARCHAR", ("1", "true")), 1, True),
        },
    ),
    mixed(
        "text_truth",
        "a text, then true; the tap declares texts",
        {
            Way.TAP: tap(
                Arrives("VARCHAR", ("x", "true")), '"x"', "true", kind={"type": ["string", "null"]}
            ),
            Way.ROWS: rows(Refused(_OTHER, "xxxx"), "x", True),
        },
    ),
    named("select", "`select`"),
    named("order", "`order`"),
    named("rowid", "`rowid`"),
    named("snapshot_id", "`snapshot_id`, which DuckLake has of its own"),
    named("long_name", "300 characters", "n" * 300, column="n" * 300),
    named("camel", "`unitPrice`, which becomes `unit_price`", "unitPrice", column="unit_price"),
    refused_name(
        "load_id",
        "`_dlt_load_id`",
        ("which is already a column of the platform", "dlt's own columns have such names"),
        "_dlt_load_id",
    ),
    refused_name(
        "case_only",
        "`Name` and `name`",
        ("which is already property 'Name'", _SHARED),
        "Name",
        "name",
    ),
    refused_name(
        "signs_only", "`a-b` and `a_b`", ("which is already property 'a-b'", _SHARED), "a-b", "a_b"
    ),
)
