"""A state that is changed by hand: destination and ledger together, and what a sync then reads."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.errors import (
    ConfigError,
    LeaseHeld,
    PackageStale,
    StateConflict,
    StateDivergence,
)
from connector_assets.faults import VARIABLE
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle import decisions
from connector_assets.lifecycle import undo as undoing
from connector_assets.lifecycle.clearing import clear, count_loaded
from connector_assets.lifecycle.lease import take_lease
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.state_changes import Changed, StateChange, change_state
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from connector_assets.positions import list_positions, set_position, take_positions
from connector_assets.project import load_project

pytestmark = pytest.mark.integration
DESTINATIONS = {
    "duckdb": "{type: duckdb, path: data/warehouse.duckdb}",
    "ducklake": '{type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}',
}
ENGINES = {
    "meltano": "engine: meltano\nsource: tap-well-behaved\nconfig: {streams_file: rows.json}",
    "dlt": "engine: dlt\nsource: python:rows_source:source",
}
PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, primary_key: id, cursor: id, retries: {max: 0}}
destinations: {warehouse: %s}
"""
CONNECTOR = """\
name: shop
%s
destination: warehouse.shop_data
streams: {orders: {write: append}, customers: {write: merge}}
"""
SOURCE = """\
import json, pathlib
import dlt

def table(name):
    def rows():
        last = json.loads(pathlib.Path("rows.json").read_text())[name]
        for number in range(1, last + 1):
            yield {"id": number, "lines": [{"line": 1}, {"line": 2}]}
    return dlt.resource(rows, name=name)

def source():
    return [table(name) for name in json.loads(pathlib.Path("rows.json").read_text())]
"""


class Shop:
    """A project with two streams, and its ledger."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def ledger(self) -> Ledger:
        return Ledger.open(f"sqlite:///{self.root / '.connectors' / 'ledger.db'}")

    def sync(self, rows: int, verdict: Verdict = Verdict.SUCCEEDED) -> SyncRow:
        (self.root / "rows.json").write_text(json.dumps({"orders": rows, "customers": rows}))
        with closing(self.ledger) as ledger:
            setting = Setting(project=load_project(self.root), ledger=ledger)
            asked = StartRequest(root_run_id=uuid4().hex)
            row = run_sync(setting, setting.project.connector("shop"), request=asked)
        assert row.verdict is verdict, row.cause
        return row

    def change(self, **change: Any) -> Changed:
        about = {"who": "ada", "why": "a try", **change}
        with closing(self.ledger) as ledger:
            setting = Setting(project=load_project(self.root), ledger=ledger)
            connector = setting.project.connector("shop")
            return change_state(setting, connector, change=StateChange(**about))

    def restore(self, version: int, **change: Any) -> Changed:
        with closing(self.ledger) as ledger:
            old = ledger.states.find("shop", environment="dev", version=version).state
        return self.change(make=lambda state: take_positions(state, of=old), **change)

    def versions(self) -> list[tuple[int, str]]:
        with closing(self.ledger) as ledger:
            known = ledger.states.versions("shop", environment="dev")
        return [(one.version, one.who) for one in known]

    def position(self) -> dict[str, Any]:
        """Return what the ledger has, which is what the destination has."""
        with closing(self.ledger) as ledger:
            latest = ledger.states.latest("shop", environment="dev")
        assert latest is not None
        live = self.ask("SELECT state_version FROM warehouse.shop_data._connectors_state")
        assert live == [(latest.version,)]
        found = list_positions(latest.state)
        return {name: found[name] for name in ("orders", "customers") if name in found}

    def ask(self, sql: str) -> list[Any]:
        with connected(load_project(self.root).destination("warehouse"), secrets={}) as connection:
            return connection.execute(sql).fetchall()

    def loaded(self, stream: str, row: SyncRow) -> list[int]:
        """Return the rows that are there of a sync's load, or that came anew with it."""
        found = self.ask(
            f"SELECT id FROM warehouse.shop_data.{stream} WHERE _dlt_load_id IN (SELECT"
            " unnest(from_json(load_ids, '[\"VARCHAR\"]')) FROM"
            f" warehouse.shop_data._connectors_loads WHERE sync_id = '{row.sync_id}') ORDER BY id"
        )
        return [number for (number,) in found]

    def ids(self, stream: str) -> list[int]:
        found = self.ask(f"SELECT id FROM warehouse.shop_data.{stream} ORDER BY id")
        return [number for (number,) in found]

    def run(self, *words: str, fault: str) -> int:
        """Run a command in a process of its own, with a fault; return how it ended."""
        done = subprocess.run(
            [sys.executable, "-m", "connector_assets.cli", *words],
            cwd=self.root,
            env={**os.environ, VARIABLE: fault},
            capture_output=True,
            check=False,
        )
        return done.returncode


NewShop = Callable[..., Shop]


