"""``connectors import meltano`` on real Meltano projects, after real runs of Meltano."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector_assets.destinations.connect import connected
from connector_assets.errors import ConfigError, EnvironmentMismatch, StateDivergence
from connector_assets.ledger.store import Ledger
from connector_assets.project import load_project

from .conftest import Run

pytestmark = pytest.mark.integration

PROJECT = """\
version: 1
project_id: {id}
environments: {{dev: {{}}, staging: {{}}}}
default_environment: dev
destinations:
  lake: {{type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}}
  file: {{type: duckdb, path: data/file.duckdb}}
defaults: {{owner: team-data}}
"""
BIN = Path(sys.executable).parent


def write_meltano(root: Path) -> None:
    """Write a project that reads two taps into a loader of its own, in jobs and schedules."""
    loaders = [
        {
            "name": "target-old",
            "namespace": "target_old",
            "executable": str(BIN / "connector-target"),
            "config": {"destination": f"duckdb:///{root}/old.duckdb", "dataset": "old"},
        }
    ]
    extractors = [
        {
            "name": "tap-shop",
            "inherit_from": "tap-well-behaved",
            "settings": [{"name": "token", "sensitive": True}],
            "config": {"streams_file": "rows.json", "token": "$SHOP_TOKEN"},
            "select": ["orders.*", "!orders.price"],
            "metadata": {"orders": {"replication-method": "INCREMENTAL", "replication-key": "id"}},
        },
        {
            "name": "tap-gone",
            "inherit_from": "tap-refuses-credentials",
            "config": {"in_discovery": True, "message": "401 Unauthorized: ${SHOP_TOKEN}"},
        },
    ]
    content = {
        "default_environment": "dev",
        "send_anonymous_usage_stats": False,
        "environments": [{"name": "dev"}, {"name": "staging"}],
        "plugins": {"extractors": extractors, "loaders": loaders},
        "jobs": [
            {"name": "all", "tasks": ["tap-shop target-old", "dbt:run"]},
            {"name": "other", "tasks": ["tap-gone target-old"]},
        ],
        "schedules": [
            {"name": "daily", "interval": "@daily", "job": "all"},
            {"name": "evening", "interval": "0 18 * * *", "job": "all"},
        ],
    }
    (root / "meltano.yml").write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture(scope="module")
def old_project(
    tmp_path_factory: pytest.TempPathFactory, declare_taps: Callable[[Path], None]
) -> Path:
    """A Meltano project that has run in two environments, with a connectors.yaml beside it."""
    folder = tmp_path_factory.mktemp("meltano")
    write_meltano(folder)
    declare_taps(folder)
    set_rows(folder, 10)
    (folder / "connectors.yaml").write_text(PROJECT.format(id="shop"))
    for environment in ("dev", "staging"):
        words = ("--environment", environment, "run", "tap-shop", "target-old")
        done = subprocess.run(
            [str(BIN / "meltano"), *words],
            cwd=folder,
            # It asks a package index before each command, and waits where there is none.
            env={**os.environ, "SHOP_TOKEN": "t", "MELTANO_CLI_DISABLE_VERSION_CHECK": "true"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old_project: Path) -> Path:
    """A copy of that project, in a folder with a space in its name; the working directory."""
    folder = tmp_path / "old project"
    shutil.copytree(old_project, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SHOP_TOKEN", "s3cret-token")
    return folder


def set_rows(root: Path, orders: int) -> None:
    (root / "rows.json").write_text(json.dumps({"orders": orders, "customers": 2}))


def snapshot(root: Path) -> Mapping[str, str]:
    """Return a hash of each file that is not the platform's own."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".connectors" not in path.parts
    }


def query(root: Path, sql: str) -> list[Any]:
    with connected(load_project(root).destination("lake"), secrets={}) as connection:
        return connection.execute(sql).fetchall()


def versions(root: Path, *, environment: str = "dev") -> list[tuple[int, str]]:
    with Ledger.open(f"sqlite:///{root}/.connectors/ledger.db") as ledger:
        found = ledger.states.versions("shop", environment=environment)
        return [(one.version, one.why) for one in found]


def test_the_first_sync_goes_on_exactly_where_meltano_stopped(root: Path, run: Run) -> None:
    before = snapshot(root)

    imported = run("import", "meltano", "--destination", "lake", "--json")
    after = snapshot(root)
    set_rows(root, 13)
    synced = run("sync", "shop", "--json")

    assert imported.code == 0, imported.err
    (one,) = imported.json["connectors"]
    assert (one["state_id"], one["state_carried"]) == ("dev:tap-shop-to-target-old", True)
    assert one["schedule"] == {"cron": "0 0,18 * * *", "timezone": "UTC"}
    # Nothing of Meltano's was changed, its database neither.
    assert before.items() <= after.items()
    assert synced.code == 0, synced.err
    assert synced.json["streams"][0]["emitted"] == 3
    ids = query(root, "SELECT id FROM lake.shop.orders ORDER BY id")
    assert ids == [(11,), (12,), (13,)]
    why = versions(root)
    assert [number for number, _ in why] == [2, 1]
    assert why[1][1] == "carried over from Meltano's state dev:tap-shop-to-target-old"


