"""Columns that are missed, streams that are silent: alarms that are right, and none that is not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets.audit.presence import Filled, find_arrivals, is_missed, is_silent
from connector_assets.model import Presence

RULE = Presence()
START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("rate", [1.0, 0.31, 0.05])
def test_column_that_vanishes_from_a_large_batch_is_missed(rate: float) -> None:
    history = Filled(rows=10_000, filled=int(10_000 * rate))

    assert is_missed(history, rows=2_000, rule=RULE)


@pytest.mark.parametrize(
    ("history", "rows"),
    [
        (Filled(rows=0, filled=0), 1000),
        (Filled(rows=1000, filled=0), 1000),
        (Filled(rows=3, filled=3), 20),
        (Filled(rows=10_000, filled=10_000), 3),
        (Filled(rows=10_000, filled=50), 100_000),
        (Filled(rows=10_000, filled=500), 100),
    ],
    ids=["new", "always empty", "short history", "small batch", "below the rate", "sparse"],
)
def test_column_is_not_missed_where_it_proves_nothing(history: Filled, rows: int) -> None:
    assert not is_missed(history, rows=rows, rule=RULE)


def test_column_that_was_always_filled_is_missed_in_twenty_rows() -> None:
    assert is_missed(Filled(rows=100, filled=100), rows=20, rule=RULE)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.001, 1.0), st.integers(0, 10_000))
def test_unchanged_source_raises_no_alarm_in_200_syncs(rate: float, seed: int) -> None:
    chance = random.Random(seed)
    rows = filled = 0

    for _ in range(200):
        batch = chance.choice((3, 20, 50, 200))
        values = sum(chance.random() < rate for _ in range(batch))
        alarm = not values and is_missed(Filled(rows=rows, filled=filled), rows=batch, rule=RULE)
        assert not alarm
        rows, filled = rows + batch, filled + values


def times(*hours: float) -> Sequence[datetime]:
    return [START + timedelta(hours=each) for each in hours]


def test_stream_is_silent_after_three_times_its_usual_gap() -> None:
    arrivals = times(0, 24, 48, 72, 96)

    assert not is_silent(arrivals, now=START + timedelta(hours=96 + 72))
    assert is_silent(arrivals, now=START + timedelta(hours=96 + 73))


def test_stream_with_a_short_history_is_never_silent() -> None:
    assert not is_silent(times(0, 1, 2, 3), now=START + timedelta(days=100))


@given(st.permutations([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))
def test_silence_does_not_depend_on_order(hours: list[float]) -> None:
    assert is_silent(times(*hours), now=START + timedelta(hours=9))


def test_only_a_moved_cursor_is_an_arrival() -> None:
    at = times(0, 1, 2, 3, 4, 5)
    positions = ("a", "a", None, "b", "b", "c")

    reads = list(zip(at, positions, strict=True))

    assert find_arrivals(reads) == [at[0], at[3], at[5]]
    assert find_arrivals(reversed(reads)) == [at[0], at[3], at[5]]
