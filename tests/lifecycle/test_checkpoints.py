"""A sync with checkpoints: committed on the way, each with its position; what stops it loses no row
and doubles none."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.errors import ConnectorError
from connector_assets.faults import VARIABLE
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle import decisions, steps
from connector_assets.lifecycle import undo as undoing
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from connector_assets.project import load_project

pytestmark = pytest.mark.integration
PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, primary_key: id, retries: {max: 0}}
destinations:
  duckdb: {type: duckdb, path: data/warehouse.duckdb}
  ducklake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
"""
CONNECTOR = """\
name: shop
%s
destination: %s.shop_data
commit: {every_rows: 200}
drift: {column_added: block}
streams: {orders: {write: %s, cursor: id}}
"""
ENGINES = {
    "meltano": "engine: meltano\nsource: tap-counts\nconfig: {file: told.json}",
    "dlt": "engine: dlt\nsource: python:counting:orders",
}
#: The same as tests/taps/counts.py, for dlt: pages of 100 rows in the order of the cursor.
SOURCE = """\
import json, pathlib, time
import dlt

@dlt.resource
def orders(number=dlt.sources.incremental("id", initial_value=0, row_order="asc")):
    told = json.loads(pathlib.Path("told.json").read_text())
    coupon_at = told.get("coupon_at", told["rows"] + 1)
    for first in range(number.last_value + 1, told["rows"] + 1, 100):
        page = []
        for number_ in range(first, min(first + 100, told["rows"] + 1)):
            if number_ == told.get("fails_at"):
                raise ValueError("the source is odd")
            if number_ == told.get("waits_at"):
                pathlib.Path("waits").touch()
                time.sleep(60)
            coupon = {"coupon": f"C{number_}"} if number_ >= coupon_at else {}
            page.append({"id": number_, "total": number_ * 2, **coupon})
        yield page
"""
EVERY_ENGINE = pytest.mark.parametrize("engine", ["meltano", "dlt"])


class Shop:
    """The project, synced when its source has so many rows, and does what it is told on the way."""

    def __init__(self, root: Path, ledger: Ledger) -> None:
        self.root, self.ledger = root, ledger

    @property
    def setting(self) -> Setting:
        return Setting(project=load_project(self.root), ledger=self.ledger)

    def write(self, engine: str, *, destination: str = "duckdb", write: str = "append") -> None:
        self.destination = destination
        (self.root / "connectors.yaml").write_text(PROJECT)
        (self.root / "connectors").mkdir(exist_ok=True)
        text = CONNECTOR % (ENGINES[engine], destination, write)
        (self.root / "connectors" / "shop.yaml").write_text(text)
        (self.root / "counting.py").write_text(SOURCE)

    def tell(self, rows: int, **more: Any) -> None:
        (self.root / "told.json").write_text(json.dumps({"rows": rows, **more}))

    def sync(self, rows: int, *, refresh: bool = False, **more: Any) -> SyncRow:
        self.tell(rows, **more)
        setting = self.setting
        request = StartRequest(root_run_id=uuid4().hex, full_refresh=refresh)
        return run_sync(setting, setting.project.connector("shop"), request=request)

    def ids(self) -> list[int]:
        """Return what the table holds, each row as often as it is there."""
        return [one[0] for one in self.query("SELECT id FROM shop_data.orders ORDER BY id")]

    def loads(self) -> list[int]:
        """Return the rows of each transaction that brought any."""
        loads = self.query("SELECT streams FROM shop_data._connectors_loads ORDER BY state_version")
        rows = (sum(each["in_destination"] for each in json.loads(one[0])) for one in loads)
        return [one for one in rows if one]

    def query(self, sql: str) -> list[Any]:
        destination = load_project(self.root).destination(self.destination)
        with connected(destination, secrets={}) as connection:
            return connection.execute(sql).fetchall()

    def position(self) -> Any:
        """Return how far the ledger's newest state says that the stream was read."""
        state = self.ledger.states.latest("shop", environment="dev")
        assert state is not None
        return state


@pytest.fixture
def shop(tmp_path: Path, ledger: Ledger, declare_taps: Callable[[Path], None]) -> Shop:
    declare_taps(tmp_path)
    return Shop(tmp_path, ledger)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def count_to(last: int) -> list[int]:
    return list(range(1, last + 1))