@pytest.fixture
def new_shop(tmp_path: Path, declare_taps: Callable[[Path], None]) -> NewShop:
    def make(engine: str = "dlt", destination: str = "duckdb") -> Shop:
        root = tmp_path / "project"
        (root / "connectors").mkdir(parents=True)
        (root / "connectors.yaml").write_text(PROJECT % DESTINATIONS[destination])
        (root / "connectors" / "shop.yaml").write_text(CONNECTOR % ENGINES[engine])
        (root / "rows_source.py").write_text(SOURCE)
        if engine == "meltano":
            (root / "meltano.yml").write_text("default_environment: dev\n")
            declare_taps(root)
        return Shop(root)

    return make


def counts(row: SyncRow) -> list[tuple[str, Any]]:
    return [(one["stream"], one["staged"]) for one in row.result["streams"]]


@pytest.mark.parametrize("destination", DESTINATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_sync_after_a_restore_reads_what_one_at_that_point_would_have_read(
    new_shop: NewShop, engine: str, destination: str
) -> None:
    shop = new_shop(engine, destination)
    shop.sync(3)
    # It stays where it is: the lake's files have their paths in the catalog.
    place = shop.root.with_name("later")
    shop.root.rename(place)
    shutil.copytree(place, shop.root, symlinks=True)
    twin = Shop(shop.root)
    expected = twin.sync(8)
    then = {name: twin.loaded(name, expected) for name in ("orders", "customers")}
    table = twin.ids("customers")
    position = twin.position()
    shutil.rmtree(shop.root)
    place.rename(shop.root)
    shop.sync(5)
    shop.sync(6)

    changed = shop.restore(1)
    again = shop.sync(8)

    assert changed.version == 4
    assert counts(again) == counts(expected) == [("orders", 5), ("customers", 5)]
    assert {name: shop.loaded(name, again) for name in ("orders", "customers")} == then
    assert then == {"orders": [4, 5, 6, 7, 8], "customers": [4, 5, 6, 7, 8]}
    # What is merged is as if nothing had been; what is appended comes a second time.
    assert shop.ids("customers") == table
    assert shop.ids("orders") == sorted([*range(1, 9), 4, 5, 6])
    assert shop.position() == position
    assert [who for _, who in shop.versions()] == ["manual", "ada", "manual", "manual", "manual"]


def set_orders(value: str) -> Callable[[Any], Any]:
    return lambda state: set_position(state, stream="orders", key="id", text=value)


@pytest.mark.parametrize(
    ("destination", "point"),
    [
        ("duckdb", "after_commit"),
        ("ducklake", "after_commit"),
        ("ducklake", "before_commit"),
        pytest.param("duckdb", "before_commit", marks=pytest.mark.full),
    ],
)
def test_change_that_is_killed_is_whole_or_nothing_and_the_next_start_settles_it(
    new_shop: NewShop, destination: str, point: str
) -> None:
    shop = new_shop(destination=destination)
    shop.sync(5)

    words = ("state", "set", "shop", "orders.id=2", "--why", "rows 3 and on were wrong")
    assert shop.run(*words, fault=f"{point}:kill") == -signal.SIGKILL

    assert shop.versions() == [(1, "manual")]
    row = shop.sync(5)
    done = point == "after_commit"
    assert counts(row)[0] == ("orders", 4 if done else 0)
    with closing(shop.ledger) as ledger:
        adopted = ledger.states.versions("shop", environment="dev")[1]
    assert [version for version, _ in shop.versions()] == ([3, 2, 1] if done else [2, 1])
    if done:
        assert adopted.who != "start_dag"
        assert adopted.why.startswith("rows 3 and on were wrong (adopted")


def test_two_changes_one_after_the_other_are_versions_of_their_own(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(5)

    first = shop.change(make=set_orders("2"), expect=1)
    same = shop.change(make=set_orders("2"))
    second = shop.change(make=set_orders("1"), expect=2)

    assert (first.version, first.written, second.version) == (2, True, 3)
    assert (same.version, same.written) == (2, False)
    assert shop.position()["orders"]["incremental.id.last_value"] == 1
    assert shop.versions() == [(3, "ada"), (2, "ada"), (1, "manual")]


def test_change_is_refused_where_the_state_moved_on(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(5)
    shop.sync(6)

    with pytest.raises(StateConflict, match="is version 2, not 1") as caught:
        shop.change(make=set_orders("2"), expect=1)

    assert caught.value.exit_code == 13
    assert "connectors state diff shop 1 2" in caught.value.fix
    assert shop.versions() == [(2, "manual"), (1, "manual")]


def test_what_was_held_before_a_change_is_not_loaded_after_it(new_shop: NewShop) -> None:
    shop = new_shop()
    held = shop.sync(0, verdict=Verdict.BLOCKED)
    sources = {"shop": {"resources": {"orders": {"kept": 1}}}}
    assert shop.change(make=lambda state: {**state, "sources": sources}).version == 1

    with closing(shop.ledger) as ledger:
        setting = Setting(project=load_project(shop.root), ledger=ledger)
        with pytest.raises(PackageStale):
            decisions.release(setting, held.sync_id, who="ada")

    assert shop.versions() == [(1, "ada")]


def test_sync_that_commits_while_a_change_is_made_wins(new_shop: NewShop) -> None:
    # As one does that has another ledger, or whose lease ran out: the destination has the word.
    shop = new_shop()
    shop.sync(5)

    def beside(state: Any) -> Any:
        with connected(load_project(shop.root).destination("warehouse"), secrets={}) as live:
            live.execute("UPDATE shop_data._connectors_state SET state_version = 2")
        return set_orders("2")(state)

    with pytest.raises(StateConflict, match="at state version 1, and is at 2 now"):
        shop.change(make=beside)

    assert shop.versions() == [(1, "manual")]


def test_change_is_refused_while_a_sync_runs_and_leaves_no_lease(new_shop: NewShop) -> None:
    shop = new_shop()
    shop.sync(5)
    with closing(shop.ledger) as ledger:
        setting = Setting(project=load_project(shop.root), ledger=ledger)
        connector = setting.project.connector("shop")
        lease = take_lease(setting, connector, sync_id="other", wait=0)
        with pytest.raises(LeaseHeld):
            shop.change(make=set_orders("2"))
        ledger.leases.release(lease)

    with pytest.raises(ConfigError):
        shop.change(make=set_orders("soon"))
    assert shop.change(make=set_orders("2")).version == 2


def test_destination_of_a_backup_goes_on_after_a_restore_of_what_it_has(
    new_shop: NewShop, tmp_path: Path
) -> None:
    shop = new_shop()
    shop.sync(3)
    file = shop.root / "data" / "warehouse.duckdb"
    shutil.copy(file, tmp_path / "backup")
    shop.sync(6)
    shutil.copy(tmp_path / "backup", file)
    with pytest.raises(StateDivergence, match="is at state version 1, the ledger knows version 2"):
        shop.change(make=set_orders("2"))

    changed = shop.restore(1, behind=True)

    assert changed.version == 3
    shop.sync(6)
    assert shop.ids("orders") == [1, 2, 3, 4, 5, 6]


def test_undo_takes_a_sync_back_and_what_was_done_to_its_state(new_shop: NewShop) -> None:
    shop = new_shop(destination="ducklake")
    shop.sync(3)
    before = shop.position()
    row = shop.sync(6)
    shop.restore(1)

    with closing(shop.ledger) as ledger:
        setting = Setting(project=load_project(shop.root), ledger=ledger)
        undoing.undo(setting, row.sync_id, who="ada")

    assert shop.position() == before
    shop.sync(6)
    assert shop.ids("orders") == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("engine", "destination", "streams"),
    [
        ("dlt", "duckdb", ("orders",)),
        ("dlt", "ducklake", ()),
        ("meltano", "ducklake", ("orders",)),
        pytest.param("dlt", "duckdb", (), marks=pytest.mark.full),
        pytest.param("dlt", "ducklake", ("orders",), marks=pytest.mark.full),
        pytest.param("meltano", "duckdb", ("orders",), marks=pytest.mark.full),
        pytest.param("meltano", "duckdb", (), marks=pytest.mark.full),
        pytest.param("meltano", "ducklake", (), marks=pytest.mark.full),
    ],
)
def test_clear_drops_rows_and_position_together(
    new_shop: NewShop, engine: str, destination: str, streams: Sequence[str]
) -> None:
    shop = new_shop(engine, destination)
    shop.sync(4)
    with closing(shop.ledger) as ledger:
        setting = Setting(project=load_project(shop.root), ledger=ledger)
        connector = setting.project.connector("shop")
        rows = count_loaded(setting, connector, streams)
        cleared = clear(setting, connector, streams, who="ada")

    gone = streams or ("orders", "customers")
    assert rows == dict.fromkeys(gone, 4)
    assert cleared.version == 2
    left = [] if not streams else [1, 2, 3, 4]
    assert (shop.ids("orders"), shop.ids("customers")) == ([], left)
    if engine == "dlt":
        lines = shop.ask("SELECT count(*) FROM warehouse.shop_data.orders__lines")
        assert lines == [(0,)]
    assert set(shop.position()) == {"orders", "customers"} - set(gone)
    row = shop.sync(5)
    assert counts(row) == [("orders", 5), ("customers", 1 if streams else 5)]
    assert shop.ids("orders") == shop.ids("customers") == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_clear_that_is_killed_is_whole_or_nothing(new_shop: NewShop, point: str) -> None:
    shop = new_shop(destination="ducklake")
    shop.sync(4)
    assert shop.run("clear", "shop", "--yes", fault=f"{point}:kill") == -signal.SIGKILL

    done = point == "after_commit"
    assert shop.ids("orders") == ([] if done else [1, 2, 3, 4])
    assert counts(shop.sync(4))[0] == ("orders", 4 if done else 0)
    assert shop.ids("orders") == shop.ids("customers") == [1, 2, 3, 4]
