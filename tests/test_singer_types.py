"""What a JSON Schema property becomes, and that values go in unchanged or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets.errors import BadRecord, ConfigError
from connector_assets.singer.literals import dump_json, parse_json
from connector_assets.singer.types import Column, ColumnType, Kind, parse_columns, parse_type
from connector_assets.singer.values import Origin, build_array

DATE_TIME = {"type": "string", "format": "date-time"}
TEXT_OR_NULL = {"type": ["string", "null"]}


def _safe(value: Any) -> Any:
    """Return ``value`` with integers that JSON writers refuse made Decimals."""
    if isinstance(value, dict):
        return {key: _safe(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_safe(inner) for inner in value]
    wide = isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63
    return Decimal(value) if wide else value


ZONES: st.SearchStrategy[Any] = st.none() | st.integers(-1439, 1439).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def convert(values: list[Any], kind: Kind, *, precision: int = 0, scale: int = 0) -> list[Any]:
    column_type = ColumnType(kind=kind, precision=precision, scale=scale)
    column = Column(property="Field", name="field", type=column_type)
    origin = Origin(stream="s", lines=range(11, 11 + len(values)))
    found: list[Any] = build_array(values, column=column, origin=origin).to_pylist()
    return found


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        pytest.param({"type": "integer"}, Kind.INTEGER, id="integer"),
        pytest.param({"type": ["null", "boolean"]}, Kind.BOOLEAN, id="nullable"),
        pytest.param({"type": "number"}, Kind.NUMBER, id="number"),
        pytest.param({"type": ["integer", "number"]}, Kind.NUMBER, id="two numbers"),
        pytest.param(DATE_TIME, Kind.TIMESTAMP, id="date-time"),
        pytest.param({"type": ["string", "null"], "format": "date"}, Kind.DATE, id="date"),
        pytest.param({"type": "string", "format": "time"}, Kind.TIME, id="time"),
        pytest.param({"type": "string", "format": "uuid"}, Kind.TEXT, id="unknown format"),
        pytest.param({"anyOf": [DATE_TIME, {"type": "null"}]}, Kind.TIMESTAMP, id="anyOf null"),
        pytest.param({"anyOf": [DATE_TIME, TEXT_OR_NULL]}, Kind.TEXT, id="date or any text"),
        pytest.param({"oneOf": [{"type": "object"}, {"type": "string"}]}, Kind.JSON, id="oneOf"),
        pytest.param({"type": ["string", "integer"]}, Kind.JSON, id="text or integer"),
        pytest.param({"type": "array", "items": {}}, Kind.JSON, id="array"),
        pytest.param({}, Kind.JSON, id="empty"),
        pytest.param(True, Kind.JSON, id="true"),
        pytest.param({"type": "null"}, Kind.JSON, id="only null"),
        pytest.param({"$ref": "#/definitions/id"}, Kind.INTEGER, id="reference"),
        pytest.param({"$ref": "#/definitions/loop"}, Kind.JSON, id="circular reference"),
        pytest.param({"$ref": "other.json"}, Kind.JSON, id="reference to elsewhere"),
        pytest.param({"$ref": "#/definitions/nest"}, Kind.JSON, id="nested in itself"),
    ],
)
def test_a_property_becomes_the_kind_that_holds_its_values(definition: Any, kind: Kind) -> None:
    definitions = {
        "id": {"type": "integer"},
        "loop": {"$ref": "#/definitions/loop"},
        "nest": {"anyOf": [{"$ref": "#/definitions/nest"}]},
    }

    assert parse_type(definition, root={"definitions": definitions}).kind is kind


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        pytest.param({"multipleOf": 0.01}, (38, 2), id="scale only"),
        pytest.param({"multipleOf": 1e-05, "maximum": 999}, (8, 5), id="maximum"),
        pytest.param(
            {"multipleOf": 0.01, "exclusiveMaximum": True, "maximum": 1e10, "minimum": -5},
            (12, 2),
            id="draft 4 exclusive",
        ),
        pytest.param(
            {"multipleOf": 0.01, "exclusiveMaximum": 1e10}, (12, 2), id="draft 6 exclusive"
        ),
        pytest.param({"multipleOf": 10}, (38, 0), id="whole"),
        pytest.param({"multipleOf": 1e-38, "maximum": 1e62}, (0, 0), id="too wide stays a double"),
        pytest.param({"multipleOf": 0}, (0, 0), id="zero"),
    ],
)
def test_a_multiple_of_becomes_a_decimal(limits: Any, expected: tuple[int, int]) -> None:
    found = parse_type({"type": ["number", "null"], **limits}, root={})

    assert (found.precision, found.scale) == expected


def test_two_properties_with_one_column_name_are_refused_with_both() -> None:
    schema: dict[str, Any] = {"properties": {"userId": {}, "user_id": {}}}

    with pytest.raises(ConfigError, match=r"'user_id'.*'userId'") as caught:
        parse_columns(schema, stream="s", place="line 1", normalize=lambda _: "user_id")

    assert caught.value.stream == "s"


def test_a_property_with_a_name_of_the_platform_is_refused() -> None:
    with pytest.raises(ConfigError, match="_dlt_load_id"):
        parse_columns({"properties": {"_dlt_load_id": {}}}, stream="s", place="", normalize=str)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.INTEGER, 1.0, 1),
        (Kind.INTEGER, "12", 12),
        (Kind.INTEGER, 2**63 - 1, 2**63 - 1),
        (Kind.NUMBER, 10**20, 1e20),
        (Kind.NUMBER, Decimal("0.1"), 0.1),
        (Kind.NUMBER, "1.5", 1.5),
        (Kind.TEXT, 5, "5"),
        (Kind.TEXT, True, "true"),
        (Kind.TEXT, {"a": Decimal("1.10")}, '{"a":1.10}'),
        (Kind.TEXT, "a\0b", "a\0b"),
        (Kind.JSON, "x", '"x"'),
        (Kind.JSON, [1, None], "[1,null]"),
        (Kind.TIMESTAMP, "2024-01-01T12:00:00+02:00", datetime(2024, 1, 1, 10, tzinfo=UTC)),
        (Kind.TIMESTAMP, "2024-01-01 10:00", datetime(2024, 1, 1, 10, tzinfo=UTC)),
        (Kind.TIMESTAMP, "2024-01-01T10:00:00.0000010Z", datetime(2024, 1, 1, 10, 0, 0, 1, UTC)),
        (Kind.DATE, "2024-02-29T00:00:00Z", datetime(2024, 2, 29).date()),
        (Kind.TIME, "10:11:12.5", datetime(2024, 1, 1, 10, 11, 12, 500_000).time()),
    ],
)
def test_a_value_of_another_form_is_kept(kind: Kind, value: Any, expected: Any) -> None:
    assert convert([None, value], kind) == [None, expected]


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (Kind.INTEGER, 1.5, "whole number"),
        (Kind.INTEGER, True, "not a number"),
        (Kind.INTEGER, 2**63, "64 bits"),
        (Kind.INTEGER, Decimal("1e999999"), "64 bits"),
        (Kind.INTEGER, "1 ", "not a number"),
        (Kind.NUMBER, 2**53 + 1, "more digits"),
        (Kind.NUMBER, Decimal("0.3333333333333333333"), "more digits"),
        (Kind.NUMBER, "NaN", "not a number"),
        (Kind.BOOLEAN, 1, "only true and false"),
        (Kind.TIMESTAMP, "2024-02-30T10:00:00Z", "not an ISO 8601"),
        (Kind.TIMESTAMP, "2024-01-01T10:00:00.1234567Z", "finer than a microsecond"),
        (Kind.TIMESTAMP, 1_700_000_000, "not a date or time"),
        (Kind.TIMESTAMP, "0001-01-01T00:00:00+05:30", "outside the years 1 to 9999"),
        (Kind.TIMESTAMP, "9999-12-31T23:59:59-01:00", "outside the years 1 to 9999"),
        (Kind.DATE, "0000-12-31", "of the years 1 to 9999"),
        (Kind.TIMESTAMP_NTZ, "0000-12-31T00:00:00", "of the years 1 to 9999"),
        (Kind.TIMESTAMP_NTZ, "2024-01-01T10:00:00Z", "it has an offset"),
        (Kind.TIMESTAMP, "infinity", "not an ISO 8601"),
        (Kind.DATE, "2024-02-29T10:00:00Z", "time of day"),
        (Kind.TIME, "10:00:00+02:00", "offset"),
        (Kind.TIME, "10:00:00.0000001", "finer than a microsecond"),
    ],
)
def test_a_value_that_would_change_is_refused(kind: Kind, value: Any, reason: str) -> None:
    with pytest.raises(BadRecord, match=reason) as caught:
        convert([None, value], kind)

    assert (caught.value.place, caught.value.stream) == ("line 12", "s")
    assert "'Field'" in caught.value.problem


def test_a_refused_value_is_shown_masked() -> None:
    with pytest.raises(BadRecord) as caught:
        convert(["born 1970"], Kind.DATE)

    assert "xxxx 9999" in str(caught.value)
    assert "1970" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "fits"),
    [("9.99", True), ("10", False), ("0.001", False), ("-9.990", True), ("0", True)],
)
def test_a_decimal_fits_its_digits_or_is_refused(value: str, fits: bool) -> None:
    try:
        found = convert([Decimal(value)], Kind.DECIMAL, precision=3, scale=2)
    except BadRecord:
        found = []

    assert found == ([Decimal(value)] if fits else [])


@given(
    st.lists(
        st.none()
        | st.integers(-(2**65), 2**65).map(_safe)
        | st.floats(allow_nan=False, allow_infinity=False)
    )
)
def test_numbers_are_exact_or_refused(values: list[Any]) -> None:
    for kind in (Kind.INTEGER, Kind.NUMBER):
        try:
            found = convert(values, kind)
        except BadRecord:
            continue
        assert [None if value is None else Decimal(repr(value)) for value in found] == [
            None if value is None else Decimal(str(value)) for value in values
        ]


@settings(max_examples=50)
@given(st.lists(st.none() | st.decimals(allow_nan=False, allow_infinity=False)))
def test_decimals_are_exact_or_refused(values: list[Decimal | None]) -> None:
    try:
        found = convert(values, Kind.DECIMAL, precision=20, scale=6)
    except BadRecord:
        return

    assert found == values


@settings(max_examples=50)
@given(
    st.lists(
        st.datetimes(
            min_value=datetime(1, 1, 3),
            max_value=datetime(9999, 12, 28),
            timezones=ZONES,
        )
    )
)
def test_instants_are_kept_to_the_microsecond(moments: list[datetime]) -> None:
    found = convert([moment.isoformat() for moment in moments], Kind.TIMESTAMP)

    assert found == [
        moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment for moment in moments
    ]


@given(st.dates(), st.times())
def test_dates_and_times_are_kept(day: Any, clock: Any) -> None:
    assert convert([day.isoformat()], Kind.DATE) == [day]
    assert convert([clock.isoformat()], Kind.TIME) == [clock]


@settings(max_examples=50)
@given(st.lists(JSON_VALUES))
def test_nested_values_are_kept_as_json_text(values: list[Any]) -> None:
    parsed = [parse_json(dump_json(_safe(value)).encode()) for value in values]

    found = convert(parsed, Kind.JSON)

    assert [None if text is None else parse_json(text.encode()) for text in found] == parsed
