"""The gate in a whole sync: what it blocks is held, what a person lets through arrives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.errors import ConfigError, PackageStale
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle import decisions
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.lock import load_lock
from connector_assets.model import DriftKind, Verdict
from connector_assets.project import Project, load_project

pytestmark = pytest.mark.integration

PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, retries: {max: 0}}
destinations:
  warehouse: {type: duckdb, path: data/warehouse.duckdb}
  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
"""
CONNECTOR = """\
name: shop
engine: dlt
source: python:rows_source:orders
destination: %s.shop_data
streams:
  orders: {write: merge, primary_key: id}
"""
# Reads a file, and notes that it was asked.
SOURCE = """\
import json, pathlib
import dlt

@dlt.resource(name="orders")
def orders():
    with open("asked.txt", "a") as asked:
        asked.write("x")
    yield from json.loads(pathlib.Path("rows.json").read_text())
"""
Rows = list[dict[str, Any]]


def usual(count: int = 40) -> Rows:
    return [{"id": number, "total": number, "coupon": f"c{number}"} for number in range(count)]


class Shop:
    """A project whose source is a file of rows."""

    def __init__(self, root: Path, destination: str, ledger: Ledger) -> None:
        self.root, self.ledger, self.destination = root, ledger, destination
        (root / "connectors").mkdir()
        (root / "connectors.yaml").write_text(PROJECT)
        (root / "connectors" / "shop.yaml").write_text(CONNECTOR % destination)
        (root / "rows_source.py").write_text(SOURCE)

    @property
    def project(self) -> Project:
        return load_project(self.root)

    @property
    def setting(self) -> Setting:
        return Setting(project=self.project, ledger=self.ledger)

    @property
    def asked(self) -> int:
        return len((self.root / "asked.txt").read_text())

    def sync(self, rows: Rows) -> SyncRow:
        (self.root / "rows.json").write_text(json.dumps(rows))
        request = StartRequest(root_run_id=uuid4().hex)
        return run_sync(self.setting, self.project.connector("shop"), request=request)

    def query(self, sql: str) -> list[Any]:
        with connected(self.project.destination(self.destination), secrets={}) as connection:
            return connection.execute(sql).fetchall()

    def kinds(self) -> list[str]:
        return [event.kind for event in self.ledger.drift.find(environment="dev")]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / '.connectors' / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture
def build(tmp_path: Path, ledger: Ledger) -> Callable[[str], Shop]:
    return lambda destination: Shop(tmp_path, destination, ledger)


@pytest.fixture
def shop(build: Callable[[str], Shop]) -> Shop:
    return build("warehouse")


def changed(rows: Rows, **values: Any) -> Rows:
    return [{**row, **values} for row in rows]


def without(rows: Rows, name: str) -> Rows:
    return [{key: value for key, value in row.items() if key != name} for row in rows]


def test_first_sync_in_development_writes_the_lock(shop: Shop) -> None:
    shop.sync(usual())

    lock = load_lock("shop", root=shop.root)
    assert lock is not None
    assert sorted(lock.streams["orders"].columns) == ["coupon", "id", "total"]
    assert lock.streams["orders"].primary_key == ("id",)


def test_unchanged_source_opens_nothing(shop: Shop) -> None:
    verdicts = [shop.sync(usual()).verdict for _ in range(2)]

    assert verdicts == [Verdict.SUCCEEDED] * 2
    assert shop.kinds() == []


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        (without(usual(), "coupon"), DriftKind.COLUMN_REMOVED),
        (changed(usual(), coupon=None), DriftKind.COLUMN_EMPTIED),
    ],
    ids=["gone", "null"],
)
def test_column_that_vanishes_is_told_and_loaded(shop: Shop, rows: Rows, kind: DriftKind) -> None:
    shop.sync(usual())

    row = shop.sync(rows)

    assert row.verdict is Verdict.SUCCEEDED_WITH_DRIFT
    assert shop.kinds() == [kind]


@pytest.mark.parametrize("destination", ["warehouse", "lake"])
def test_other_type_is_held_and_arrives_when_it_is_approved(
    build: Callable[[str], Shop], destination: str
) -> None:
    shop = build(destination)
    shop.sync(usual())

    blocked = [shop.sync(changed(usual(), total=f"{word} euros")) for word in ("one", "two")]
    before = shop.query("SELECT DISTINCT typeof(total) FROM shop_data.orders")
    asked = shop.asked
    held = shop.ledger.packages.held(environment="dev")
    decisions.approve(shop.setting, "shop", who="ada")
    released = decisions.release(shop.setting, blocked[-1].sync_id, who="ada")

    assert [row.verdict for row in blocked] == [Verdict.BLOCKED] * 2
    assert before == [("BIGINT",)]
    assert [one.sync_id for one in held] == [blocked[-1].sync_id]
    assert released.verdict is Verdict.SUCCEEDED, released.cause
    assert shop.asked == asked
    found = shop.query("SELECT count(*), min(total), max(typeof(total)) FROM shop_data.orders")
    assert found == [(40, "two euros", "VARCHAR")]
    assert shop.sync(changed(usual(), total="three")).verdict is Verdict.SUCCEEDED


