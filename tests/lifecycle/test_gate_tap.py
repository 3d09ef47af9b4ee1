"""The gate and a Singer tap whose source changes: blocked, held, approved, released, unasked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle import decisions
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from connector_assets.project import Project, load_project

pytestmark = pytest.mark.integration

PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, retries: {max: 0}}
destinations:
  warehouse: {type: duckdb, path: data/warehouse.duckdb}
"""
CONNECTOR = """\
name: shop
engine: meltano
source: tap-replays
config: {file: source.json, asked: asked.txt}
destination: warehouse.shop_data
streams:
  orders: {write: merge, primary_key: id}
"""
INTEGER, TEXT, OBJECT = ({"type": [kind, "null"]} for kind in ("integer", "string", "object"))
PROPERTIES: dict[str, Any] = {"id": {"type": "integer"}, "total": INTEGER, "coupon": TEXT}


class TapShop:
    """A Meltano project whose one tap replays a file."""

    def __init__(self, root: Path, ledger: Ledger) -> None:
        self.root, self.ledger = root, ledger
        (root / "connectors").mkdir()
        (root / "connectors.yaml").write_text(PROJECT)
        (root / "connectors" / "shop.yaml").write_text(CONNECTOR)

    @property
    def project(self) -> Project:
        return load_project(self.root)

    @property
    def setting(self) -> Setting:
        return Setting(project=self.project, ledger=self.ledger)

    def sync(self, *, rows: int = 40, key: str = "id", **properties: Any) -> SyncRow:
        """Sync after the source's properties are these: None takes one away."""
        merged = {name: one for name, one in {**PROPERTIES, **properties}.items() if one}
        values = [
            {name: _value(one, number) for name, one in merged.items()} for number in range(rows)
        ]
        content = {"properties": merged, "key": [key] if key else [], "rows": values}
        (self.root / "source.json").write_text(json.dumps(content))
        request = StartRequest(root_run_id=uuid4().hex)
        return run_sync(self.setting, self.project.connector("shop"), request=request)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.ledger.drift.find(environment="dev")]

    def query(self, sql: str) -> list[Any]:
        with connected(self.project.destination("warehouse"), secrets={}) as connection:
            return connection.execute(sql).fetchall()


def _value(definition: dict[str, Any], number: int) -> Any:
    kind = definition["type"] if isinstance(definition["type"], str) else definition["type"][0]
    return {"integer": number, "string": f"t{number}", "object": {"n": number}}[kind]


@pytest.fixture
def shop(tmp_path: Path, declare_taps: Callable[[Path], None]) -> Iterator[TapShop]:
    declare_taps(tmp_path)
    with Ledger.open(f"sqlite:///{tmp_path / '.connectors' / 'ledger.db'}") as ledger:
        yield TapShop(tmp_path, ledger)


def test_tap_with_another_type_is_held_and_released_unasked(shop: TapShop) -> None:
    first = shop.sync()
    blocked = shop.sync(total=TEXT)
    before = shop.query("SELECT sum(total), max(typeof(total)) FROM shop_data.orders")
    decisions.approve(shop.setting, "shop", who="ada")
    released = decisions.release(shop.setting, blocked.sync_id, who="ada")

    assert (first.verdict, blocked.verdict) == (Verdict.SUCCEEDED, Verdict.BLOCKED)
    assert before == [(780, "BIGINT")]
    assert released.verdict is Verdict.SUCCEEDED, released.cause
    assert (shop.root / "asked.txt").read_text() == "xx"
    assert shop.query("SELECT min(total), count(*) FROM shop_data.orders") == [("t0", 40)]
    assert shop.sync(total=TEXT).verdict is Verdict.SUCCEEDED


def test_tap_that_drops_a_property_is_told_at_once(shop: TapShop) -> None:
    shop.sync()

    row = shop.sync(rows=3, coupon=None)

    assert row.verdict is Verdict.SUCCEEDED_WITH_DRIFT
    assert shop.kinds() == ["column_removed"]


def test_tap_that_loses_its_key_is_blocked(shop: TapShop) -> None:
    file = shop.root / "connectors" / "shop.yaml"
    file.write_text(CONNECTOR.replace("{write: merge, primary_key: id}", "{write: append}"))
    shop.sync()

    row = shop.sync(key="")

    assert row.verdict is Verdict.BLOCKED
    assert "key_removed" in shop.kinds()


def test_tap_that_sends_no_record_is_blocked(shop: TapShop) -> None:
    shop.sync()

    row = shop.sync(rows=0)

    assert row.verdict is Verdict.BLOCKED
    assert row.cause == "orders is empty, and it was read in full"
    assert shop.query("SELECT count(*) FROM shop_data.orders") == [(40,)]