@EVERY_ENGINE
@pytest.mark.parametrize(("destination", "write"), [("duckdb", "append"), ("ducklake", "merge")])
def test_sync_is_committed_on_the_way_and_counts_as_one(
    shop: Shop, engine: str, write: str, destination: str
) -> None:
    shop.write(engine, destination=destination, write=write)

    first = shop.sync(650)
    loads = shop.loads()
    then = shop.sync(700)

    assert (first.verdict, then.verdict) == (Verdict.SUCCEEDED, Verdict.SUCCEEDED), first.cause
    assert loads == [200, 200, 200, 50]
    assert shop.ids() == count_to(700)
    (counts,) = first.result["streams"]
    assert (counts["staged"], counts["in_destination"], counts["total"]) == (650, 650, 650)
    assert first.result["cursors"] == {"orders": 650}


@EVERY_ENGINE
@pytest.mark.parametrize("write", ["append", "merge"])
def test_what_stops_on_the_way_keeps_its_checkpoints_and_the_next_goes_on(
    shop: Shop, engine: str, write: str
) -> None:
    shop.write(engine, write=write)

    stopped = shop.sync(650, fails_at=501)
    there, cursors = shop.ids(), stopped.result["cursors"]
    then = shop.sync(650)

    assert stopped.verdict is Verdict.FAILED
    assert stopped.cause.endswith("; 2 checkpoints stay committed")
    assert "the source is odd" in stopped.cause
    assert stopped.result["arrival"] == "partially_committed"
    assert stopped.result["streams"][0]["in_destination"] == 400
    assert (there, cursors) == (count_to(400), {"orders": 400})
    assert then.verdict is Verdict.SUCCEEDED, then.cause
    assert then.result["streams"][0]["in_destination"] == 250
    assert shop.ids() == count_to(650)


@EVERY_ENGINE
def test_retry_of_the_same_attempt_goes_on_where_it_stopped(shop: Shop, engine: str) -> None:
    shop.write(engine)
    shop.tell(650, fails_at=501)
    setting = shop.setting
    request = StartRequest(root_run_id=uuid4().hex)
    started = steps.start(setting, setting.project.connector("shop"), request=request)
    with pytest.raises(ConnectorError, match="odd"):
        steps.run(setting, started.sync_id)
    shop.tell(650)

    steps.run(setting, started.sync_id)
    steps.finalize(setting, started.sync_id)
    row = steps.status(setting, started.sync_id)

    assert row.verdict is Verdict.SUCCEEDED, row.cause
    assert row.result["streams"][0]["in_destination"] == 650
    assert shop.ids() == count_to(650)


