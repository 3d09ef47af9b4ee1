"""A state carried over is a connector's first, in one transaction, or nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.errors import LeaseHeld, StateDivergence
from connector_assets.faults import VARIABLE
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.carrying import carry_state
from connector_assets.lifecycle.lease import take_lease
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.project import load_project

pytestmark = pytest.mark.integration

PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, retries: {max: 0}}
destinations:
  place: {type: duckdb, path: data/place.duckdb}
"""
LAKE = """{type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}"""
CONNECTOR = """\
name: shop
engine: meltano
source: tap-well-behaved
destination: place.shop_data
streams:
  orders: {write: merge, cursor: id}
"""
STATE = {"bookmarks": {"orders": {"id": 7}}, "version": 2}


class Shop:
    """A project whose one tap has ten orders, and has never been synced here."""

    def __init__(self, root: Path, ledger: Ledger) -> None:
        self.root, self.ledger = root, ledger

    @property
    def setting(self) -> Setting:
        return Setting(project=load_project(self.root), ledger=self.ledger)

    def carry(self, state: dict[str, Any] = STATE) -> int:
        setting = self.setting
        connector = setting.project.connector("shop")
        return carry_state(setting, connector, state=state, origin="dev:a-to-b", who="ada").version

    def sync(self) -> list[int]:
        """Sync, and return the rows that the table then has."""
        setting = self.setting
        connector = setting.project.connector("shop")
        row = run_sync(setting, connector, request=StartRequest(root_run_id="first"))
        assert row.verdict is not None
        assert row.verdict.good, row.cause
        found = self.query("SELECT id FROM place.shop_data.orders ORDER BY id")
        return [number for (number,) in found]

    def versions(self) -> list[tuple[int, str]]:
        found = self.ledger.states.versions("shop", environment="dev")
        return [(one.version, one.who) for one in found]

    def query(self, sql: str) -> list[Any]:
        with connected(load_project(self.root).destination("place"), secrets={}) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(params=["duckdb", "ducklake"])
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, declare_taps: Callable[[Path], None]
) -> Iterator[Shop]:
    declare_taps(tmp_path)
    (tmp_path / "connectors").mkdir()
    text = PROJECT
    if request.param == "ducklake":
        text = text.replace("{type: duckdb, path: data/place.duckdb}", LAKE)
    (tmp_path / "connectors.yaml").write_text(text)
    (tmp_path / "connectors" / "shop.yaml").write_text(CONNECTOR)
    with Ledger.open(f"sqlite:///{tmp_path}/.connectors/ledger.db") as ledger:
        yield Shop(tmp_path, ledger)


def test_a_state_is_loaded_like_a_sync_and_the_next_one_goes_on(shop: Shop) -> None:
    version = shop.carry()

    loads = shop.query("SELECT base_version, state_version FROM place.shop_data._connectors_loads")
    stamp = shop.query("SELECT project_id, environment FROM place.main._connectors_stamp")
    (known,) = shop.ledger.states.versions("shop", environment="dev")
    assert version == 1
    assert loads == [(0, 1)]
    assert stamp == [("shop", "dev")]
    assert known.state["sources"]["singer"]["singer_state"] == STATE
    assert shop.sync() == [8, 9, 10]
    assert [number for number, _ in shop.versions()] == [2, 1]


def test_a_second_state_is_refused_and_changes_nothing(shop: Shop) -> None:
    shop.carry()

    with pytest.raises(StateDivergence, match="has a state already, of version 1"):
        shop.carry({"bookmarks": {"orders": {"id": 1}}})

    assert shop.query("SELECT count(*) FROM place.shop_data._connectors_loads") == [(1,)]


def test_a_failure_before_the_commit_changes_nothing_and_lets_go(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "before_commit:raise")
    with pytest.raises(RuntimeError, match="fault injected"):
        shop.carry()
    monkeypatch.delenv(VARIABLE)

    assert shop.versions() == []
    assert shop.carry() == 1
    assert list((shop.root / ".connectors").glob("state-*")) == []


def test_a_failure_after_the_commit_is_settled_by_the_next_sync(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "after_commit:raise")
    with pytest.raises(RuntimeError, match="fault injected"):
        shop.carry()
    monkeypatch.delenv(VARIABLE)

    with pytest.raises(StateDivergence, match=r"shop_data has a state already, of version 1"):
        shop.carry()
    assert shop.sync() == [8, 9, 10]
    # Who carried it over stands in the destination.
    assert shop.versions()[-1] == (1, "ada")


def test_a_running_sync_keeps_a_state_out(shop: Shop) -> None:
    setting = shop.setting
    take_lease(setting, setting.project.connector("shop"), sync_id="another", wait=0)

    with pytest.raises(LeaseHeld):
        shop.carry()

    assert shop.versions() == []
