"""The rows of a resource, watched: fields, objects, keys and cursors."""

from __future__ import annotations

from typing import Any

import pytest

from connector_assets.audit.drift import Drift
from connector_assets.engines.emission import Emission
from connector_assets.errors import ConfigError, DriftBlocked, FatalSyncError
from connector_assets.model import DriftKind

from .bench import stream


def watch(*rows: dict[str, Any], known: bool = True, **options: Any) -> Emission:
    emission = Emission(stream("orders", **options), known=known, follows="cursor" in options)
    for row in rows:
        emission.take(row)
    return emission


def test_fields_and_those_that_came_as_objects_or_lists() -> None:
    emission = watch({"id": 1, "by": "x"}, {"id": 2, "by": {"name": "x"}, "items": [1], "at": None})

    assert emission.rows == 2
    assert emission.fields == {"id", "by", "items", "at"}
    assert emission.nested == {"by", "items"}


@pytest.mark.parametrize("row", [{"name": "x"}, {"id": None}], ids=["absent", "null"])
def test_row_without_the_key_is_drift_where_the_stream_had_one(row: dict[str, Any]) -> None:
    with pytest.raises(DriftBlocked, match="no value in 'id'") as caught:
        watch({"id": 1}, row, primary_key=("id",))

    assert caught.value.found == (Drift(kind=DriftKind.KEY_REMOVED, stream="orders", old=["id"]),)


def test_row_without_the_key_is_an_error_where_nobody_knows_of_one() -> None:
    with pytest.raises(ConfigError, match="no value in 'id'"):
        watch({"Id No": 1}, known=False, primary_key=("id",))


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("order_id", {"orderId": 1}),
        ("Order Id", {"Order Id": 1}),
        ("meta__id", {"meta": {"id": 1}}),
    ],
    ids=["of another case", "as it is", "inside"],
)
def test_key_is_found_as_its_column_is_called(name: str, row: dict[str, Any]) -> None:
    assert watch(row, row, primary_key=(name,)).rows == 2


@pytest.mark.parametrize(
    "rows",
    [[{"id": 1, "at": 1}], [{"id": 1}, {"id": 2, "at": None}], []],
    ids=["all have it", "none has it", "no row"],
)
def test_cursor_of_all_rows_or_of_none_is_left_to_the_gate(rows: list[dict[str, Any]]) -> None:
    watch(*rows, cursor="at").check_cursor()


def test_cursor_that_some_rows_lack_fails() -> None:
    with pytest.raises(FatalSyncError, match="1 of 2 rows have no value in 'at'"):
        watch({"at": 1}, {"id": 2}, cursor="at").check_cursor()