@EVERY_ENGINE
@pytest.mark.parametrize(("point", "left"), [("before_commit", 0), ("after_commit", 200)])
def test_killed_around_a_commit_it_has_the_checkpoint_or_not(
    shop: Shop, engine: str, point: str, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write(engine)
    monkeypatch.setenv(VARIABLE, f"{point}:kill")
    killed = shop.sync(650)
    monkeypatch.delenv(VARIABLE)
    there = shop.ids() if left else []

    then = shop.sync(650)

    assert killed.verdict is Verdict.FAILED
    assert ("1 checkpoint stays committed" in killed.cause) == bool(left)
    assert there == count_to(left)
    assert then.verdict is Verdict.SUCCEEDED, then.cause
    assert shop.ids() == count_to(650)


@EVERY_ENGINE
def test_checkpoint_that_the_gate_refuses_is_held_and_those_before_it_stay(
    shop: Shop, engine: str
) -> None:
    shop.write(engine)
    shop.sync(100)

    blocked = shop.sync(950, coupon_at=520)
    there = shop.ids()
    decisions.approve(shop.setting, "shop", who="ann")
    released = shop.sync(950, coupon_at=520)
    then = shop.sync(950, coupon_at=520)

    assert blocked.verdict is Verdict.BLOCKED
    assert "2 checkpoints stay committed" in blocked.cause
    assert there == count_to(500)
    assert released.verdict is Verdict.SUCCEEDED, released.cause
    # What was read after the refused checkpoint is read by the first of the two, or by the second.
    assert then.verdict in (Verdict.SUCCEEDED, Verdict.SUCCEEDED_EMPTY), then.cause
    assert shop.ids() == count_to(950)
    coupons = shop.query("SELECT count(coupon) FROM shop_data.orders")
    assert coupons == [(431,)]


def test_drift_that_is_let_through_in_one_part_is_told_once(shop: Shop) -> None:
    shop.write("meltano")
    file = shop.root / "connectors" / "shop.yaml"
    file.write_text(file.read_text().replace("column_added: block", "column_added: warn"))
    shop.sync(100)

    row = shop.sync(950, coupon_at=520)

    assert row.verdict is Verdict.SUCCEEDED_WITH_DRIFT, row.cause
    assert row.cause.count("coupon") == 1
    assert len(shop.ledger.drift.find(environment="dev", connector="shop")) == 1


def test_tap_that_replaces_by_versions_is_refused_before_anything_is_committed(shop: Shop) -> None:
    shop.write("meltano")

    row = shop.sync(650, version=1)

    assert row.verdict is Verdict.FAILED
    assert "ACTIVATE_VERSION" in row.cause
    assert row.result["arrival"] == "absent"


@pytest.mark.parametrize(("write", "loads"), [("append", [650]), ("merge", [200, 200, 200, 50])])
def test_appended_rows_wait_for_a_position_and_merged_ones_do_not(
    shop: Shop, write: str, loads: list[int]
) -> None:
    """A tap whose rows are unsorted would send them again: merged twice they are there once."""
    shop.write("meltano", write=write)

    row = shop.sync(650, unsorted=True)

    assert row.verdict is Verdict.SUCCEEDED, row.cause
    assert shop.loads() == loads


def test_sync_that_a_person_stops_keeps_its_checkpoints(shop: Shop) -> None:
    shop.write("dlt")
    shop.tell(650, waits_at=501)
    command = [sys.executable, "-m", "connector_assets.cli", "sync", "shop"]
    with subprocess.Popen(command, cwd=shop.root, stdout=subprocess.DEVNULL) as running:
        while not (shop.root / "waits").exists():
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        code = running.wait(timeout=60)
    (stopped,) = shop.ledger.history.last(environment="dev")
    there = shop.ids()

    then = shop.sync(650)

    assert code == 130
    assert stopped.verdict is Verdict.CANCELLED
    assert stopped.cause == "it was cancelled; 2 checkpoints stay committed"
    assert there == count_to(400)
    assert then.verdict is Verdict.SUCCEEDED, then.cause
    assert shop.ids() == count_to(650)


@EVERY_ENGINE
def test_full_refresh_is_one_transaction(shop: Shop, engine: str) -> None:
    shop.write(engine)
    shop.sync(350)

    row = shop.sync(450, refresh=True)

    assert row.verdict is Verdict.SUCCEEDED, row.cause
    assert shop.loads()[-1] == 450
    assert shop.ids() == count_to(450)


def test_undo_takes_back_all_checkpoints_of_a_sync(shop: Shop) -> None:
    shop.write("meltano", destination="ducklake")
    shop.sync(100)
    row = shop.sync(650)

    undone, _ = undoing.undo(shop.setting, row.sync_id, who="ann")
    there = shop.ids()
    then = shop.sync(650)

    assert undone.verdict is Verdict.CANCELLED
    assert there == count_to(100)
    assert then.verdict is Verdict.SUCCEEDED, then.cause
    assert shop.ids() == count_to(650)


def test_table_of_a_database_is_read_in_the_order_of_its_cursor(shop: Shop) -> None:
    """Rows stand there in another order, and several have one position."""
    shop.write("dlt")
    file = shop.root / "connectors" / "shop.yaml"
    source = (
        "source: sql_database\nconfig: {credentials: 'sqlite:///source.sqlite', chunk_size: 90}"
    )
    text = file.read_text().replace("source: python:counting:orders", source)
    file.write_text(text.replace("cursor: id", "cursor: at"))
    with closing(sqlite3.connect(shop.root / "source.sqlite")) as database, database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, at INTEGER NOT NULL)")
        rows = [(number, (number * 7) % 65 + 1) for number in count_to(650)]
        database.executemany("INSERT INTO orders VALUES (?, ?)", rows)

    row = shop.sync(0)

    assert row.verdict is Verdict.SUCCEEDED, row.cause
    assert shop.ids() == count_to(650)
    assert sum(shop.loads()) == 650
    assert len(shop.loads()) >= 3
