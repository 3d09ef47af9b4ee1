"""Which type holds what another one holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_assets.audit.widening import is_widening

DECIMALS = st.builds(
    lambda whole, fraction: f"decimal({whole + fraction},{fraction})",
    st.integers(0, 19),
    st.integers(0, 19),
)
TIMES = ["timestamp", "timestamp_ntz", "date", "time"]
PLAIN = st.sampled_from(["bigint", "double", "bool", "text", "json", "binary", "decimal", *TIMES])
TYPES = PLAIN | DECIMALS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bigint", "double"),
        ("bigint", "decimal(19,0)"),
        ("decimal(12,2)", "decimal(14,2)"),
        ("decimal(12,2)", "decimal(13,3)"),
        ("date", "timestamp"),
        ("date", "timestamp_ntz"),
    ],
)
def test_wider_type_holds_every_value(old: str, new: str) -> None:
    assert is_widening(old, new)
    assert not is_widening(new, old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bigint", "text"),
        ("bigint", "decimal(18,0)"),
        ("decimal(12,2)", "decimal(12,3)"),
        ("double", "decimal(38,9)"),
        ("text", "json"),
        ("timestamp", "date"),
        ("bool", "bigint"),
    ],
)
def test_other_type_is_a_change(old: str, new: str) -> None:
    assert not is_widening(old, new)


@given(TYPES, TYPES)
def test_widening_never_goes_both_ways(one: str, other: str) -> None:
    assert not (is_widening(one, other) and is_widening(other, one))


@given(DECIMALS, DECIMALS, DECIMALS)
def test_widening_is_transitive(one: str, two: str, three: str) -> None:
    if is_widening(one, two) and is_widening(two, three):
        assert one == three or is_widening(one, three)
