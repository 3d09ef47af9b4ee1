"""The commands `sync` and `step`, as processes: what they print and how they end."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector_assets.ledger.records import HolderProcess, LeaseRequest
from connector_assets.ledger.store import Ledger

pytestmark = pytest.mark.integration
Run = Callable[..., subprocess.CompletedProcess[str]]

PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, retries: {max: 0}}
destinations:
  warehouse: {type: duckdb, path: data/warehouse.duckdb}
"""
ORDERS = """\
name: orders
engine: dlt
source: sql_database
config: {credentials: "sqlite:///source.sqlite"}
destination: warehouse.sales
max_wait: 1
streams:
  orders: {write: merge, primary_key: id}
"""
ENDLESS = """\
name: endless
engine: dlt
source: python:sources:endless
destination: warehouse.noise
streams:
  numbers: {write: append}
"""
SOURCES = """\
import time
import dlt

@dlt.resource(name="numbers")
def endless():
    while True:
        yield {"id": 1}
        time.sleep(0.01)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "source.sqlite") as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER)")
        database.execute("INSERT INTO orders VALUES (1, 10), (2, 20)")
    database.close()
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors.yaml").write_text(PROJECT)
    (tmp_path / "connectors" / "orders.yaml").write_text(ORDERS)
    (tmp_path / "connectors" / "endless.yaml").write_text(ENDLESS)
    (tmp_path / "sources.py").write_text(SOURCES)
    return tmp_path


@pytest.fixture
def connectors(root: Path) -> Run:
    """Run the command in the project's folder."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "connector_assets.cli", *words]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    return run


def last_object(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_sync_json_ends_with_one_object_and_status_has_the_same(connectors: Run) -> None:
    done = connectors("sync", "orders", "--json")
    (status,) = json.loads(connectors("status", "orders", "--json").stdout)

    synced = last_object(done)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert synced == {key: status[key] for key in synced}
    assert (synced["connector"], synced["engine"]) == ("orders", "dlt")
    assert synced["verdict"] == "succeeded"
    (stream,) = synced["streams"]
    counts = ("stream", "table", "emitted", "staged", "in_destination")
    assert [stream[key] for key in counts] == ["orders", "orders", 2, 2, 2]


def test_sync_shows_a_line_for_each_step(connectors: Run) -> None:
    done = connectors("sync", "orders")

    words = [line.split()[:2] for line in done.stdout.splitlines()]
    for step in ("start_dag", "run_dlt", "finalize_dag", "final_status"):
        assert ["ok", step] in words
    assert "1 transaction" in done.stdout


def test_steps_in_processes_of_their_own_are_the_same_sync(connectors: Run) -> None:
    start = ("step", "start", "--connector", "orders", "--root-run-id", "r1")
    sync_id = last_object(connectors(*start))["sync_id"]
    for step in ("run", "finalize"):
        assert connectors("step", step, "--sync-id", sync_id).returncode == 0
    status = connectors("step", "status", "--sync-id", sync_id)

    assert status.returncode == 0
    assert last_object(status)["verdict"] == "succeeded"
    assert last_object(connectors(*start))["sync_id"] == sync_id
    assert last_object(connectors(*start))["attempt"] == 3


def test_run_step_raises_what_start_recorded(connectors: Run, root: Path) -> None:
    file = root / "connectors" / "orders.yaml"
    file.write_text(ORDERS + 'secrets: {token: "env:NO_SUCH_VARIABLE_HERE"}\n')

    started = connectors("step", "start", "--connector", "orders", "--root-run-id", "r1")
    sync_id = last_object(started)["sync_id"]
    codes = [
        connectors("step", step, "--sync-id", sync_id).returncode
        for step in ("run", "finalize", "status")
    ]

    assert started.returncode == 0
    assert last_object(started)["error"]["type"] == "CredentialError"
    assert codes == [4, 0, 4]


def _hold_lease(root: Path) -> None:
    with Ledger.open(f"sqlite:///{root / '.connectors' / 'ledger.db'}") as ledger:
        process = HolderProcess(host="elsewhere")
        request = LeaseRequest(
            connector="orders", environment="dev", sync_id="other", ttl=600, process=process
        )
        ledger.leases.acquire(request)


def test_second_manual_sync_is_refused_with_the_holders_name(connectors: Run, root: Path) -> None:
    _hold_lease(root)

    done = connectors("sync", "orders", "--json")

    assert done.returncode == 9
    error = last_object(done)["error"]
    assert error["type"] == "LeaseHeld"
    assert "sync other (host elsewhere" in error["problem"]


def test_second_scheduled_sync_waits_and_is_skipped(connectors: Run, root: Path) -> None:
    _hold_lease(root)

    done = connectors("sync", "orders", "--scheduled", "--json")

    assert done.returncode == 9
    assert last_object(done)["verdict"] == "skipped"
    assert "sync other (host elsewhere" in last_object(done)["cause"]


@pytest.mark.fault
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_sync_that_is_stopped_ends_as_cancelled(root: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "connector_assets.cli", "sync", "endless", "--json"]
    with subprocess.Popen(command, cwd=root, stdout=-1, stderr=-1, text=True) as process:
        _wait_for_rows(root)
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    assert json.loads(out.splitlines()[-1])["verdict"] == "cancelled"
    assert not (root / "data").exists()


def _wait_for_rows(root: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for file in (root / ".connectors" / "work").glob("*/*/progress.jsonl"):
            if '"numbers"' in file.read_text():
                return
        time.sleep(0.1)
    raise AssertionError("the sync did not begin to extract")
