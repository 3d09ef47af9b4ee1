"""A project with two streams that get other names, and two environments that know them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

from connector_assets.destinations.connect import connected
from connector_assets.faults import VARIABLE
from connector_assets.ledger.records import StateVersion, SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from connector_assets.project import load_project

DESTINATIONS = {
    "duckdb": "{type: duckdb, path: data/%s.duckdb}",
    "ducklake": '{type: ducklake, catalog: "sqlite:///data/%s.sqlite", data_path: data/%s}',
}
ENGINES = {
    "meltano": "engine: meltano\nsource: tap-well-behaved\nconfig: {streams_file: rows.json}",
    "dlt": "engine: dlt\nsource: python:rows_source:source",
    "own": "engine: dlt\nsource: python:rows_source:shop",
}
PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, primary_key: id, cursor: id, retries: {max: 0}}
default_environment: dev
environments:
  dev: {}
  staging: {ledger: "sqlite:///.connectors/staging.db", destinations: {warehouse: %s}}
destinations: {warehouse: %s}
"""
CONNECTOR = """\
name: shop  # what sells
%s
destination: warehouse.shop_data
streams:
  orders: {write: append}
  customers: {write: merge}
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

# Called as the connector was once: that name is the source's own.
@dlt.source
def shop():
    return source()
"""


class Shop:
    """A project with two streams, its ledgers, and what the connector and they are called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = "shop"
        self.streams = ["orders", "customers"]

    @property
    def file(self) -> Path:
        return self.root / "connectors" / f"{self.name}.yaml"

    def setting(self, ledger: Ledger, environment: str) -> Setting:
        return Setting(project=load_project(self.root, environment=environment), ledger=ledger)

    def ledger(self, environment: str = "dev") -> Ledger:
        file = {"dev": "ledger.db", "staging": "staging.db"}[environment]
        return Ledger.open(f"sqlite:///{self.root / '.connectors' / file}")

    def sync(
        self,
        rows: int,
        verdict: Verdict = Verdict.SUCCEEDED,
        *,
        environment: str = "dev",
        scheduled: bool = False,
    ) -> SyncRow:
        (self.root / "rows.json").write_text(json.dumps(dict.fromkeys(self.streams, rows)))
        with closing(self.ledger(environment)) as ledger:
            setting = self.setting(ledger, environment)
            asked = StartRequest(root_run_id=uuid4().hex, scheduled=scheduled)
            row = run_sync(setting, setting.project.connector(self.name), request=asked)
        assert row.verdict is verdict, row.cause
        return row

    def rename_by_hand(self, name: str) -> None:
        """Rename in the files alone, as a commit of somebody else's does."""
        text = self.file.read_text().replace(
            f"name: {self.name}", f"name: {name}\nrenamed_from: {self.name}"
        )
        self.write(text, name=name)

    def rename_streams(self, **names: str) -> None:
        text = self.file.read_text()
        for old, new in names.items():
            text = text.replace(f"  {old}: {{", f"  {new}: {{renamed_from: {old}, ")
        self.write(text, name=self.name)
        self.streams = [names.get(one, one) for one in self.streams]

    def write(self, text: str, *, name: str) -> None:
        self.file.unlink(missing_ok=True)
        self.name = name
        self.file.write_text(text)

    def versions(self, environment: str = "dev") -> list[StateVersion]:
        with closing(self.ledger(environment)) as ledger:
            return ledger.states.versions(self.name, environment=environment)

    def cli(self, *words: str, fault: str = "", code: int = 0) -> str:
        """Run a command in a process of its own; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "connector_assets.cli", *words],
            cwd=self.root,
            env={**os.environ, VARIABLE: fault},
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def ask(self, sql: str, environment: str = "dev") -> list[Any]:
        destination = load_project(self.root, environment=environment).destination("warehouse")
        with connected(destination, secrets={}) as connection:
            return connection.execute(sql).fetchall()

    def ids(self, stream: str, environment: str = "dev") -> list[Any]:
        found = self.ask(f"SELECT id FROM warehouse.shop_data.{stream} ORDER BY id", environment)
        return [number for (number,) in found]

    def tables(self) -> set[str]:
        found = self.ask("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'shop_data'")
        return {name for (name,) in found if not name.startswith("_")}

    def known(self) -> list[Any]:
        """Return the names by which the destination knows connectors."""
        return self.ask("SELECT connector FROM warehouse.shop_data._connectors_state")


def make_shop(root: Path, *, engine: str = "dlt", destination: str = "duckdb") -> Shop:
    """Write the project; the taps of the tests are to be declared in it."""
    (root / "connectors").mkdir(parents=True)
    kind = DESTINATIONS[destination]
    places = [kind.replace("%s", one) for one in ("staging", "dev")]
    (root / "connectors.yaml").write_text(PROJECT % tuple(places))
    (root / "connectors" / "shop.yaml").write_text(CONNECTOR % ENGINES[engine])
    (root / "rows_source.py").write_text(SOURCE)
    (root / "meltano.yml").write_text("default_environment: dev\n")
    return Shop(root)


def counts(row: SyncRow) -> list[tuple[str, Any]]:
    """Return what each stream staged."""
    return [(one["stream"], one["staged"]) for one in row.result["streams"]]
