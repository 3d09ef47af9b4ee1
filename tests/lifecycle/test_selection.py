"""A sync of some streams: the others keep their rows and their position."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.errors import ConfigError
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
defaults: {owner: team, write: append, primary_key: id, cursor: id, retries: {max: 0}}
destinations:
  warehouse: {type: duckdb, path: data/warehouse.duckdb}
"""
CONNECTOR = """\
name: shop
%s
destination: warehouse.shop_data
streams: {orders: {}, customers: {}}
"""
ENGINES = {
    "meltano": "engine: meltano\nsource: tap-well-behaved\nconfig: {streams_file: rows.json}",
    "dlt": "engine: dlt\nsource: python:rows_source:source",
}
SOURCE = """\
import json, pathlib
import dlt

def table(name):
    @dlt.resource(name=name, write_disposition="append")
    def rows(ids=dlt.sources.incremental("id", initial_value=0)):
        last = json.loads(pathlib.Path("rows.json").read_text())[name]
        yield [{"id": number} for number in range(1, last + 1)]
    return rows

def source():
    return [table("orders"), table("customers")]
"""
Sync = Callable[..., SyncRow]


@pytest.fixture
def root(tmp_path: Path, declare_taps: Callable[[Path], None]) -> Path:
    (tmp_path / "meltano.yml").write_text("default_environment: dev\n")
    declare_taps(tmp_path)
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors.yaml").write_text(PROJECT)
    (tmp_path / "rows_source.py").write_text(SOURCE)
    return tmp_path


@pytest.fixture
def ledger(root: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{root / '.connectors' / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture
def sync(root: Path, ledger: Ledger) -> Sync:
    """A function that syncs streams, all without one, when the source has so many rows in each."""

    def run(*streams: str, rows: int) -> SyncRow:
        (root / "rows.json").write_text(json.dumps({"orders": rows, "customers": rows}))
        project = load_project(root)
        request = StartRequest(root_run_id=uuid4().hex, streams=streams)
        setting = Setting(project=project, ledger=ledger)
        return run_sync(setting, project.connector("shop"), request=request)

    return run


def count(root: Path, stream: str) -> int:
    with connected(load_project(root).destination("warehouse"), secrets={}) as connection:
        (rows,) = connection.execute(f"SELECT count(*) FROM shop_data.{stream}").fetchall()
    return int(rows[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_other_streams_continue_where_they_were(root: Path, sync: Sync, engine: str) -> None:
    (root / "connectors" / "shop.yaml").write_text(CONNECTOR % ENGINES[engine])
    sync(rows=3)

    row = sync("orders", rows=5)
    counts = count(root, "orders"), count(root, "customers")
    after = sync(rows=6)

    assert row.verdict is Verdict.SUCCEEDED, row.cause
    assert [each["stream"] for each in row.result["streams"]] == ["orders"]
    assert counts == (5, 3)
    assert after.verdict is Verdict.SUCCEEDED, after.cause
    assert (count(root, "orders"), count(root, "customers")) == (6, 6)


def test_stream_that_is_not_there_is_refused(root: Path, sync: Sync) -> None:
    (root / "connectors" / "shop.yaml").write_text(CONNECTOR % ENGINES["dlt"])

    with pytest.raises(ConfigError, match="shop has no stream 'order'"):
        sync("order", rows=3)