def test_the_file_holds_what_meltano_said_and_no_secret(root: Path, run: Run) -> None:
    ran = run("import", "meltano", "--destination", "lake.raw", "--state", "skip")

    text = (root / "connectors" / "shop.yaml").read_text()
    connector = load_project(root).connector("shop")
    assert ran.code == 0, ran.err
    assert connector.secrets == {"token": "env:SHOP_TOKEN"}
    assert connector.target == "lake.raw"
    assert [(one.name, one.cursor, str(one.write)) for one in connector.streams] == [
        ("orders", "id", "merge")
    ]
    assert "s3cret-token" not in text + ran.out + ran.err
    assert "none: the first sync reads all" in ran.out
    assert "left out: dbt:run in job all, because it is no tap" in ran.out
    refused = "left out: tap-gone, because its streams are not known: tap-gone failed in discovery"
    assert refused in ran.out


def test_a_dry_run_shows_it_and_writes_nothing(root: Path, run: Run) -> None:
    before = snapshot(root)

    ran = run("import", "meltano", "--destination", "lake", "--dry-run")

    assert ran.code == 0, ran.err
    assert "would be dev:tap-shop-to-target-old" in ran.out
    assert snapshot(root) == before
    assert not (root / ".connectors").exists()


def test_a_project_without_an_id_is_not_given_one(root: Path, run: Run) -> None:
    content = yaml.safe_load((root / "meltano.yml").read_text())
    del content["project_id"]
    (root / "meltano.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    before = snapshot(root)

    ran = run("import", "meltano", "--tap", "tap-shop", "--destination", "lake", "--dry-run")

    assert ran.code == 0, ran.err
    assert "would be dev:tap-shop-to-target-old" in ran.out
    assert snapshot(root) == before


def test_what_is_there_is_never_overwritten(root: Path, run: Run) -> None:
    (root / "connectors").mkdir()
    (root / "connectors" / "shop.yaml").write_text("name: mine\n")

    ran = run("import", "meltano", "--destination", "lake", "--tap", "tap-shop", "--json")

    assert ran.code == ConfigError.exit_code
    assert "is there already" in ran.error["problem"]
    assert "--state only --tap tap-shop" in ran.error["fix"]
    assert (root / "connectors" / "shop.yaml").read_text() == "name: mine\n"


def test_a_state_is_carried_over_later_and_once(root: Path, run: Run) -> None:
    words = ("import", "meltano", "--tap", "tap-shop", "--json")
    files = run(*words, "--destination", "lake", "--state", "skip")

    carried = run(*words, "--state", "only")
    again = run(*words, "--state", "only")

    assert files.json["connectors"][0]["state_id"] is None
    assert carried.code == 0, carried.err
    assert carried.json["connectors"][0]["state_carried"] is True
    (left,) = carried.json["left_out"]
    assert left["what"] == "state staging:tap-shop-to-target-old"
    assert again.code == StateDivergence.exit_code
    assert "has a state already" in again.error["problem"]
    assert [number for number, _ in versions(root)] == [1]


def test_the_destination_itself_says_that_it_has_a_state(root: Path, run: Run) -> None:
    run("import", "meltano", "--tap", "tap-shop", "--destination", "lake")
    # As if the ledger had been lost: the destination's own word counts.
    (root / ".connectors" / "ledger.db").unlink()

    ran = run("import", "meltano", "--tap", "tap-shop", "--state", "only", "--json")

    assert ran.code == StateDivergence.exit_code
    assert "has a state already, of version 1" in ran.error["problem"]
    assert query(root, "SELECT state_version FROM lake.shop._connectors_state") == [(1,)]


def test_a_connector_is_imported_with_its_state_or_not_at_all(root: Path, run: Run) -> None:
    words = ("import", "meltano", "--tap", "tap-shop", "--json", "--destination")
    run(*words, "lake")
    (root / "connectors" / "shop.yaml").unlink()
    (root / ".connectors" / "ledger.db").unlink()
    (root / "connectors.yaml").write_text(PROJECT.format(id="another"))

    ran = run(*words, "lake.other")

    assert ran.code == EnvironmentMismatch.exit_code
    assert "Again: connectors import meltano --tap tap-shop" in ran.error["fix"]
    assert not (root / "connectors" / "shop.yaml").exists()


@pytest.mark.parametrize(
    ("words", "problem", "fix"),
    [
        ((), "lake and file", "--destination lake gives each connector a dataset"),
        (("--destination", "lak"), "no destination 'lak'", "Did you mean 'lake'?"),
        (("--destination", "lake", "--tap", "tap-shp"), "runs 'tap-shp'", "'tap-shop'"),
        (("--destination", "lake", "--state-id", "x"), "no state 'x'", ""),
        (("/", "--destination", "lake"), "no connectors.yaml", "connectors init /"),
        ((".", "--project", ".."), "are two folders", "leave --project out"),
    ],
    ids=("none", "unknown destination", "unknown tap", "unknown state", "no project", "two"),
)
def test_a_wrong_request_says_what_there_is(
    root: Path, run: Run, words: tuple[str, ...], problem: str, fix: str
) -> None:
    ran = run("import", "meltano", *words, "--json")

    assert ran.code == ConfigError.exit_code
    assert problem in ran.error["problem"]
    assert fix in ran.error.get("fix", "")
    assert not (root / "connectors").exists()
