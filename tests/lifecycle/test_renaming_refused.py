"""Renames that are refused, come late, or are gone back behind: undo, restore, pauses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.errors import ConfigError, LeaseHeld, StateDivergence
from connector_assets.ledger.alert_records import Pause
from connector_assets.ledger.records import StateVersion
from connector_assets.lifecycle import undo as undoing
from connector_assets.lifecycle.lease import take_lease
from connector_assets.model import Verdict
from connector_assets.project import load_project

from .renamed import Shop, counts, make_shop

pytestmark = pytest.mark.integration
NewShop = Callable[..., Shop]


@pytest.fixture
def new_shop(tmp_path: Path, declare_taps: Callable[[Path], None]) -> NewShop:
    def make(engine: str = "dlt", destination: str = "duckdb") -> Shop:
        shop = make_shop(tmp_path / "project", engine=engine, destination=destination)
        declare_taps(shop.root)
        return shop

    return make


def test_files_of_before_the_rename_load_nothing_beside_it(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    text = shop.file.read_text()
    shop.cli("rename", "shop", "store")
    (shop.root / "connectors" / "store.yaml").unlink()
    shop.write(text, name="shop")

    row = shop.sync(3, Verdict.FAILED)

    assert "shop is called store in this environment" in row.cause
    assert shop.ids("orders") == [1, 2, 3]
    assert shop.known() == [("store",)]
    shop.write(f"{text}renamed_from: store\n", name="shop")
    assert counts(shop.sync(4)) == [("orders", 1), ("customers", 1)]
    assert shop.known() == [("shop",)]


def test_rename_is_refused_while_a_sync_runs_by_either_name(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    with closing(shop.ledger()) as ledger:
        setting = shop.setting(ledger, "dev")
        lease = take_lease(setting, setting.project.connector("shop"), sync_id="other", wait=0)
        assert "is being synced" in shop.cli("rename", "shop", "store", code=LeaseHeld.exit_code)
        assert shop.file.is_file()
        shop.rename_by_hand("store")
        skipped = shop.sync(3, Verdict.SKIPPED, scheduled=True)
        ledger.leases.release(lease)

    assert "is being synced" in skipped.cause
    assert shop.known() == [("shop",)]
    assert counts(shop.sync(4)) == [("orders", 1), ("customers", 1)]


def test_rename_is_refused_while_a_package_is_held(new_shop: NewShop) -> None:
    shop = new_shop()
    held = shop.sync(0, Verdict.BLOCKED)

    told = shop.cli("rename", "shop", "store", code=ConfigError.exit_code)

    assert f"connectors discard {held.sync_id}" in told
    assert shop.file.is_file()
    shop.rename_by_hand("store")
    assert "a package is held of before that" in shop.sync(2, Verdict.FAILED).cause
    shop.cli("discard", held.sync_id)
    assert counts(shop.sync(2)) == [("orders", 2), ("customers", 2)]


def test_name_with_a_history_of_its_own_is_refused(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    text = shop.file.read_text()
    shop.write(
        text.replace("name: shop", "name: store").replace("shop_data", "store_data"), name="store"
    )
    shop.sync(2)
    shop.write(text, name="shop")
    (shop.root / "locks" / "store.json").unlink()

    told = shop.cli("rename", "shop", "store", code=ConfigError.exit_code)

    assert "both have a state here" in told
    assert shop.file.is_file()
    assert shop.known() == [("shop",)]


def test_stream_whose_new_table_has_rows_is_refused(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    text = shop.file.read_text()
    shop.write(text.replace("  orders:", "  purchases:"), name="shop")
    shop.streams = ["purchases", "customers"]
    shop.sync(2)
    shop.write(text, name="shop")
    shop.rename_streams(orders="purchases")

    row = shop.sync(5, Verdict.FAILED)

    assert "both have a table with rows: 9 and 6" in row.cause
    assert shop.tables() >= {"orders", "purchases"}
    with_line = shop.file.read_text()
    shop.write(with_line.replace("renamed_from: orders, ", ""), name="shop")
    shop.cli("clear", "shop", "--stream", "purchases", "--yes")
    shop.write(with_line, name="shop")
    assert counts(shop.sync(5)) == [("purchases", 2), ("customers", 2)]
    assert shop.ids("purchases") == [1, 2, 3, 4, 5]
    assert "orders" not in shop.tables()


def test_sync_before_a_rename_is_not_undone(new_shop: NewShop) -> None:
    shop = new_shop(destination="ducklake")
    old = shop.sync(3)
    shop.cli("rename", "shop", "store")
    shop.name = "store"

    told = shop.cli("undo", old.sync_id, code=ConfigError.exit_code)

    assert f"a rename came after sync {old.sync_id}: renamed from shop" in told
    row = shop.sync(5)
    with closing(shop.ledger()) as ledger:
        undoing.undo(shop.setting(ledger, "dev"), row.sync_id, who="ada")
    assert shop.ids("orders") == [1, 2, 3]
    assert counts(shop.sync(5)) == [("orders", 2), ("customers", 2)]


def test_state_of_before_a_rename_is_restored_by_the_names_of_now(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    shop.sync(5)
    shop.cli("rename", "shop", "store")
    shop.name = "store"
    shop.rename_streams(customers="people")
    shop.sync(6)

    shop.cli("state", "restore", "store", "1", "--why", "rows were wrong")

    assert counts(shop.sync(6)) == [("orders", 3), ("people", 3)]
    text = shop.file.read_text()
    shop.write(text.replace("renamed_from: customers, ", ""), name="store")
    told = shop.cli("state", "restore", "store", "1", "--why", "again", code=ConfigError.exit_code)
    assert "version 1 is of before a rename, and knows 'customers'" in told


def test_connector_that_is_paused_stays_so_under_its_new_name(new_shop: NewShop) -> None:
    shop = new_shop()
    row = shop.sync(3)
    pause = Pause(connector="shop", environment="dev", who="ada", why="holidays", at=row.opened_at)
    with closing(shop.ledger()) as ledger:
        ledger.pauses.pause(pause)
    shop.rename_by_hand("store")

    before = shop.sync(3, Verdict.SKIPPED, scheduled=True)
    shop.sync(3)
    after = shop.sync(3, Verdict.SKIPPED, scheduled=True)

    assert "shop is paused" in before.cause
    assert "store is paused" in after.cause


def test_environment_that_cannot_be_reached_follows_later(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    place = shop.root / "data" / "dev.duckdb"
    with connected(load_project(shop.root).destination("warehouse"), secrets={}):
        told = json.loads(
            subprocess.run(
                [sys.executable, "-m", "connector_assets.cli", "rename", "shop", "store", "--json"],
                cwd=shop.root,
                env={**os.environ, "CONNECTORS_LOCK_WAIT": "1"},
                capture_output=True,
                check=True,
                text=True,
            ).stdout
        )
    shop.name = "store"

    assert place.is_file()
    assert told["followed"] is False
    assert shop.known() == [("shop",)]
    assert counts(shop.sync(4)) == [("orders", 1), ("customers", 1)]
    assert shop.known() == [("store",)]


def test_ledger_that_is_lost_still_follows_from_the_destination(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    for file in (shop.root / ".connectors").glob("ledger.db*"):
        file.unlink()
    shop.rename_by_hand("store")

    row = shop.sync(4)

    assert counts(row) == [("orders", 1), ("customers", 1)]
    assert [one.version for one in shop.versions()] == [3, 2, 1]


def test_destination_that_is_behind_is_not_renamed(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    shop.ask("UPDATE warehouse.shop_data._connectors_state SET state_version = 0")
    shop.sync(3, Verdict.FAILED)
    shop.ask("UPDATE warehouse.shop_data._connectors_state SET state_version = 1")
    with closing(shop.ledger()) as ledger:
        latest = shop.versions()[0]
        ahead = StateVersion(
            connector="shop",
            environment="dev",
            version=2,
            state=latest.state,
            sync_id=None,
            who="ada",
            why="of another destination",
            at=latest.at,
        )
        ledger.states.append(ahead)

    told = shop.cli("rename", "shop", "store", code=StateDivergence.exit_code)

    assert "the ledger knows version 2" in told
    assert shop.file.is_file()
    assert shop.known() == [("shop",)]
