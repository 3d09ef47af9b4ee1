"""``discover``: streams and columns as a table and as JSON, and the lock with its changes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from .conftest import Run

pytestmark = pytest.mark.integration

BASE = """\
name: base
engine: dlt
source: sql_database
config: {credentials: "sqlite:///shop.sqlite"}
destination: lake.base
streams:
  orders: {write: merge, primary_key: id, cursor: at}
"""


@pytest.fixture
def database(project: Path) -> Path:
    """A database in the project, and the connector `base` that reads it."""
    (project / "connectors" / "base.yaml").write_text(BASE)
    file = project / "shop.sqlite"
    execute(file, "CREATE TABLE orders (id INTEGER PRIMARY KEY, at TIMESTAMP NOT NULL, n NUMERIC)")
    execute(file, "CREATE TABLE stores (id INTEGER PRIMARY KEY, name TEXT)")
    return file


def execute(file: Path, statement: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(statement)
    connection.close()


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_discover_shows_streams_and_columns(run: Run, database: Path) -> None:
    ran = run("discover", "base")

    assert (ran.code, ran.err) == (0, "")
    assert lines(ran.out) == [
        "orders -> lake.base.orders",
        "column type null",
        "at timestamp_ntz no cursor",
        "id bigint yes key",
        "n decimal(38,9) yes",
        "not in connectors/base.yaml:",
        "stores 2 columns key id",
        "locks/base.json: there is none yet",
        "next: connectors discover base --lock",
    ]


def test_discover_writes_the_lock_of_declared_streams(run: Run, database: Path) -> None:
    ran = run("discover", "base", "--lock")

    assert lines(ran.out)[-1] == "locks/base.json: written"
    lock = json.loads((database.parent / "locks" / "base.json").read_text())
    assert list(lock["streams"]) == ["orders"]
    assert lock["streams"]["orders"]["cursor"] == "at"
    assert lines(run("discover", "base").out)[-1] == "locks/base.json: nothing has changed"


def test_discover_says_what_changed_against_the_lock(run: Run, database: Path) -> None:
    run("discover", "base", "--lock")
    execute(database, "ALTER TABLE orders ADD COLUMN coupon TEXT")

    seen = run("discover", "base")
    written = run("discover", "base", "--lock", "--json")

    assert lines(seen.out)[-3:] == [
        "locks/base.json: differs, 1 change",
        "orders.coupon column_added: text",
        "next: connectors discover base --lock",
    ]
    assert written.json["lock"] == {
        "file": "locks/base.json",
        "written": True,
        "changes": ["orders.coupon column_added: text"],
    }


def test_discover_prints_one_json_object(run: Run, database: Path) -> None:
    found = run("discover", "base", "--json").json

    assert found["connector"] == "base"
    orders, stores = found["streams"]
    assert (orders["stream"], orders["declared"], orders["sampled"]) == ("orders", True, False)
    assert orders["columns"]["at"] == {"type": "timestamp_ntz", "nullable": False}
    assert (stores["stream"], stores["declared"]) == ("stores", False)
    assert (orders["primary_key"], orders["cursor"]) == (["id"], "at")


def test_discover_without_its_secret_says_which_and_asks_nobody(run: Run, project: Path) -> None:
    ran = run("discover", "shop", "--json")

    assert (ran.code, ran.error["type"]) == (4, "CredentialError")
    assert "SHOP_PASSWORD" in ran.error["problem"]


def test_discover_of_a_source_that_fails_writes_no_lock(run: Run, database: Path) -> None:
    execute(database, "DROP TABLE orders")

    ran = run("discover", "base", "--lock", "--json")

    assert (ran.code, ran.error["stream"]) == (3, "orders")
    assert not (database.parent / "locks").exists()


def test_discover_of_a_tap_without_a_meltano_project_is_refused(run: Run, project: Path) -> None:
    ran = run("discover", "stock", "--json")

    assert (ran.code, ran.error["connector"]) == (3, "stock")
    assert "there is no meltano.yml" in ran.error["problem"]
