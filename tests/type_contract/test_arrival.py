"""Each case of the type contract that arrives, through real syncs: it is what was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connector_assets.destinations.connect import quoted
from connector_assets.model import (
    Engine,
    Verdict,
)

from .case import Arrives, Case, Way
from .cases import BY_NAME, find
from .project import DESTINATIONS, Contract, cases, send
from .sources import by_stream

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", params=DESTINATIONS)
def of_dlt(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    contract = Contract(tmp_path_factory.mktemp("dlt"), request.param)
    streams = [
        f"{way.name.lower()}_{stream}"
        for way in (Way.ROWS, Way.TABLE)
        for stream in by_stream(find(way, arrives=True))
    ]
    source = "python:contract_source:contract"
    row = contract.sync(Engine.DLT, source=source, config="{}", streams=streams)
    assert row.verdict is Verdict.SUCCEEDED, row.cause
    with contract.opened() as connection:
        yield connection


@pytest.fixture(scope="module", params=DESTINATIONS)
def of_tap(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    declare_taps: Callable[[Path], None],
) -> Iterator[duckdb.DuckDBPyConnection]:
    contract = Contract(tmp_path_factory.mktemp("tap"), request.param)
    declare_taps(contract.root)
    row = send(contract, find(Way.TAP, arrives=True))
    assert row.verdict is Verdict.SUCCEEDED, row.cause
    with contract.opened() as connection:
        yield connection


@cases(Way.TAP, arrives=True)
def test_value_of_a_tap_arrives(of_tap: duckdb.DuckDBPyConnection, name: str) -> None:
    check_arrival(of_tap, BY_NAME[name], Way.TAP)


@cases(Way.ROWS, arrives=True)
def test_value_of_a_row_arrives(of_dlt: duckdb.DuckDBPyConnection, name: str) -> None:
    check_arrival(of_dlt, BY_NAME[name], Way.ROWS)


@cases(Way.TABLE, arrives=True)
def test_value_of_a_table_arrives(of_dlt: duckdb.DuckDBPyConnection, name: str) -> None:
    check_arrival(of_dlt, BY_NAME[name], Way.TABLE)


def check_arrival(connection: duckdb.DuckDBPyConnection, case: Case, way: Way) -> None:
    expected = case.sent[way].outcome
    assert isinstance(expected, Arrives)
    table = f"{way.name.lower()}_{case.stream}"
    column = expected.column or case.name
    order = "id"
    if column.endswith("[]"):
        table, column, order = f"{table}__{column[:-2]}", "value", "_dlt_list_idx"
    found = connection.execute(
        f"SELECT {quoted(column)}, typeof({quoted(column)}) FROM contract.{quoted(table)}"
        f" ORDER BY {order} LIMIT {len(expected.values)}"
    ).fetchall()
    assert [show(value) for value, _ in found] == [show(value) for value in expected.values]
    assert {kind for _, kind in found} == {expected.type}


def show(value: Any) -> tuple[str, Any]:
    """Return what tells values apart that == does not: NaN and NaN, 0.0 and -0.0, 1 and 1.0."""
    if isinstance(value, datetime) and value.tzinfo:
        value = value.astimezone(UTC)
    return type(value).__name__, repr(value) if isinstance(value, float) else value
