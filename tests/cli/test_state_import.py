"""States of other environments, of real Meltano projects and of real dlt pipelines, carried on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.project import load_project

from .conftest import Run

pytestmark = pytest.mark.integration

PROJECT = """\
version: 1
project_id: shop
environments:
  dev: {}
  prod: {destinations: {place: {path: data/prod.duckdb}}}
default_environment: dev
defaults: {owner: team, primary_key: id, retries: {max: 0}}
destinations:
  place: {type: duckdb, path: data/dev.duckdb}
  old: {type: duckdb, path: old.duckdb}
"""
DLT = """\
name: shop
engine: dlt
source: python:rows_source:source
destination: place.shop_data
streams: {orders: {write: append, cursor: at}}
"""
MELTANO = """\
name: shop
engine: meltano
source: tap-well-behaved
destination: place.shop_data
streams: {orders: {write: append, cursor: id}}
"""
SOURCE = """\
import dlt

def rows():
    for number in range(1, 7):
        yield {"id": number, "at": f"2026-11-0{number}T00:00:00Z"}

def source():
    return [dlt.resource(rows, name="orders")]
"""
PIPELINE = """\
import dlt

# The key as the connector has it: dlt knows the rows at the boundary again by it.
@dlt.resource(name="orders", primary_key=["id"])
def orders(at=dlt.sources.incremental("at", initial_value="2026-01-01T00:00:00Z")):
    yield [{"id": number, "at": f"2026-11-0{number}T00:00:00Z"} for number in range(1, 5)]

dlt.pipeline(
    pipeline_name="old_shop",
    pipelines_dir="pipelines",
    destination=dlt.destinations.duckdb("old.duckdb"),
    dataset_name="loaded",
).run(orders)
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors.yaml").write_text(PROJECT)
    (tmp_path / "connectors" / "shop.yaml").write_text(DLT)
    (tmp_path / "rows_source.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ids(root: Path, environment: str = "dev") -> list[int]:
    destination = load_project(root, environment=environment).destination("place")
    with connected(destination, secrets={}) as connection:
        found = connection.execute("SELECT id FROM place.shop_data.orders ORDER BY id").fetchall()
    return [number for (number,) in found]


def sync_here(root: Path, environment: str = "dev") -> list[int]:
    words = [sys.executable, "-m", "connector_assets.cli", "sync", "shop", "--env", environment]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ids(root, environment)


def run_pipeline(root: Path) -> None:
    """Load the first rows with plain dlt, as people do."""
    (root / "old.py").write_text(PIPELINE)
    # dlt would import all of Airflow otherwise.
    env = {**os.environ, "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false"}
    subprocess.run([sys.executable, "old.py"], cwd=root, env=env, check=True, capture_output=True)


@pytest.mark.parametrize(
    "place",
    ["pipelines/old_shop", "old.duckdb", "old.loaded"],
    ids=["folder", "file", "destination"],
)
def test_dlt_pipeline_is_gone_on_from(root: Path, run: Run, place: str) -> None:
    run_pipeline(root)

    told = run("state", "import", "shop", "--from-dlt", place, "--why", "moved", "--json")

    assert told.code == 0, told.err
    assert told.json["version"] == 1
    assert told.json["why"].startswith("moved (imported from the dlt pipeline ")
    assert sync_here(root) == [5, 6]
    assert run("state", "import", "shop", "--from-dlt", place).code == 8


def test_dlt_pipeline_that_followed_another_cursor_is_refused(root: Path, run: Run) -> None:
    run_pipeline(root)
    (root / "connectors" / "shop.yaml").write_text(DLT.replace("cursor: at", "cursor: id"))

    refused = run("state", "import", "shop", "--from-dlt", "pipelines/old_shop", "--json")

    assert refused.code == 3
    assert "followed at of orders, the connector follows id" in refused.error["problem"]
    (root / "connectors" / "shop.yaml").write_text(DLT.replace("orders:", "visits:"))
    refused = run("state", "import", "shop", "--from-dlt", "pipelines/old_shop", "--json")
    assert "it has positions of orders" in refused.error["problem"]
    assert not (root / "data").exists()


@pytest.mark.parametrize("place", ["project", "database", "file"])
def test_meltano_is_gone_on_from(
    root: Path, run: Run, declare_taps: Callable[[Path], None], place: str
) -> None:
    (root / "connectors" / "shop.yaml").write_text(MELTANO)
    (root / "meltano.yml").write_text("default_environment: dev\nproject_id: old\n")
    declare_taps(root)
    state = json.dumps({"singer_state": {"bookmarks": {"orders": {"id": 7}}}})
    meltano = str(Path(sys.executable).with_name("meltano"))
    for words in (("set", "--force", "dev:tap-well-behaved-to-target-old", state), ("list",)):
        subprocess.run([meltano, "state", *words], cwd=root, check=True, capture_output=True)
    if place == "file":
        (root / "old.json").write_text(state)
    path = {"project": ".", "database": ".meltano/meltano.db", "file": "old.json"}[place]

    told = run("state", "import", "shop", "--from-meltano", path, "--json")

    assert told.code == 0, told.err
    assert told.json["moved"][0]["after"] == 7
    assert sync_here(root) == [8, 9, 10]


def test_state_goes_from_one_environment_to_another_and_back_through_an_edit(
    root: Path, run: Run
) -> None:
    sync_here(root)
    assert run("state", "export", "shop", "state.json").code == 0

    told = run("state", "import", "shop", "state.json", "--env", "prod")

    assert told.code == 0, told.err
    assert (
        "imported from version 1 of environment dev"
        in run("state", "log", "shop", "--env", "prod").out
    )
    sync = [sys.executable, "-m", "connector_assets.cli", "sync", "shop", "--env", "prod", "--json"]
    done = subprocess.run(sync, cwd=root, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["streams"][0]["staged"] == 0

    file = root / "state.json"
    file.write_text(file.read_text().replace("2026-11-06", "2026-11-04"))
    words = ("state", "set", "shop", "--file", "state.json", "--why", "4 and on were wrong")
    assert run(*words).code == 0
    assert sync_here(root) == [1, 2, 3, 4, 4, 5, 5, 6, 6]
    assert run(*words).code == 13
    told = run("state", "set", "shop", "orders.at=2026-11-06T00:00:00Z", "--why", "far", "--json")
    # The rows there are read again: it is forgotten that they were seen.
    assert [one["key"] for one in told.json["moved"]] == ["incremental.at.unique_hashes"]


def test_clear_asks_and_without_a_terminal_wants_a_yes(root: Path, run: Run) -> None:
    rows = sync_here(root)

    refused = run("clear", "shop", "--json")

    assert (refused.code, ids(root)) == (3, rows)
    assert "place.shop_data in dev loses orders (6 rows)" in refused.error["fix"]
    assert run("clear", "shop", "--yes", "--json").json["cleared"] == {"orders": 6}
    assert ids(root) == []


def test_refresh_is_a_full_refresh(root: Path) -> None:
    sync_here(root)
    words = [sys.executable, "-m", "connector_assets.cli", "refresh", "shop", "--json"]

    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True)

    told = json.loads(done.stdout)
    assert (told["full_refresh"], told["verdict"]) == (["orders"], "succeeded")
    assert ids(root) == [1, 2, 3, 4, 5, 6]
