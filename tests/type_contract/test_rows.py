"""Whatever a column gets: what the check lets pass, dlt's own functions leave as it is."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from dlt.common.json import json
from dlt.common.schema import Schema
from dlt.destinations import duckdb
from dlt.normalize.configuration import NormalizeConfiguration
from dlt.normalize.items_normalizers.jsonl import JsonLItemsNormalizer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector_assets.engines.exact_rows import RowCheck
from connector_assets.errors import BadRecord
from connector_assets.model import NaiveTimes, Stream, WriteDisposition

ZONES: Any = st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=30))])
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)
NUMBERS = (
    st.integers(-(2**65), 2**65)
    | st.integers(-3, 3)
    | st.floats()
    | st.decimals(allow_nan=False, places=3, min_value=-(10**20), max_value=10**20)
)
TEXTS = (
    st.text(max_size=3)
    | st.sampled_from([" 007", "1_000", "1e3", "true", "24:00", "2024-02-30", "\uf0261", "0x1"])
    | NUMBERS.map(str)
    | MOMENTS.map(datetime.isoformat)
    | st.dates().map(date.isoformat)
)
SCALARS = NUMBERS | TEXTS | MOMENTS | st.booleans() | st.binary(max_size=2) | st.dates()
SCHEMA = Schema("s")
CONFIG = NormalizeConfiguration(destination_capabilities=duckdb().capabilities())
COLUMNS = st.lists(SCALARS | st.times(), min_size=1, max_size=4)


def checked(values: list[Any], naive_times: NaiveTimes | None = None) -> list[Any]:
    """Return the values that pass in one column, in their order."""
    stream = Stream(name="t", table="t", write=WriteDisposition.APPEND, naive_times=naive_times)
    check = RowCheck(stream, known={}, declared={}, nesting=1000)
    passed = []
    for value in values:
        try:
            check.check({"v": value})
        except BadRecord:
            continue
        passed.append(value)
    return passed


def through_dlt(values: list[Any]) -> list[Any]:
    """Return what dlt makes of the values of one column, a second column's too."""
    unused: Any = None
    schema = SCHEMA.clone()
    normalizer = JsonLItemsNormalizer(unused, unused, unused, schema, "load", CONFIG)
    found = []
    for row in json.typed_loadb(json.typed_dumpb([{"v": value} for value in values])):
        # Its public ways all write files.
        made, update = normalizer._coerce_row("t", unused, row)
        if update:
            schema.update_table(update)
        found.append(next(iter(made.values())))
    return found


@settings(max_examples=200, deadline=None)
@given(COLUMNS)
@example([1, True, "1", 1.5, Decimal("1.5")])
@example([True, 2])
@example(["x", 1, 1.5, True, datetime(2024, 1, 1, tzinfo=UTC)])
@example([1.5, 2**53 + 1])
@example(["2000-01-01T00:00:00", 6.77680361916768e16])
@example([1, "2000-01-01T00:00:00", b"x"])
@example([math.nan, math.inf, b"", "\ud800"])
@example(["2024-01-01T00:00:00Z", "2024-02-30T00:00:00Z", 1_700_000_000, "n/a"])
@example([date(2024, 1, 1), datetime(2024, 1, 1, 5), "2024-01-01"])
def test_what_passes_is_what_dlt_makes(values: list[Any]) -> None:
    passed = checked(values)

    for value, made in zip(passed, through_dlt(passed), strict=True):
        assert means(value, made), (value, made)


@given(st.lists(MOMENTS, min_size=1, max_size=4))
def test_kept_times_of_a_column_are_of_one_kind(moments: list[datetime]) -> None:
    passed = checked(moments, NaiveTimes.KEEP_NAIVE)

    kinds = [moment.tzinfo is None for moment in moments]
    assert passed == [one for one, kind in zip(moments, kinds, strict=True) if kind is kinds[0]]


@given(st.lists(MOMENTS, min_size=1, max_size=4))
def test_rejected_times_are_those_without_an_offset(moments: list[datetime]) -> None:
    passed = checked(moments, NaiveTimes.REJECT)

    assert passed == [moment for moment in moments if moment.tzinfo]


def means(value: Any, made: Any) -> bool:
    """Tell whether two values mean the same; independent of the rules under test."""
    if isinstance(value, bool) or isinstance(made, bool):
        return value is made
    if isinstance(made, datetime):
        return instant(value) == instant(made)
    numbers = int | float | Decimal
    if isinstance(made, numbers) or isinstance(value, numbers):
        return number(value) == number(made)
    if isinstance(value, str) and isinstance(made, date | time):
        return type(made).fromisoformat(value) == made
    return type(value) is type(made) and bool(value == made)


def instant(value: Any) -> datetime:
    if isinstance(value, str):
        found = datetime.fromisoformat(value)
    else:
        found = value if isinstance(value, datetime) else datetime.combine(value, time())
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def number(value: Any) -> Decimal | None:
    if isinstance(value, str) and value != value.strip(" _"):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
