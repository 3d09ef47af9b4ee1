"""Upkeep and undo of a DuckLake: what it may not take away, and what it does not know of."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.destinations.maintain import Lake, Maintained, maintain_lake
from connector_assets.destinations.snapshots import Snapshot, pick_expired
from connector_assets.destinations.stamp import Stamp
from connector_assets.errors import ConfigError, LeaseHeld
from connector_assets.ledger.audit_records import DriftStatus
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle import undo as undoing
from connector_assets.lifecycle.setting import StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.lifecycle.upkeep import Upkeep, maintain
from connector_assets.model import Verdict

from .conftest import NewShop
from .content import Dump, check_consistent, logical
from .shop import FIRST, LATER, Shop, end, hold, order

pytestmark = pytest.mark.integration
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
STAMP = Stamp(project_id="faults", environment="dev")


def without_ours(dump: Dump) -> Dump:
    """Leave out what tells of the loads themselves: it goes on."""
    return {name: rows for name, rows in dump.items() if "._connectors_" not in name}


def take_back(shop: Shop, sync_id: str) -> Verdict | None:
    with shop.setting() as setting:
        return undoing.undo(setting, sync_id, who="ada")[0].verdict


def keep_up(shop: Shop, **more: Any) -> Maintained:
    usual = {"secrets": {}, "stamp": STAMP, "keep": DAY}
    return maintain_lake(Lake(destination=shop.load().destination("lake"), **{**usual, **more}))


def tidy_up(shop: Shop) -> Upkeep:
    with shop.setting() as setting:
        return maintain(setting, undo=DAY, logs=DAY)


def list_orders(shop: Shop) -> set[Path]:
    folder = Path(shop.load().destination("lake").data_path)
    return set((folder / "shop_data" / "orders").glob("*.parquet"))


def describe(shop: Shop) -> list[tuple[Any, ...]]:
    """Return the columns of all tables, staging too: type, and whether they may be NULL."""
    with connected(shop.load().destination("lake"), secrets={}) as connection:
        return connection.execute(
            "SELECT schema_name, table_name, column_name, data_type, is_nullable"
            " FROM duckdb_columns() WHERE database_name = current_database() ORDER BY ALL"
        ).fetchall()


@pytest.mark.parametrize("kind", ["ducklake", "ducklake-duckdb"])
def test_sync_since_the_time_is_undone_to_a_snapshot_that_is_older(
    new_shop: NewShop, kind: str
) -> None:
    shop = new_shop(kind, write="merge")
    for number in range(1, 4):
        rows = [order(n, updated=number) for n in range(number * 20, number * 20 + 15)]
        shop.offer({**FIRST, "orders": rows})
        earlier = shop.sync()
    before, columns = shop.dump(), describe(shop)
    between = datetime.now(UTC)
    new = [{**one, "coupon": "c"} for one in LATER["orders"]]
    shop.offer({**LATER, "orders": new})
    last = shop.sync()
    after, files = shop.dump(), list_orders(shop)

    tidied = tidy_up(shop)
    done = keep_up(shop, keep=datetime.now(UTC) - between, grace=timedelta(minutes=-5))

    assert tidied.flushed_rows > 0
    assert tidied.lakes[0].merged_files > tidied.lakes[0].into_files > 0
    assert min(done.expired, done.removed_files) > 0
    assert len(list_orders(shop)) < len(files)
    assert shop.dump() == after
    assert take_back(shop, last.sync_id) is Verdict.CANCELLED
    assert without_ours(shop.dump()) == without_ours(before)
    assert describe(shop) == columns
    with pytest.raises(ConfigError, match="has expired"):
        take_back(shop, earlier.sync_id)
    assert shop.sync().verdict is last.verdict
    assert logical(shop.dump()) == logical(after)
    check_consistent(shop.dump(), dataset="shop_data")


def test_files_of_others_are_left_and_then_no_file_goes_as_nobodys(new_shop: NewShop) -> None:
    shop = new_shop("ducklake-sqlite")
    shop.sync()
    folder = Path(shop.load().destination("lake").data_path)
    orphan, fresh = (folder / f"ducklake-{n:036d}.parquet" for n in range(2))
    foreign = folder / "mine.parquet"
    for file in (orphan, fresh, foreign):
        file.write_text("rows")
    for file in (orphan, foreign):
        os.utime(file, (0, 0))

    kept = keep_up(shop)
    foreign.unlink()
    within = keep_up(shop, others=(f"{folder}/other",))
    removed = keep_up(shop)

    assert (kept.removed_files, [Path(one).name for one in kept.unknown]) == (0, ["mine.parquet"])
    assert (within.removed_files, within.unknown) == (0, (f"{folder}/other",))
    assert (removed.removed_files, removed.unknown) == (1, ())
    assert (orphan.exists(), fresh.exists()) == (False, True)


def test_rows_left_in_staging_go_unless_a_sync_runs(new_shop: NewShop) -> None:
    shop = new_shop("ducklake-sqlite", write="merge")
    shop.sync()
    with connected(shop.load().destination("lake"), secrets={}) as connection:
        connection.execute(
            "INSERT INTO shop_data_staging.visits BY NAME SELECT * FROM shop_data.visits"
        )
    shop.offer(LATER)
    sync, worker = hold(shop, point="end_of_extract")

    while_it_runs = tidy_up(shop)
    with pytest.raises(LeaseHeld):
        take_back(shop, shop.last().sync_id)
    worker.kill()
    end(sync)
    done, again = tidy_up(shop), tidy_up(shop)

    assert (while_it_runs.emptied, while_it_runs.busy) == (0, ("shop",))
    assert (done.emptied, done.busy, again.emptied) == (1, (), 0)
    assert shop.sync().verdict is Verdict.SUCCEEDED
    assert len(logical(shop.dump())["shop_data.visits"]) == 5


def test_sync_that_ran_again_after_its_undo_is_undone_to_what_came_between(
    new_shop: NewShop,
) -> None:
    shop = new_shop("ducklake-sqlite", write="append")
    again = StartRequest(root_run_id="scheduled")

    def run_again() -> SyncRow:
        with shop.setting() as setting:
            return run_sync(setting, setting.project.connector("shop"), request=again)

    take_back(shop, run_again().sync_id)
    shop.sync()
    between = shop.dump()
    shop.offer(LATER)
    cleared = run_again()
    assert (cleared.attempt, cleared.verdict) == (2, Verdict.SUCCEEDED)
    take_back(shop, cleared.sync_id)

    assert without_ours(shop.dump()) == without_ours(between)


@pytest.mark.fault
def test_undo_of_a_sync_that_the_ledger_does_not_know_the_end_of_raises_the_version(
    new_shop: NewShop,
) -> None:
    shop = new_shop("ducklake-sqlite", write="append")
    shop.sync()
    before = shop.dump()
    shop.offer(LATER)
    sync, worker = hold(shop, point="after_commit")
    sync.kill()
    worker.kill()
    sync.communicate(timeout=60)
    (live,) = shop.dump()["shop_data._connectors_state"]
    assert live["state_version"] == "2"

    assert take_back(shop, shop.last().sync_id) is Verdict.CANCELLED

    (live,) = shop.dump()["shop_data._connectors_state"]
    assert live["state_version"] == "3"
    assert without_ours(shop.dump()) == without_ours(before)
    assert shop.sync().verdict is Verdict.SUCCEEDED
    check_consistent(shop.dump(), dataset="shop_data")


def test_what_an_undone_sync_taught_the_gate_is_forgotten(new_shop: NewShop) -> None:
    shop = new_shop("ducklake-sqlite", write="append")
    shop.sync()
    shop.offer({**LATER, "visits": [{**one, "coupon": "c"} for one in LATER["visits"]]})
    second = shop.sync()

    take_back(shop, second.sync_id)

    with shop.ledger() as ledger:
        batches = ledger.batches.last("shop", environment="dev", stream="visits")
        recorded = ledger.drift.find(environment="dev", statuses=(DriftStatus.RECORDED,))
        gone = ledger.drift.find(environment="dev", statuses=(DriftStatus.GONE,))
    assert [one.sync_id for one in batches if one.sync_id == second.sync_id] == []
    assert recorded == []
    assert [(one.column, one.first_sync_id) for one in gone] == [(("coupon",), second.sync_id)]


@pytest.mark.parametrize(
    ("ages", "expired"),
    [([10, 9, 8], [0, 1]), ([9, 8, 7], [0]), ([9, 8, 1], [0]), ([8, 1], []), ([1, 0], [])],
)
def test_newest_snapshot_before_the_time_stays(ages: list[int], expired: list[int]) -> None:
    snapshots = [Snapshot(id=number, at=NOW - age * DAY) for number, age in enumerate(ages)]

    assert pick_expired(snapshots, before=NOW - 7 * DAY) == expired
