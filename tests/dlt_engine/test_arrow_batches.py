"""Batches gathered into tables, and read ahead of who works on them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pyarrow as pa
import pytest

from connector_assets.engines.arrow_batches import gather, read_ahead


def batch(rows: int, *, width: int = 1) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"text": ["x" * width] * rows})


def test_batches_of_any_size_become_tables_of_a_row_group() -> None:
    batches = [batch(50_000), batch(200_000), batch(0), batch(1)]

    found = [table.num_rows for table in gather(batches)]

    assert found == [122_880, 122_880, 4241]


def test_rows_keep_their_order_where_a_batch_is_divided() -> None:
    batches = (pa.RecordBatch.from_pydict({"n": [*range(at, at + 1000)]}) for at in (0, 1000))

    tables = [*gather(batches, most_bytes=6000)]

    assert [row for table in tables for row in table["n"].to_pylist()] == [*range(2000)]


def test_wide_rows_make_smaller_tables() -> None:
    batches = (batch(10, width=300) for _ in range(4))

    found = [table.num_rows for table in gather(batches, most_bytes=5000)]

    assert found == [20, 20]


def test_no_batches_are_no_tables() -> None:
    assert list(gather([])) == []


def test_the_next_item_is_made_while_one_is_worked_on() -> None:
    made = [threading.Event() for _ in range(3)]

    def make() -> Iterator[int]:
        for at, event in enumerate(made):
            event.set()
            yield at

    items = read_ahead(make())

    assert next(items) == 0
    assert made[1].wait(5)
    assert list(items) == [1, 2]


def test_what_fails_comes_after_what_was_made_before() -> None:
    def make() -> Iterator[int]:
        yield 1
        raise ValueError("late")

    items = read_ahead(make())

    assert next(items) == 1
    with pytest.raises(ValueError, match="late"):
        next(items)


def test_who_stops_early_closes_what_is_read() -> None:
    closed = threading.Event()

    def make() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.set()

    items = read_ahead(make())
    next(items)
    items.close()  # type: ignore[attr-defined] # it is a generator

    assert closed.is_set()
