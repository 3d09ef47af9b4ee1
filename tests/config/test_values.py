"""Durations as people write them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from connector_assets.config_fields import MAX_SECONDS, Seconds, parse_duration

ADAPTER: TypeAdapter[float] = TypeAdapter(Seconds)
COUNTS = st.integers(0, 400)


@settings(max_examples=25, deadline=None)
@given(days=COUNTS, hours=COUNTS, minutes=COUNTS, seconds=COUNTS)
def test_duration_is_the_sum_of_its_parts(
    days: int, hours: int, minutes: int, seconds: int
) -> None:
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds

    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == total
    assert parse_duration(total) == total


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172_800), (0, 0), (1.5, 1.5), ("0s", 0)],
)
def test_duration_is_read(value: object, seconds: float) -> None:
    assert ADAPTER.validate_python(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        "1.5h",
        "1h ",
        "30m1h",
        "soon",
        "-5s",
        "٣h",
        -1,
        True,
        None,
        [1],
        {"s": 1},
        MAX_SECONDS + 1,
        10**400,
        "9" * 400 + "d",
        "9" * 5000 + "d",
        float("inf"),
    ],
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python(value)

    assert caught.value.errors()[0]["type"] == "refused"


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=8) | st.floats() | st.integers() | st.none())
def test_any_value_is_a_duration_or_refused(value: object) -> None:
    with suppress(ValidationError):
        assert 0 <= ADAPTER.validate_python(value) <= MAX_SECONDS
