"""A sync is taken back: tables, position and dlt's records as before, and the next one loads it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connector_assets.credentials.sources import resolve_connector
from connector_assets.destinations.connect import connected
from connector_assets.destinations.maintain import Lake, flush, maintain_lake
from connector_assets.destinations.readback import read_position
from connector_assets.destinations.stamp import Stamp
from connector_assets.errors import ConfigError, ConnectorError, LeaseHeld
from connector_assets.faults import VARIABLE
from connector_assets.ledger.records import SyncRow, View
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle import decisions
from connector_assets.lifecycle import undo as undoing
from connector_assets.lifecycle.lease import take_lease
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.lifecycle.upkeep import Upkeep, maintain
from connector_assets.model import Verdict
from connector_assets.project import load_project

pytestmark = pytest.mark.integration
PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, retries: {max: 0}}
destinations:
  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
  file: {type: duckdb, path: data/file.duckdb}
"""
CONNECTOR = """\
name: shop
engine: dlt
source: python:told:streams
destination: lake.shop
streams:
  added: {write: append, cursor: id}
  merged: {write: merge, primary_key: id, cursor: at}
  replaced: {write: replace}
"""
SOURCE = """\
import json, pathlib
import dlt

def read(name):
    yield from json.loads(pathlib.Path("rows.json").read_text())[name]

@dlt.source
def streams():
    for name in json.loads(pathlib.Path("rows.json").read_text()):
        yield dlt.resource(read, name=name)(name)
"""
FIRST: dict[str, list[dict[str, Any]]] = {
    "added": [{"id": 1, "note": "a"}, {"id": 2, "note": "b"}],
    "merged": [{"id": 1, "at": 1, "tags": [{"name": "x"}]}, {"id": 2, "at": 2, "tags": []}],
    "replaced": [{"id": 1, "note": "a"}],
}
Sync = Callable[[], SyncRow]
#: What differs between two loads of the same rows.
LOADS = ("_dlt_load_id", "_dlt_id", "_dlt_parent_id", "_dlt_root_id")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors.yaml").write_text(PROJECT)
    (tmp_path / "connectors" / "shop.yaml").write_text(CONNECTOR)
    (tmp_path / "told.py").write_text(SOURCE)
    tell(tmp_path, FIRST)
    return tmp_path


@pytest.fixture
def sync(root: Path, ledger: Ledger) -> Sync:
    def run() -> SyncRow:
        setting = open_setting(root, ledger)
        request = StartRequest(root_run_id=uuid4().hex)
        return run_sync(setting, setting.project.connector("shop"), request=request)

    return run


def open_setting(root: Path, ledger: Ledger) -> Setting:
    return Setting(project=load_project(root), ledger=ledger)


def tell(root: Path, rows: dict[str, list[dict[str, Any]]]) -> None:
    (root / "rows.json").write_text(json.dumps(rows))


def look(root: Path, *, loads: bool = True) -> dict[str, Any]:
    """Return every table of the dataset but ours: columns and rows; and the connector's state."""
    connector = load_project(root).connector("shop")
    secrets = resolve_connector(connector, root=root).destination
    found: dict[str, Any] = {}
    with connected(connector.destination, secrets=secrets) as connection:
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'shop' ORDER BY 1"
        ).fetchall()
        for (name,) in names:
            if name.startswith("_connectors") or (name.startswith("_dlt") and not loads):
                continue
            rows = connection.execute(f'SELECT * FROM shop."{name}"')
            columns = [one[0] for one in rows.description or ()]
            kept = [one for one in columns if loads or one not in LOADS]
            table = [dict(zip(columns, row, strict=True)) for row in rows.fetchall()]
            found[name] = (kept, sorted(repr([row[one] for one in kept]) for row in table))
        found["required"] = connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT is_nullable"
            " AND starts_with(schema_name, 'shop') AND NOT starts_with(table_name, '_connectors')"
            " ORDER BY ALL"
        ).fetchall()
        found["state"] = read_position(connection, connector)[1].get("sources")
    return found


