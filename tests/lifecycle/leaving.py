"""A project whose connector is removed and comes again, on both engines and destinations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from connector_assets.destinations.connect import connected
from connector_assets.destinations.fate import TableFate
from connector_assets.faults import VARIABLE
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.known import find_connector
from connector_assets.lifecycle.removing import RemovalRequest, RemovedConnector, remove
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from connector_assets.project import load_project

TODAY = f"__archived_{datetime.now(UTC):%Y%m%d}"
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


class Leaving:
    """A project with one connector of two streams, and its ledger."""

    def __init__(self, root: Path, *, engine: str, destination: str) -> None:
        for folder in ("connectors", "locks"):
            (root / folder).mkdir(parents=True)
        (root / "connectors.yaml").write_text(PROJECT % DESTINATIONS.get(destination, destination))
        (root / "rows_source.py").write_text(SOURCE)
        self.root = root
        self.text = CONNECTOR % ENGINES[engine]
        self.file = root / "connectors" / "shop.yaml"

    @property
    def ledger(self) -> Ledger:
        return Ledger.open(f"sqlite:///{self.root / '.connectors' / 'ledger.db'}")

    def setting(self, ledger: Ledger) -> Setting:
        return Setting(project=load_project(self.root, tolerate=True), ledger=ledger)

    def rename(self, new: str, *, formerly: str = "shop") -> None:
        """Write into the file that the connector is called otherwise."""
        formerly = f"renamed_from: {formerly}\n" if formerly else ""
        lines = self.text.splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(("name:", "renamed_from:"))]
        self.text = f"name: {new}\n{formerly}{''.join(kept)}"
        self.file.write_text(self.text)

    def sync(
        self, rows: int, verdict: Verdict = Verdict.SUCCEEDED, *, name: str = "shop"
    ) -> SyncRow:
        """Sync the connector, whose file is written where it is gone."""
        self.file.write_text(self.text)
        (self.root / "rows.json").write_text(json.dumps({"orders": rows, "customers": rows}))
        with closing(self.ledger) as ledger:
            setting = self.setting(ledger)
            request = StartRequest(root_run_id=uuid4().hex)
            row = run_sync(setting, setting.project.connector(name), request=request)
        assert row.verdict is verdict, row.cause
        return row

    def remove(
        self, fate: TableFate, *, keep_file: bool = False, name: str = "shop"
    ) -> RemovedConnector:
        with closing(self.ledger) as ledger:
            setting = self.setting(ledger)
            request = RemovalRequest(fate=fate, who="ada", keep_file=keep_file)
            return remove(setting, find_connector(setting, name), request=request)

    def versions(self) -> list[tuple[int, str]]:
        with closing(self.ledger) as ledger:
            known = ledger.states.versions("shop", environment="dev")
        return [(one.version, one.who) for one in known]

    def ask(self, sql: str) -> list[Any]:
        destination = load_project(self.root, tolerate=True).destination("warehouse")
        with connected(destination, secrets={}) as connection:
            return connection.execute(sql).fetchall()

    def tables(self, dataset: str = "shop_data") -> set[str]:
        """Return the tables of a dataset that are neither dlt's records nor ours."""
        found = self.ask(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
            f" AND schema_name = '{dataset}' AND table_name NOT LIKE '\\_%' ESCAPE '\\'"
        )
        return {name for (name,) in found}

    def datasets(self) -> set[str]:
        found = self.ask(
            "SELECT schema_name FROM duckdb_schemas() WHERE database_name = current_database()"
        )
        return {name for (name,) in found if name.startswith("shop_data")}

    def count(self, table: str) -> int:
        return int(self.ask(f'SELECT count(*) FROM shop_data."{table}"')[0][0])

    def run(self, *words: str, fault: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "connector_assets.cli", *words],
            cwd=self.root,
            env={**os.environ, **({VARIABLE: fault} if fault else {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def counts(row: SyncRow) -> dict[str, Any]:
    """Return the rows that a sync staged, by stream."""
    return {one["stream"]: one["staged"] for one in row.result["streams"]}
