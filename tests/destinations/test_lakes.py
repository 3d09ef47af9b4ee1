"""A DuckLake with each kind of catalog, and with its files on S3: loaded, then synced again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from connector_assets.destinations.connect import connected
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
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
  lake:
    type: ducklake
    catalog: "%s"
    data_path: %s
%s
"""
CONNECTOR = """\
name: shop
engine: dlt
source: sql_database
config: {credentials: "sqlite:///source.sqlite"}
destination: lake.shop_data
streams:
  orders: {write: merge, primary_key: id, cursor: updated}
"""
S3 = """\
    storage: {endpoint: "%s", use_ssl: false, url_style: path, region: us-east-1,
              key_id: key, secret: "${s3_secret}"}
    secrets: {s3_secret: "env:TEST_S3_SECRET"}
"""
MakeProject = Callable[..., Path]


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    def make(*, catalog: str, data_path: str = "data/files", more: str = "") -> Path:
        (tmp_path / "connectors").mkdir()
        (tmp_path / "connectors.yaml").write_text(PROJECT % (catalog, data_path, more))
        (tmp_path / "connectors" / "shop.yaml").write_text(CONNECTOR)
        with sqlite3.connect(tmp_path / "source.sqlite") as database:
            database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, updated INTEGER)")
            database.execute("INSERT INTO orders VALUES (1, 10), (2, 20)")
        database.close()
        return tmp_path

    return make


def sync_twice(root: Path) -> tuple[Project, list[SyncRow]]:
    """Sync, add a row at the source, sync again."""
    project = load_project(root)
    with Ledger.open(f"sqlite:///{root / '.connectors' / 'ledger.db'}") as ledger:
        setting = Setting(project=project, ledger=ledger)
        rows = []
        for number in (3, 4):
            request = StartRequest(root_run_id=uuid4().hex)
            rows.append(run_sync(setting, project.connector("shop"), request=request))
            with sqlite3.connect(root / "source.sqlite") as database:
                database.execute("INSERT INTO orders VALUES (?, ?)", (number, number * 10))
            database.close()
    return project, rows


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Two syncs: their verdicts, the rows that each brought, and the ids in the table."""

    verdicts: list[Verdict | None]
    brought: list[int]
    ids: list[int]


#: Two rows, then one more: each once.
COMPLETE = Loaded(verdicts=[Verdict.SUCCEEDED] * 2, brought=[2, 1], ids=[1, 2, 3])


def load_twice(root: Path, *, secrets: dict[str, str] | None = None) -> Loaded:
    project, rows = sync_twice(root)
    with connected(project.destination("lake"), secrets=secrets or {}) as connection:
        found = connection.execute("SELECT id FROM lake.shop_data.orders ORDER BY id").fetchall()
    return Loaded(
        verdicts=[row.verdict for row in rows],
        brought=[row.result["streams"][0]["in_destination"] for row in rows],
        ids=[number for (number,) in found],
    )


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_lake_with_a_catalog_in_a_file(make_project: MakeProject, kind: str) -> None:
    assert load_twice(make_project(catalog=f"{kind}:///data/catalog.{kind}")) == COMPLETE


def test_lake_with_a_catalog_on_a_server_and_a_password_with_signs(
    make_project: MakeProject, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = "p@ss/w:rd %41"
    name = f"lake_{uuid4().hex[:8]}"
    server = sa.make_url(postgres_url)
    engine = sa.create_engine(
        server.set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
    with engine.connect() as connection:
        quoted = password.replace("%", "%%")
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD '{quoted}'")
        connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {name}")
    monkeypatch.setenv("TEST_LAKE_PASSWORD", password)
    host = server.query["host"]
    catalog = f"postgresql://{name}:${{password}}@/{name}?host={host}"

    root = make_project(catalog=catalog, more='    secrets: {password: "env:TEST_LAKE_PASSWORD"}')

    assert load_twice(root, secrets={"password": password}) == COMPLETE


def test_lake_with_its_files_on_s3(
    make_project: MakeProject, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_S3_SECRET", "secret/with+signs")
    root = make_project(
        catalog="sqlite:///data/catalog.sqlite",
        data_path=f"s3://lake/{uuid4().hex}/",
        more=S3 % s3_endpoint,
    )

    assert load_twice(root, secrets={"s3_secret": "secret/with+signs"}) == COMPLETE

    files = (file for file in root.rglob("*") if file.is_file())
    assert [file for file in files if b"secret/with+signs" in file.read_bytes()] == []
