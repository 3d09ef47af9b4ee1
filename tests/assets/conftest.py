"""A project with three connectors and a broken one, as Dagster sees it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connector_assets.assets.build import build_definitions
from connector_assets.ledger.store import Ledger
from connector_assets.project import load_project

PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, write: append, retries: {max: 1, wait: 0}}
destinations:
  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
"""
SHOP = """\
name: shop
owner: ada@shop.example
engine: dlt
source: sql_database
config: {credentials: "sqlite:///source.sqlite"}
destination: lake.shop
schedule: {cron: "0 2 * * *", timezone: Europe/Berlin}
streams:
  orders: {primary_key: id, cursor: id}
  stores: {write: replace}
"""
STAFF = """\
name: staff
engine: dlt
source: sql_database
config: {credentials: "sqlite:///source.sqlite"}
destination: lake.staff
streams:
  stores: {write: replace}
"""
REPORT = """\
name: report
engine: dlt
source: python:report_source:rows
destination: lake.report
depends_on: [shop]
streams:
  rows: {}
"""
# Fails as often as its file says, for a while or for good.
SOURCE = """\
import pathlib
import dlt

@dlt.resource(name="rows")
def rows():
    file = pathlib.Path("fails.txt")
    kind, _, left = file.read_text().partition(" ") if file.exists() else ("", "", "0")
    if int(left) > 0:
        file.write_text(f"{kind} {int(left) - 1}")
        raise ConnectionError("the report is gone") if kind == "transient" else ValueError("odd")
    yield {"id": 1}
"""
Run = Callable[..., dg.ExecuteInProcessResult]


def write_project(root: Path) -> None:
    """Write the project's files and its source database."""
    with closing(sqlite3.connect(root / "source.sqlite")) as database, database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL)")
        database.execute("CREATE TABLE stores (id INTEGER PRIMARY KEY)")
        database.execute("INSERT INTO orders VALUES (1, 0.5), (2, 1.5)")
        database.execute("INSERT INTO stores VALUES (7)")
    (root / "connectors").mkdir()
    (root / "connectors.yaml").write_text(PROJECT)
    for name, text in (("shop", SHOP), ("staff", STAFF), ("report", REPORT)):
        (root / "connectors" / f"{name}.yaml").write_text(text)
    (root / "connectors" / "odd.yaml").write_text("name: odd\nengine: fivetran\n")
    (root / "report_source.py").write_text(SOURCE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(tmp_path)
    return tmp_path


@pytest.fixture
def ledger(root: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{root / '.connectors' / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture
def definitions(root: Path) -> dg.Definitions:
    return build_definitions(load_project(root, tolerate=True))


@pytest.fixture
def run(definitions: dg.Definitions) -> Run:
    """A function that materializes assets, by their keys as people write them; all without one."""
    job = definitions.resolve_implicit_global_asset_job_def()

    def materialize(*keys: str) -> dg.ExecuteInProcessResult:
        chosen = [dg.AssetKey(key.split("/")) for key in keys] or None
        return job.execute_in_process(asset_selection=chosen, raise_on_error=False)

    return materialize


def metadata_of(result: dg.ExecuteInProcessResult, key: str) -> dict[str, Any]:
    """Return the metadata of the one materialization of an asset."""
    (told,) = [
        event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(key.split("/"))
    ]
    return {name: value.value for name, value in told.items()}