def test_event_shows_how_many_rows_and_their_shape_but_no_value(shop: Shop) -> None:
    shop.sync(usual())

    shop.sync([*usual(38), *changed(usual(2), total="12 euros")])

    (event,) = shop.ledger.drift.find(environment="dev")
    sample = event.sample
    assert sample is not None
    assert (sample["rows"], sample["of"]) == (2, 40)
    assert sample["shown"][0]["total"] == "99 xxxxx"
    assert "12" not in json.dumps(sample["shown"])


def test_approved_emptiness_is_expected_until_values_come_again(shop: Shop) -> None:
    empty = changed(usual(100), coupon=None)
    shop.sync(usual(100))
    shop.sync(empty)

    (event,) = decisions.approve(shop.setting, "shop", who="ada")
    verdicts = [shop.sync(rows).verdict for rows in (empty, usual(100), empty)]

    assert event.kind == DriftKind.COLUMN_EMPTIED
    assert verdicts == [
        Verdict.SUCCEEDED,
        Verdict.SUCCEEDED,
        Verdict.SUCCEEDED_WITH_DRIFT,
    ]
    assert shop.kinds() == [DriftKind.COLUMN_EMPTIED]


def test_other_word_on_naive_times_is_a_change_of_type(shop: Shop) -> None:
    rows = changed(usual(), seen="2024-01-01T10:00:00")
    shop.sync(rows)
    file = shop.root / "connectors" / "shop.yaml"
    text = CONNECTOR % "warehouse"
    file.write_text(text.replace("key: id", "key: id, naive_times: keep_naive"))

    row = shop.sync(rows[:1])
    before = shop.query("SELECT DISTINCT typeof(seen) FROM shop_data.orders")
    kinds = shop.kinds()
    decisions.approve(shop.setting, "shop", who="ada")
    released = decisions.release(shop.setting, row.sync_id, who="ada")

    assert row.verdict is Verdict.BLOCKED
    assert kinds == [DriftKind.TYPE_CHANGED]
    assert before == [("TIMESTAMP WITH TIME ZONE",)]
    assert released.verdict is Verdict.SUCCEEDED, released.cause
    # No type of times holds both kinds: text does, and says which have an offset.
    found = shop.query("SELECT seen FROM shop_data.orders WHERE id < 2 ORDER BY id")
    assert found == [("2024-01-01 10:00:00",), ("2024-01-01 10:00:00+00",)]


def test_wider_type_is_loaded_into_the_same_column(shop: Shop) -> None:
    shop.sync(usual())

    row = shop.sync([*changed(usual(10), total=0.5), {"id": 99, "total": 7, "coupon": "c"}])

    assert row.verdict is Verdict.SUCCEEDED, row.cause
    columns = shop.query(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'orders'"
        " AND schema_name = 'shop_data' AND column_name LIKE 'total%'"
    )
    assert columns == [("total", "DOUBLE")]
    found = shop.query("SELECT id, total FROM shop_data.orders WHERE id IN (3, 30, 99) ORDER BY id")
    assert found == [(3, 0.5), (30, 30.0), (99, 7.0)]


def test_empty_first_read_is_blocked_unless_it_is_allowed(shop: Shop) -> None:
    blocked = shop.sync([])
    file = shop.root / "connectors" / "shop.yaml"
    file.write_text((CONNECTOR % "warehouse").replace("key: id", "key: id, on_empty: allow"))
    allowed = shop.sync([])

    assert blocked.verdict is Verdict.BLOCKED
    assert blocked.cause == "orders is empty, and it was read in full"
    assert allowed.verdict is Verdict.SUCCEEDED_EMPTY


def test_package_that_a_newer_sync_overtook_is_stale(shop: Shop) -> None:
    shop.sync(usual())
    blocked = shop.sync(changed(usual(), total="free"))
    shop.sync(usual())

    with pytest.raises(PackageStale):
        decisions.release(shop.setting, blocked.sync_id, who="ada")


def test_discarded_package_is_gone(shop: Shop) -> None:
    shop.sync(usual())
    blocked = shop.sync(changed(usual(), total="free"))

    held = decisions.discard(shop.setting, blocked.sync_id, who="ada")

    assert not Path(held.place).exists()
    with pytest.raises(ConfigError, match="has a package discarded by ada"):
        decisions.release(shop.setting, blocked.sync_id, who="ada")


def test_release_without_approval_blocks_again_and_stays_held(shop: Shop) -> None:
    shop.sync(usual())
    blocked = shop.sync(changed(usual(), total="free"))

    again = decisions.release(shop.setting, blocked.sync_id, who="ada")

    assert again.verdict is Verdict.BLOCKED
    assert len(shop.ledger.packages.held(environment="dev")) == 1


def test_lock_update_folds_what_was_approved_and_recorded(shop: Shop) -> None:
    shop.sync(usual())
    shop.sync(changed(usual(), extra=1))
    shop.sync(changed(usual(), extra=1, total="free"))
    decisions.approve(shop.setting, "shop", who="ada")

    lock, folded = decisions.renew_lock(shop.setting, "shop")

    assert folded == 2
    columns = lock.streams["orders"].columns
    assert (columns["extra"].type, columns["total"].type) == ("bigint", "text")
