"""A small project with one dlt connector over an SQLite file, and its ledger."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import uuid4

import pytest

from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.project import load_project

WriteProject = Callable[..., None]
Sync = Callable[..., SyncRow]

PROJECT = """\
version: 1
project_id: shop
environments: {{dev: {{}}, prod: {{}}}}
default_environment: dev
defaults: {{owner: team, retries: {{max: 0}}}}
destinations:
  warehouse: {{type: duckdb, path: data/warehouse.duckdb}}
{more}
"""
CONNECTOR = """\
name: shop
engine: dlt
source: sql_database
config: {{credentials: "sqlite:///source.sqlite"}}
destination: warehouse.shop_data
streams:
  orders: {{write: merge, primary_key: id, cursor: updated}}
{more}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "source.sqlite") as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, updated INTEGER)")
        database.execute("INSERT INTO orders VALUES (1, 10), (2, 20)")
    database.close()
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors.yaml").write_text(PROJECT.format(more=""))
    (tmp_path / "connectors" / "shop.yaml").write_text(CONNECTOR.format(more=""))
    return tmp_path


@pytest.fixture
def write_project(root: Path) -> WriteProject:
    """Write the project's files again, with more lines at their ends."""

    def write(*, project: str = "", connector: str = "") -> None:
        (root / "connectors.yaml").write_text(PROJECT.format(more=project))
        (root / "connectors" / "shop.yaml").write_text(CONNECTOR.format(more=connector))

    return write


@pytest.fixture
def ledger(root: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{root / '.connectors' / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture
def sync(root: Path, ledger: Ledger) -> Sync:
    """Sync the connector as the project's files are now."""

    def run(*, environment: str | None = None, rebuild: bool = False) -> SyncRow:
        project = load_project(root, environment=environment)
        request = StartRequest(root_run_id=uuid4().hex, rebuild=rebuild)
        return run_sync(
            Setting(project=project, ledger=ledger), project.connector("shop"), request=request
        )

    return run


class Webhook(HTTPServer):
    """Keeps what it was sent, and answers ``answers``; ``pinged`` are the paths of its GETs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.by_path: list[tuple[str, dict[str, str]]] = []
        self.pinged: list[str] = []
        self.answers = 200

    @property
    def received(self) -> list[dict[str, str]]:
        return [body for _, body in self.by_path]


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.by_path.append((self.path, json.loads(body)))
        self.send_response(self.server.answers)
        self.end_headers()

    def do_GET(self) -> None:
        self.server.pinged.append(self.path)
        self.send_response(self.server.answers)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
