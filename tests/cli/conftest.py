"""The command line run in this process, a small project, and a ledger that knows some syncs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_assets.cli import main
from connector_assets.ledger.records import Closing, NewSync
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict

NOW = datetime.now(UTC)
PROJECT = """\
version: 1
project_id: shop
destinations:
  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
  file: {type: duckdb, path: data/file.duckdb}
defaults: {owner: team-data}
"""
SHOP = """\
name: shop
schedule: {cron: "0 2 * * *", timezone: Europe/Berlin}
engine: dlt
source: sql_database
config: {credentials: "postgresql+psycopg://reader:${password}@db/shop"}
secrets: {password: "env:SHOP_PASSWORD", other: "command:vault read -token abc"}
destination: lake.shop
defaults: {write: merge, primary_key: id}
streams:
  orders: {cursor: updated_at}
  stores: {write: replace}
"""
STOCK = """\
name: stock
engine: meltano
source: tap-stock
destination: file.stock
streams: {items: {write: append}}
"""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["error"]
        return found


Run = Callable[..., Ran]
Close = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs a command line here, as the entry point does."""
    for name in ("CONNECTORS_ENV", "CONNECTORS_DEBUG", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: object) -> Ran:
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Ran(code=code, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two connectors; the working directory."""
    root = tmp_path / "project"
    (root / "connectors").mkdir(parents=True)
    (root / "connectors.yaml").write_text(PROJECT)
    (root / "connectors" / "shop.yaml").write_text(SHOP)
    (root / "connectors" / "stock.yaml").write_text(STOCK)
    monkeypatch.chdir(root)
    return root


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty ledger file to copy."""
    file = tmp_path_factory.mktemp("ledger") / "ledger.db"
    Ledger.open(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def ledger(project: Path, empty_ledger: Path) -> Ledger:
    """The project's ledger, empty."""
    (project / ".connectors").mkdir()
    shutil.copy(empty_ledger, project / ".connectors" / "ledger.db")
    return Ledger.open(f"sqlite:///{project}/.connectors/ledger.db")


@pytest.fixture
def close(ledger: Ledger) -> Close:
    """A function that writes a sync of ``shop`` into the ledger; without a verdict it runs on."""

    def close(
        sync_id: str,
        verdict: Verdict | None = None,
        *,
        connector: str = "shop",
        hours_ago: float = 2,
        **closing: Any,
    ) -> str:
        at = NOW - timedelta(hours=hours_ago)
        new = NewSync(
            sync_id=sync_id,
            connector=connector,
            engine="dlt",
            environment="dev",
            destination="lake",
            dataset=connector,
            trigger="manual",
            root_run_id=f"run-{sync_id}",
            fingerprint="a41f",
            plan={},
            at=at,
        )
        attempt = ledger.syncs.open_attempt(new)
        if verdict:
            values = {"cause": "", "result": {}, "at": at, **closing}
            ledger.syncs.close(sync_id, attempt=attempt, closing=Closing(verdict=verdict, **values))
        return sync_id

    return close
