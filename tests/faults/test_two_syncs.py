"""Two syncs of one connector: one at a time, and who lost the lease loads nothing."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from connector_assets.engines.job import AttemptFolder, note_lease
from connector_assets.ledger.database import Database
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.tables import LEASES
from connector_assets.model import Verdict

from .conftest import NewShop
from .killing import count_rows, live_version
from .processes import find_guard, is_alive, wait_for, wait_until_none
from .shop import LATER, Shop, end, hold

pytestmark = pytest.mark.fault
ALL = {"shop_data.orders": 4, "shop_data.orders__items": 8, "shop_data.visits": 3}


def expire(shop: Shop, row: SyncRow) -> None:
    """Let the lease of a running sync run out, for the ledger and for the worker."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    with Database(shop.load().ledger_url) as database:
        database.write(lambda connection: connection.execute(_expiry(past)).close())
    note_lease(AttemptFolder(path=shop.load().work / row.sync_id / str(row.attempt)), until=0.0)


def _expiry(at: datetime) -> sa.Update:
    return LEASES.update().values(expires_at=at)


def find_errors(shop: Shop, sync_id: str) -> list[str]:
    """Return the types of the errors in a sync's evidence."""
    with shop.ledger() as ledger:
        layers = ledger.syncs.evidence(sync_id).values()
    return [layer["error"]["type"] for layer in layers if "error" in layer]


def test_second_manual_sync_is_refused_with_the_name_of_the_first(new_shop: NewShop) -> None:
    shop = new_shop()
    first, worker = hold(shop, point="end_of_extract")

    code, second = end(shop.start())
    worker.send_signal(signal.SIGCONT)

    assert code == 9
    assert second["error"]["type"] == "LeaseHeld"
    assert second["error"]["connector"] == "shop"
    assert f"pid {first.pid}" in second["error"]["problem"]
    assert shop.last().sync_id in second["error"]["problem"]
    assert end(first)[0] == 0
    assert count_rows(shop) == ALL


def test_second_scheduled_sync_is_skipped_after_its_wait(new_shop: NewShop) -> None:
    shop = new_shop(connector={"max_wait": 1})
    first, worker = hold(shop, point="end_of_extract")
    holder = shop.last().sync_id

    code, second = end(shop.start("--scheduled"))
    worker.send_signal(signal.SIGCONT)

    assert (code, second["verdict"]) == (9, "skipped")
    assert holder in second["cause"]
    assert f"pid {first.pid}" in second["cause"]
    assert end(first)[0] == 0
    assert shop.verdict_of(holder) == "succeeded"
    with shop.ledger() as ledger:
        assert ledger.alerts.pending(environment="dev") == []


def test_second_scheduled_sync_runs_when_the_first_has_ended(new_shop: NewShop) -> None:
    shop = new_shop(connector={"max_wait": 120})
    first, worker = hold(shop, point="end_of_extract")

    second = shop.start("--scheduled")
    assert second.stderr is not None
    words = [second.stderr.readline() for _ in range(2)]
    assert "waiting" in words[-1], words
    worker.send_signal(signal.SIGCONT)

    assert [end(first)[0], end(second)[0]] == [0, 0]
    assert shop.reads() == ["orders", "visits"] * 2
    assert count_rows(shop) == ALL


@pytest.mark.parametrize(
    ("kind", "point", "history"),
    [
        ("duckdb", "end_of_extract", "later"),
        # Between the check of the lease and the COMMIT: only the destination can refuse.
        ("ducklake", "before_commit", "first"),
        pytest.param("duckdb", "end_of_extract", "first", marks=pytest.mark.full),
        pytest.param("ducklake", "before_commit", "later", marks=pytest.mark.full),
    ],
)
def test_expired_lease_whose_owner_wakes_up_loads_nothing(
    kind: str, point: str, history: str, new_shop: NewShop
) -> None:
    shop = new_shop(kind, write="append")
    if history == "later":
        assert shop.sync().verdict is Verdict.SUCCEEDED
        shop.offer(LATER)
    sleeper, worker = hold(shop, point=point)
    row = shop.last()
    sleeper.send_signal(signal.SIGSTOP)
    expire(shop, row)

    other = shop.sync()
    done = shop.dump()
    # First the worker alone: the step that wakes up would find the lease lost, and end it.
    worker.send_signal(signal.SIGCONT)
    wait_for(lambda: not is_alive(worker))
    sleeper.send_signal(signal.SIGCONT)
    code, asleep = end(sleeper)

    assert other.verdict is Verdict.SUCCEEDED
    assert (code, asleep["verdict"]) == (8, "failed")
    assert find_errors(shop, row.sync_id) == ["LeaseLost"]
    assert shop.dump() == done
    assert live_version(shop) == (1 if history == "first" else 2)
    assert shop.verdict_of(other.sync_id) == "succeeded"
    wait_until_none(shop.root)


def test_worker_whose_step_and_guard_are_killed_at_once_loads_nothing(new_shop: NewShop) -> None:
    shop = new_shop()
    sync, worker = hold(shop, point="end_of_extract")
    guard = find_guard(sync.pid)

    # Stopped first, so that none of them can see the other's end.
    guard.suspend()
    sync.kill()
    guard.kill()
    sync.communicate(timeout=60)
    worker.send_signal(signal.SIGCONT)

    wait_until_none(shop.root)
    assert shop.dump() == {}
    assert shop.sync().verdict is Verdict.SUCCEEDED
    assert count_rows(shop) == ALL
