"""Reads of no rows, or of too few."""

from __future__ import annotations

from typing import Any

import pytest

from connector_assets.audit.rows import Read, refuse_rows
from connector_assets.model import OnEmpty, Stream, WriteDisposition


def stream(write: str = "merge", **rules: Any) -> Stream:
    return Stream(name="orders", table="orders", write=WriteDisposition(write), **rules)


@pytest.mark.parametrize("write", ["append", "replace", "merge"])
@pytest.mark.parametrize("before", [None, 0, 500], ids=["first", "empty", "filled"])
def test_full_read_of_nothing_is_refused_unless_allowed(write: str, before: int | None) -> None:
    read = Read(rows=0, before=before, full=True)

    assert refuse_rows(stream(write), read)
    assert not refuse_rows(stream(write, on_empty=OnEmpty.ALLOW), read)


def test_nothing_new_at_a_cursor_is_fine() -> None:
    declared = stream(cursor="at", min_rows=100, min_share=0.5)

    assert not refuse_rows(declared, Read(rows=0, before=9, full=False))


def test_emptying_a_filled_table_is_named() -> None:
    reason = refuse_rows(stream("replace"), Read(rows=0, before=1_204_551, full=True))

    assert reason == "orders is empty, and would empty a table of 1,204,551 rows"


@pytest.mark.parametrize(("rows", "refused"), [(99, True), (100, False)])
def test_min_rows_is_the_least_that_is_loaded(rows: int, refused: bool) -> None:
    reason = refuse_rows(stream(min_rows=100), Read(rows=rows, before=None, full=True))

    assert bool(reason) is refused


@pytest.mark.parametrize(("rows", "refused"), [(499, True), (500, False)])
def test_min_share_is_one_of_the_last_full_read(rows: int, refused: bool) -> None:
    read = Read(rows=rows, before=1000, full=True, last=1000)

    assert bool(refuse_rows(stream(min_share=0.5), read)) is refused


def test_min_share_without_a_last_read_refuses_nothing() -> None:
    assert not refuse_rows(stream(min_share=0.9), Read(rows=1, before=None, full=True))
