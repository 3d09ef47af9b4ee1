"""ACTIVATE_VERSION and BATCH through a whole sync: gate, load, read-back and verdict."""

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
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from connector_assets.project import load_project

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
source: tap-verbatim
config: {file: messages.jsonl}
destination: warehouse.shop_data
streams:
  orders: {write: merge, primary_key: id, OLD}
"""
SCHEMA = {
    "type": "SCHEMA",
    "stream": "orders",
    "schema": {"properties": {"id": {"type": "integer"}}},
    "key_properties": ["id"],
}


class VersionShop:
    """A Meltano project whose one tap prints what it is told."""

    def __init__(self, root: Path, ledger: Ledger) -> None:
        self.root, self.ledger = root, ledger

    def declare(self, old_versions: str) -> None:
        (self.root / "connectors").mkdir()
        (self.root / "connectors.yaml").write_text(PROJECT)
        rule = f"old_versions: {old_versions}" if old_versions else "on_empty: block"
        (self.root / "connectors" / "shop.yaml").write_text(CONNECTOR.replace("OLD", rule))

    def sync(self, *messages: Any) -> SyncRow:
        lines = (json.dumps(one) + "\n" for one in (SCHEMA, *messages))
        (self.root / "messages.jsonl").write_text("".join(lines))
        project = load_project(self.root)
        setting = Setting(project=project, ledger=self.ledger)
        request = StartRequest(root_run_id=uuid4().hex)
        return run_sync(setting, project.connector("shop"), request=request)

    def send(self, version: int, *ids: int) -> SyncRow:
        """Sync records of a version by RECORDs and a BATCH of the last one, and activate it."""
        file = self.root / "batch.jsonl"
        file.write_text(json.dumps({"id": ids[-1]}))
        around: dict[str, Any] = {"stream": "orders", "version": version}
        batch = {"manifest": [file.as_uri()], "encoding": {"format": "jsonl"}}
        records = ({"type": "RECORD", "record": {"id": one}, **around} for one in ids[:-1])
        return self.sync(
            *records, {"type": "BATCH", **batch, **around}, {"type": "ACTIVATE_VERSION", **around}
        )

    def read(self, columns: str) -> list[Any]:
        destination = load_project(self.root).destination("warehouse")
        with connected(destination, secrets={}) as connection:
            return connection.sql(f"SELECT {columns} FROM shop_data.orders ORDER BY id").fetchall()


@pytest.fixture
def shop(tmp_path: Path, declare_taps: Callable[[Path], None]) -> Iterator[VersionShop]:
    declare_taps(tmp_path)
    with Ledger.open(f"sqlite:///{tmp_path / '.connectors' / 'ledger.db'}") as ledger:
        yield VersionShop(tmp_path, ledger)


def test_rows_of_older_versions_are_deleted_by_a_sync(shop: VersionShop) -> None:
    shop.declare("delete")

    first, second = shop.send(10, 1, 2, 3), shop.send(11, 3, 4)

    assert (first.verdict, second.verdict) == (Verdict.SUCCEEDED, Verdict.SUCCEEDED)
    assert shop.read("id, _singer_version") == [(3, 11), (4, 11)]
    (counts,) = second.result["streams"]
    assert [counts[name] for name in ("emitted", "staged", "in_destination")] == [2, 2, 2]
    assert counts["total"] == 2


def test_rows_of_older_versions_are_marked_if_nobody_says_otherwise(shop: VersionShop) -> None:
    shop.declare("")

    # Neither the columns of the platform nor their values are drift.
    verdicts = [shop.send(10, 1, 2).verdict, shop.send(11, 2, 3).verdict]

    assert verdicts == [Verdict.SUCCEEDED, Verdict.SUCCEEDED]
    assert shop.read("id, _singer_deleted_at IS NULL") == [(1, False), (2, True), (3, True)]