def more_rows(root: Path) -> None:
    tell(
        root,
        {
            "added": [*FIRST["added"], {"id": 3, "note": "c"}],
            "merged": [{"id": 1, "at": 3, "tags": [{"name": "y"}]}, {"id": 3, "at": 4, "tags": []}],
            "replaced": [{"id": 7, "note": "z"}],
        },
    )


def new_column(root: Path) -> None:
    tell(
        root,
        {
            "added": [{"id": 3, "note": "c", "extra": 1.5}],
            "merged": [{"id": 1, "at": 3, "tags": [{"name": "y", "extra": True}]}],
            "replaced": [{"id": 7, "note": "z", "extra": "e"}],
        },
    )


def dropped_column(root: Path) -> None:
    tell(
        root,
        {
            "added": [{"id": number} for number in range(3, 30)],
            "merged": [{"id": number, "at": number} for number in range(3, 30)],
            "replaced": [{"id": number} for number in range(30)],
        },
    )


def new_stream(root: Path) -> None:
    file = root / "connectors" / "shop.yaml"
    file.write_text(f"{CONNECTOR}  brought: {{write: merge, primary_key: id}}\n")
    tell(root, {**FIRST, "brought": [{"id": 1, "checkpoints": [{"of": 1}]}]})


@pytest.mark.parametrize("change", [more_rows, new_column, dropped_column, new_stream])
def test_undone_is_as_before_and_comes_again(
    root: Path, sync: Sync, ledger: Ledger, change: Callable[[Path], None]
) -> None:
    assert sync().verdict is Verdict.SUCCEEDED
    before = look(root)
    change(root)
    loaded = sync()
    assert loaded.verdict is not None
    assert loaded.verdict.good, loaded.cause
    after = look(root, loads=False)

    row, undone = undoing.undo(open_setting(root, ledger), loaded.sync_id, who="ada")

    assert look(root) == before
    assert row.verdict is Verdict.CANCELLED
    assert "undone by ada" in row.cause
    state = ledger.states.latest("shop", environment="dev")
    assert state is not None
    assert (state.version, state.who, state.state["sources"]) == (3, "ada", before["state"])
    assert ("brought" in undone.dropped) is (change is new_stream)
    told = ledger.outbox.pending(View.DAGSTER, environment="dev")
    assert [one.payload["verdict"] for one in told if one.sync_id == row.sync_id][-1] == "cancelled"

    again = sync()

    assert again.verdict is loaded.verdict
    assert look(root, loads=False) == after


def test_syncs_are_undone_one_after_the_other(root: Path, sync: Sync, ledger: Ledger) -> None:
    first = sync()
    more_rows(root)
    second = sync()
    setting = open_setting(root, ledger)

    with pytest.raises(ConfigError, match=f"{second.sync_id} was loaded after") as caught:
        undoing.undo(setting, first.sync_id, who="ada")
    assert f"connectors undo {second.sync_id}" in caught.value.fix
    undoing.undo(setting, second.sync_id, who="ada")
    undoing.undo(setting, first.sync_id, who="ada")

    assert look(root) == {"required": [], "state": None}
    assert sync().verdict is Verdict.SUCCEEDED
    with pytest.raises(ConfigError, match="has nothing in"):
        undoing.undo(setting, second.sync_id, who="ada")


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_undo_that_was_killed_is_finished_by_the_next(
    root: Path, sync: Sync, ledger: Ledger, point: str
) -> None:
    sync()
    before = look(root)
    more_rows(root)
    loaded = sync()
    after = look(root)

    killed = subprocess.run(
        [sys.executable, "-m", "connector_assets.cli", "undo", loaded.sync_id],
        cwd=root,
        env={**os.environ, VARIABLE: f"{point}:kill"},
        capture_output=True,
        check=False,
    )

    assert killed.returncode == -signal.SIGKILL
    assert look(root) == (before if point == "after_commit" else after)
    assert ledger.history.find(loaded.sync_id).verdict is Verdict.SUCCEEDED
    row, undone = undoing.undo(open_setting(root, ledger), loaded.sync_id, who="ada")
    assert (row.verdict, undone.version) == (Verdict.CANCELLED, 3)
    assert look(root) == before
    assert sync().verdict is Verdict.SUCCEEDED


