"""Airflow and the ledger on PostgreSQL, as several machines share them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_bridge.compile import compile_project
from airflow_bridge.servers import SERVERS, Local, serve_airflow
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict
from connector_assets.project import load_project

if TYPE_CHECKING:
    from tests.conftest import NewDatabase

pytestmark = [pytest.mark.integration, pytest.mark.full]
PROJECT = """\
version: 1
project_id: shared
ledger: "%s"
destinations:
  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
defaults: {owner: team, write: append}
"""
CONNECTOR = """\
name: shop
engine: dlt
source: python:source:rows
destination: lake.shop
streams:
  rows: {cursor: id}
"""
SOURCE = """\
import dlt

@dlt.resource(name="rows")
def rows():
    yield [{"id": 1}, {"id": 2}]
"""


def test_dag_runs_with_both_databases_on_postgresql(
    tmp_path: Path, new_postgres_database: NewDatabase
) -> None:
    ledger, database = (
        new_postgres_database().replace("postgresql:", "postgresql+psycopg:") for _ in range(2)
    )
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors.yaml").write_text(PROJECT % ledger)
    (tmp_path / "connectors" / "shop.yaml").write_text(CONNECTOR)
    (tmp_path / "source.py").write_text(SOURCE)
    project = load_project(tmp_path)
    compile_project(project, folder=tmp_path / "dags")
    settings = {
        "DATABASE__SQL_ALCHEMY_CONN": database,
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": database,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    }
    local = Local(dags=tmp_path / "dags", port=0, settings=settings, servers=SERVERS[:3])

    with serve_airflow(project, local=local) as airflow:
        deadline = time.monotonic() + 120
        while not list(airflow.client.pages("/dags", of="dags")):
            assert time.monotonic() < deadline
            time.sleep(0.3)
        run = airflow.client.trigger("shop")
        while airflow.client.run("shop", run)["state"] not in ("success", "failed"):
            assert time.monotonic() < deadline
            time.sleep(0.3)
        assert set(airflow.client.tasks("shop", run).values()) == {"success"}

    with Ledger.open(ledger) as opened:
        (row,) = opened.history.recent(environment="dev", connector="shop", limit=5)
    assert row.verdict is Verdict.SUCCEEDED
    assert not list((tmp_path / ".connectors").glob("**/*.db"))
