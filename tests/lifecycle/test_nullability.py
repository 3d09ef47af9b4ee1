"""A source that says otherwise which columns may be NULL, with rows that need it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.model import DriftKind, Verdict
from connector_assets.project import load_project

pytestmark = pytest.mark.integration
Sync = Callable[..., SyncRow]
LAKE = '  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}'
CONNECTOR = """\
name: shop
engine: dlt
source: sql_database
config: {credentials: "sqlite:///source.sqlite"}
destination: DESTINATION.shop_data
streams:
  orders: {write: append, cursor: updated}
"""


@pytest.fixture(params=["warehouse", "lake"])
def destination(
    request: pytest.FixtureRequest, root: Path, write_project: Callable[..., None]
) -> str:
    name = str(request.param)
    write_project(project=LAKE)
    (root / "connectors" / "shop.yaml").write_text(CONNECTOR.replace("DESTINATION", name))
    change(root, "note TEXT NOT NULL", (3, 30, "a"))
    return name


def change(root: Path, columns: str, *rows: tuple[object, ...]) -> None:
    """Make the source's table anew, with more columns and rows."""
    with closing(sqlite3.connect(root / "source.sqlite")) as database, database:
        database.execute("DROP TABLE orders")
        database.execute(f"CREATE TABLE orders (id INTEGER, updated INTEGER, {columns})")
        marks = ", ".join("?" * len(rows[0]))
        database.executemany(f"INSERT INTO orders VALUES ({marks})", rows)


def read(root: Path, destination: str) -> list[tuple[object, ...]]:
    place = load_project(root).destination(destination)
    with connected(place, secrets={}) as connection:
        return connection.execute("SELECT id, note FROM shop_data.orders ORDER BY id").fetchall()


def test_null_in_a_column_that_was_not_null_is_told_and_loaded(
    root: Path, destination: str, sync: Sync, ledger: Ledger
) -> None:
    sync()
    change(root, "note TEXT", (4, 40, None), (5, 50, "b"))

    row = sync()

    assert row.verdict is Verdict.SUCCEEDED_WITH_DRIFT, row.cause
    kinds = {one.kind for one in ledger.drift.find(environment="dev")}
    assert kinds == {DriftKind.NULLABILITY_CHANGED}
    assert read(root, destination) == [(3, "a"), (4, None), (5, "b")]


def test_column_that_is_new_and_not_null_is_added(root: Path, destination: str, sync: Sync) -> None:
    sync()
    change(root, "note TEXT NOT NULL, extra INTEGER NOT NULL", (4, 40, "b", 7))

    row = sync()

    assert row.verdict is Verdict.SUCCEEDED, row.cause
    assert read(root, destination) == [(3, "a"), (4, "b")]


def test_column_that_was_not_null_and_is_gone_is_told_and_loaded(
    root: Path, destination: str, sync: Sync
) -> None:
    change(root, "note TEXT, extra INTEGER NOT NULL", (3, 30, "a", 1))
    sync()
    change(root, "note TEXT", (4, 40, "b"))

    row = sync()

    assert row.verdict is Verdict.SUCCEEDED_WITH_DRIFT, row.cause
    assert read(root, destination) == [(3, "a"), (4, "b")]