def test_what_was_staged_before_an_undo_is_not_loaded_after_it(
    root: Path, sync: Sync, ledger: Ledger
) -> None:
    sync()
    tell(root, {**FIRST, "replaced": []})
    held = sync()
    assert held.verdict is Verdict.BLOCKED
    more_rows(root)
    loaded = sync()
    setting = open_setting(root, ledger)
    undoing.undo(setting, loaded.sync_id, who="ada")

    with pytest.raises(ConfigError):
        undoing.undo(setting, held.sync_id, who="ada")
    with pytest.raises(ConnectorError):
        decisions.release(setting, held.sync_id, who="ada")


def test_running_connector_and_duckdb_file_are_refused(
    root: Path, sync: Sync, ledger: Ledger
) -> None:
    loaded = sync()
    setting = open_setting(root, ledger)
    lease = take_lease(setting, setting.project.connector("shop"), sync_id="other", wait=0)
    with pytest.raises(LeaseHeld):
        undoing.undo(setting, loaded.sync_id, who="ada")
    ledger.leases.release(lease)

    file = root / "connectors" / "shop.yaml"
    file.write_text(CONNECTOR.replace("lake.shop", "file.shop"))
    other = open_setting(root, ledger)
    row = run_sync(
        other,
        other.project.connector("shop"),
        request=StartRequest(root_run_id=uuid4().hex, rebuild=True),
    )
    with pytest.raises(ConfigError, match="is a DuckDB file"):
        undoing.undo(other, row.sync_id, who="ada")


def test_sync_is_undone_after_upkeep_and_not_once_its_snapshot_has_expired(
    root: Path, sync: Sync, ledger: Ledger
) -> None:
    sync()
    before = look(root)
    more_rows(root)
    loaded = sync()
    setting = open_setting(root, ledger)
    none = timedelta(0)
    lake = Lake(
        destination=setting.project.destination("lake"),
        secrets={},
        stamp=Stamp(project_id="shop", environment="dev"),
        keep=timedelta(hours=1),
        grace=none,
    )

    done = maintain_lake(lake)
    assert (done.expired, flush(lake, dataset="shop") > 0) == (0, True)
    undoing.undo(setting, loaded.sync_id, who="ada")
    assert look(root) == before

    last = sync()
    after = look(root)
    done = maintain_lake(replace(lake, keep=none))
    assert done.expired > 3
    with pytest.raises(ConfigError, match="has expired"):
        undoing.undo(setting, last.sync_id, who="ada")
    assert look(root) == after


def test_upkeep_beside_syncs_loses_nothing(root: Path, sync: Sync, ledger: Ledger) -> None:
    setting, stop = open_setting(root, ledger), threading.Event()
    tell(root, {**FIRST, "added": []})
    sync()
    rounds: list[Upkeep] = []

    def tidy() -> None:
        while not stop.is_set():
            rounds.append(maintain(setting, undo=timedelta(seconds=1), logs=timedelta(days=1)))

    thread = threading.Thread(target=tidy)
    thread.start()
    try:
        for number in range(1, 4):
            tell(root, {**FIRST, "added": [{"id": number}]})
            row = sync()
            assert row.verdict is not None
            assert row.verdict.good, row.cause
    finally:
        stop.set()
        thread.join()

    assert len(rounds) > 3
    columns, rows = look(root, loads=False)["added"]
    assert columns[0] == "id"
    assert len(rows) == 3


def test_old_logs_and_folders_go_and_others_stay(root: Path, sync: Sync, ledger: Ledger) -> None:
    kept, gone = sync(), sync()
    setting = open_setting(root, ledger)
    logs = root / ".connectors" / "artifacts" / "logs" / "shop"
    left = setting.sync_folder(gone.sync_id)
    left.mkdir(parents=True)
    for path in (logs / f"{gone.sync_id}.jsonl", left):
        os.utime(path, (0, 0))

    done = maintain(setting, undo=timedelta(days=7), logs=timedelta(days=90))

    assert (done.logs, done.folders) == (1, 1)
    assert [path.stem for path in logs.iterdir()] == [kept.sync_id]
    assert not left.exists()
