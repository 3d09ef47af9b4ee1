"""A connector that is removed: tables, state, what the ledger keeps, and one of its name."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector_assets.alerting import AlertKind
from connector_assets.destinations.fate import TableFate
from connector_assets.errors import ConfigError, LeaseHeld, StateDivergence
from connector_assets.ledger.alert_records import Pause, SeenIncident
from connector_assets.ledger.audit_records import DriftStatus, ProbeRecord
from connector_assets.lifecycle import undo as undoing
from connector_assets.lifecycle.known import find_connector, list_gone
from connector_assets.lifecycle.lease import take_lease
from connector_assets.lifecycle.removing import count_tables
from connector_assets.model import Verdict

from .leaving import DESTINATIONS, TODAY, Leaving, counts

pytestmark = pytest.mark.integration
NewShop = Callable[..., Leaving]
#: The first sync has written the lock.
FILES = ("locks/shop.json", "connectors/shop.yaml")
PLACES = [
    ("dlt", "duckdb"),
    ("meltano", "ducklake"),
    pytest.param("dlt", "ducklake", marks=pytest.mark.full),
    pytest.param("meltano", "duckdb", marks=pytest.mark.full),
]
KILLS = [
    ("duckdb", "after_commit", "drop"),
    ("ducklake", "after_commit", "archive"),
    ("ducklake", "before_commit", "drop"),
    *(
        pytest.param(*case, marks=pytest.mark.full)
        for case in (
            ("duckdb", "after_commit", "archive"),
            ("duckdb", "before_commit", "archive"),
            ("duckdb", "before_commit", "drop"),
            ("ducklake", "after_commit", "drop"),
            ("ducklake", "before_commit", "archive"),
        )
    ),
]


@pytest.fixture
def new_shop(tmp_path: Path, declare_taps: Callable[[Path], None]) -> NewShop:
    def make(engine: str = "dlt", destination: str = "duckdb") -> Leaving:
        shop = Leaving(tmp_path / "project", engine=engine, destination=destination)
        if engine == "meltano":
            (shop.root / "meltano.yml").write_text("default_environment: dev\n")
            declare_taps(shop.root)
        return shop

    return make


@pytest.mark.parametrize(("engine", "destination"), PLACES)
def test_archived_tables_keep_their_rows_and_one_of_its_name_begins_anew(
    new_shop: NewShop, engine: str, destination: str
) -> None:
    shop = new_shop(engine, destination)
    shop.sync(3)
    before = shop.tables()

    removed = shop.remove(TableFate.ARCHIVE)

    assert shop.tables() == {f"{name}{TODAY}" for name in before}
    assert removed.destination is not None
    assert removed.destination.tables == {name: f"{name}{TODAY}" for name in before}
    assert (removed.version, removed.files) == (2, FILES)
    assert "shop_data_staging" not in shop.datasets()
    row = shop.sync(5)
    assert counts(row) == {"orders": 5, "customers": 5}
    assert (shop.count("orders"), shop.count("customers")) == (5, 5)
    assert (shop.count(f"orders{TODAY}"), shop.count(f"customers{TODAY}")) == (3, 3)
    assert counts(shop.sync(6)) == {"orders": 1, "customers": 1}
    assert [who for _, who in shop.versions()] == ["manual", "manual", "ada", "manual"]


@pytest.mark.parametrize(("engine", "destination"), PLACES)
def test_dropped_tables_go_with_the_dataset_and_one_of_its_name_begins_anew(
    new_shop: NewShop, engine: str, destination: str
) -> None:
    shop = new_shop(engine, destination)
    shop.sync(3)

    removed = shop.remove(TableFate.DROP)

    assert removed.destination is not None
    assert removed.destination.dataset
    assert shop.datasets() == set()
    assert shop.versions() == [(2, "ada"), (1, "manual")]
    row = shop.sync(5)
    assert counts(row) == {"orders": 5, "customers": 5}
    assert (shop.count("orders"), shop.count("customers")) == (5, 5)
    assert shop.versions()[0] == (3, "manual")
    assert counts(shop.sync(6)) == {"orders": 1, "customers": 1}


@pytest.mark.full
@pytest.mark.parametrize("fate", [TableFate.ARCHIVE, TableFate.DROP])
def test_lake_with_its_catalog_on_a_server_is_left_as_others_are(
    new_shop: NewShop, new_postgres_database: Callable[[], str], fate: TableFate
) -> None:
    catalog = new_postgres_database()
    lake = f'{{type: ducklake, catalog: "{catalog}", data_path: data/lake}}'
    shop = new_shop(destination=lake)
    shop.sync(3)

    shop.remove(fate)

    assert counts(shop.sync(5)) == {"orders": 5, "customers": 5}
    archived = {f"orders{TODAY}", f"customers{TODAY}", f"orders__lines{TODAY}"}
    assert shop.tables() >= (archived if fate is TableFate.ARCHIVE else set())
    assert [version for version, _ in shop.versions()] == [3, 2, 1]


def test_kept_tables_are_gone_on_from_by_one_of_its_name(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)

    removed = shop.remove(TableFate.KEEP)

    assert removed.files == FILES
    assert not shop.file.exists()
    assert shop.versions() == [(1, "manual")]
    assert counts(shop.sync(5)) == {"orders": 2, "customers": 2}
    assert shop.count("orders") == 5


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_what_others_have_in_the_dataset_stays_with_the_dataset(
    new_shop: NewShop, destination: str
) -> None:
    shop = new_shop(destination=destination)
    shop.sync(3)
    shop.ask("CREATE TABLE shop_data.mine AS SELECT 7 AS a")
    shop.ask("CREATE VIEW shop_data.last_orders AS SELECT * FROM shop_data.orders")

    removed = shop.remove(TableFate.DROP)

    assert removed.destination is not None
    assert not removed.destination.dataset
    assert removed.destination.readers == ("shop_data.last_orders",)
    assert shop.tables() == {"mine"}
    assert shop.ask("SELECT state_version FROM shop_data._connectors_state") == [(2,)]
    assert counts(shop.sync(2)) == {"orders": 2, "customers": 2}
    assert shop.versions()[0] == (3, "manual")


def test_archived_again_on_one_day_they_get_another_name(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    shop.remove(TableFate.ARCHIVE)
    shop.sync(4)

    shop.remove(TableFate.ARCHIVE)

    orders = sorted(name for name in shop.tables() if name.startswith("orders__archived"))
    assert [shop.count(name) for name in orders] == [3, 4]
    assert orders[0] == f"orders{TODAY}"
    assert len(orders[1]) == len(orders[0]) + len("HHMMSS")


@pytest.mark.parametrize(("destination", "point", "fate"), KILLS)
def test_removal_that_is_killed_is_finished_by_the_next_one(
    new_shop: NewShop, destination: str, point: str, fate: str
) -> None:
    shop = new_shop(destination=destination)
    shop.sync(3)
    words = ("remove", "shop", "--tables", fate, "--yes")
    assert shop.run(*words, fault=f"{point}:kill").returncode == -signal.SIGKILL
    assert shop.file.exists()

    again = shop.run(*words)

    assert again.returncode == 0, again.stderr
    assert not shop.file.exists()
    assert [version for version, _ in shop.versions()] == [2, 1]
    kept = {"customers", "customers__lines", "orders", "orders__lines"}
    assert shop.tables() == ({f"{name}{TODAY}" for name in kept} if fate == "archive" else set())
    assert counts(shop.sync(4)) == {"orders": 4, "customers": 4}


def test_sync_after_a_kill_between_destination_and_ledger_is_not_in_doubt(
    new_shop: NewShop,
) -> None:
    shop = new_shop()
    shop.sync(3)
    shop.run("remove", "shop", "--tables", "archive", "--yes", fault="after_commit:kill")

    row = shop.sync(4)

    assert counts(row) == {"orders": 4, "customers": 4}
    assert [version for version, _ in shop.versions()] == [3, 2, 1]


def test_destination_that_lost_its_rows_is_still_refused(new_shop: NewShop) -> None:
    # As before: nothing but a removal says that there is nothing to go on from.
    shop = new_shop()
    shop.sync(3)
    (shop.root / "data" / "warehouse.duckdb").unlink()

    row = shop.sync(3, verdict=Verdict.FAILED)

    assert row.result["error"]["type"] == StateDivergence.__name__


def test_sync_before_a_removal_cannot_be_undone(new_shop: NewShop) -> None:
    shop = new_shop(destination="ducklake")
    shop.sync(3)
    row = shop.sync(5)
    shop.remove(TableFate.ARCHIVE)

    with closing(shop.ledger) as ledger, pytest.raises(ConfigError, match="has nothing in"):
        undoing.undo(shop.setting(ledger), row.sync_id, who="ada")

    assert shop.count(f"orders{TODAY}") == 5


def test_sync_after_a_removal_is_undone_alone(new_shop: NewShop) -> None:
    shop = new_shop(destination="ducklake")
    shop.sync(3)
    shop.remove(TableFate.ARCHIVE)
    row = shop.sync(5)

    with closing(shop.ledger) as ledger:
        undoing.undo(shop.setting(ledger), row.sync_id, who="ada")

    assert shop.count(f"orders{TODAY}") == 3
    assert "orders" not in shop.tables()
    assert counts(shop.sync(6)) == {"orders": 6, "customers": 6}


def test_pause_incidents_and_undecided_drift_end_with_it(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    shop.sync(0, verdict=Verdict.SUCCEEDED_EMPTY)
    about: dict[str, Any] = {"connector": "shop", "environment": "dev", "at": datetime.now(UTC)}
    with closing(shop.ledger) as ledger:
        ledger.offers.save("shop", environment="dev", streams=["orders"])
        ledger.probes.save(ProbeRecord(probe_id="probe-1", **about))
        ledger.pauses.pause(Pause(who="ada", why="a try", **about))
        about |= {"identity": "x", "cause": "broken", "seen_by": "s"}
        ledger.incidents.note(SeenIncident(kind=AlertKind.FAILED, **about), alert=None)

    shop.remove(TableFate.DROP)

    with closing(shop.ledger) as ledger:
        assert ledger.pauses.active(environment="dev") == {}
        assert ledger.incidents.open(environment="dev") == []
        assert ledger.alerts.pending(environment="dev") == []
        alive = (DriftStatus.OPEN, DriftStatus.RECORDED)
        assert ledger.drift.find(environment="dev", statuses=alive) == []
        assert ledger.batches.last("shop", environment="dev", stream="orders") == []
        assert ledger.offers.find("shop", environment="dev") is None
        assert ledger.probes.last(environment="dev") == {}


def test_its_history_stays_readable_by_its_name_and_ids(new_shop: NewShop) -> None:
    shop = new_shop()
    row = shop.sync(3)
    shop.remove(TableFate.DROP)

    for words in (
        ("logs", row.sync_id),
        ("logs", "shop"),
        ("debug", row.sync_id),
        ("state", "show", "shop", "1"),
    ):
        assert shop.run(*words).returncode == 0, words
    debugged = shop.run("debug", "shop")
    assert "shop is no connector of the project any more" in debugged.stdout
    told = shop.run("state", "log", "shop", "--json")
    assert json.loads(told.stdout)[0]["why"] == "removed: its tables were dropped"
    assert json.loads(shop.run("status", "--json").stdout) == []
    time.sleep(1.1)
    pruned = shop.run("ledger", "prune", "--older", "1s", "--apply")
    assert pruned.returncode == 0, pruned.stderr


def test_one_that_only_the_ledger_knows_is_removed_by_its_last_sync(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    shop.file.unlink()
    with closing(shop.ledger) as ledger:
        setting = shop.setting(ledger)
        assert list_gone(setting) == ["shop"]
        rows = count_tables(setting, find_connector(setting, "shop"))
    assert rows == {"orders": 3, "orders__lines": 6, "customers": 3, "customers__lines": 6}

    removed = shop.remove(TableFate.DROP)

    assert removed.files == FILES[:1]
    assert shop.datasets() == set()


@pytest.mark.parametrize("followed", [True, False], ids=["followed", "not yet"])
def test_renamed_one_is_removed_with_what_it_has_by_its_old_name(
    new_shop: NewShop, followed: bool
) -> None:
    shop = new_shop()
    shop.sync(3)
    shop.rename("store")
    if followed:
        shop.sync(4, name="store")
    with closing(shop.ledger) as ledger:
        setting = shop.setting(ledger)
        rows = count_tables(setting, find_connector(setting, "store"))
    assert rows["orders"] == (4 if followed else 3)

    removed = shop.remove(TableFate.DROP, name="store")

    assert "connectors/shop.yaml" in removed.files
    assert shop.datasets() == set()
    # Neither name stands in the way of one that comes later.
    shop.rename("shop", formerly="")
    assert counts(shop.sync(2)) == {"orders": 2, "customers": 2}


def test_one_with_a_broken_file_is_removed_by_its_last_sync(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    shop.file.write_text(f"{shop.text}nonsense: 1\n")

    removed = shop.remove(TableFate.DROP)

    assert removed.files == FILES
    assert shop.datasets() == set()


def test_removal_is_refused_while_a_sync_runs(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(3)
    with closing(shop.ledger) as ledger:
        setting = shop.setting(ledger)
        connector = setting.project.connector("shop")
        lease = take_lease(setting, connector, sync_id="other", wait=0)
        with pytest.raises(LeaseHeld):
            shop.remove(TableFate.DROP)
        ledger.leases.release(lease)

    assert shop.count("orders") == 3
    assert shop.file.exists()


def test_removal_waits_for_a_decision_on_what_is_held(new_shop: NewShop) -> None:
    shop = new_shop()
    held = shop.sync(0, verdict=Verdict.BLOCKED)

    with pytest.raises(ConfigError, match="is held") as caught:
        shop.remove(TableFate.KEEP)

    assert f"connectors discard {held.sync_id[:8]}" in caught.value.fix
    assert shop.file.exists()
