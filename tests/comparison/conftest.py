"""Three projects over one source: plain Meltano, plain dlt, and a connector of ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from benchmarks.peers import install_peer

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if not key.startswith("CONNECTORS_")},
    "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}
# Between the parts of a load, so that a kill comes after the same part in each run.
ONE_JOB_AT_A_TIME = {"LOAD__WORKERS": "1"}


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with one DuckDB file, and the command that syncs into it."""

    root: Path
    command: tuple[str, ...]
    file: str
    dataset: str

    def start(self, *more: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, *more],
            cwd=self.root,
            env={**ENVIRONMENT, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*more, **environment)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def plan(self, **plan: Any) -> None:
        """Say what the dlt source does."""
        (self.root / "source.json").write_text(json.dumps(plan))

    def configure(self, tap: str, **config: Any) -> None:
        """Set what a tap of the Meltano project does."""
        file = self.root / "meltano.yml"
        content = yaml.safe_load(file.read_text())
        (plugin,) = (one for one in content["plugins"]["extractors"] if one["name"] == tap)
        plugin["config"] = config
        file.write_text(yaml.safe_dump(content, sort_keys=False))

    def rows(self, columns: str, *, table: str = "orders") -> list[tuple[Any, ...]]:
        """Return what is in a table; nothing where it, or the file, is not there."""
        if not (self.root / self.file).exists():
            return []
        with duckdb.connect(str(self.root / self.file)) as connection:
            there = "SELECT 1 FROM duckdb_tables() WHERE (schema_name, table_name) = (?, ?)"
            if not connection.execute(there, [self.dataset, table]).fetchall():
                return []
            sql = f"SELECT {columns} FROM {self.dataset}.{table} ORDER BY ALL"
            return connection.execute(sql).fetchall()

    def count(self, *, table: str = "orders") -> int:
        return len(self.rows("id", table=table))


@pytest.fixture(scope="session")
def target_duckdb() -> Path:
    """target-duckdb from PyPI in an environment of its own, kept from session to session."""
    peer = install_peer("target-duckdb")
    assert not peer.problem
    return peer.programs / "target-duckdb"


@pytest.fixture
def plain_meltano(
    tmp_path: Path, target_duckdb: Path, declare_taps: Callable[[Path], None]
) -> Callable[[str], Project]:
    """A Meltano project with the taps of tests/taps and target-duckdb, by the tap to run."""
    loader = {
        "name": "target-duckdb",
        "namespace": "target_duckdb",
        "executable": str(target_duckdb),
        "settings": [{"name": "path"}, {"name": "default_target_schema"},
                     {"name": "batch_size_rows", "kind": "integer"}],
        "config": {"path": "$MELTANO_PROJECT_ROOT/warehouse.duckdb",
                   "default_target_schema": "shop_data", "batch_size_rows": 1000},
    }  # fmt: skip
    content = {"default_environment": "dev", "plugins": {"loaders": [loader]}}
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(content))
    declare_taps(tmp_path)

    def make(tap: str) -> Project:
        words = (str(BIN / "meltano"), "--log-format", "plain", "run", tap, "target-duckdb")
        return Project(root=tmp_path, command=words, file="warehouse.duckdb", dataset="shop_data")

    return make


@pytest.fixture
def plain_dlt(tmp_path: Path) -> Project:
    shutil.copy(HERE / "shop_source.py", tmp_path)
    words = (sys.executable, str(HERE / "plain_dlt.py"))
    return Project(root=tmp_path, command=words, file="warehouse.duckdb", dataset="shop_data")


@pytest.fixture
def here(tmp_path: Path, declare_taps: Callable[[Path], None]) -> Callable[..., Project]:
    """A project of ours with one connector ``shop``, by its source and its streams."""
    shutil.copy(HERE / "shop_source.py", tmp_path)
    declare_taps(tmp_path)
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors.yaml").write_text(
        "version: 1\nproject_id: shop\ndefaults: {owner: team, retries: {max: 0}}\n"
        "destinations: {warehouse: {type: duckdb, path: warehouse.duckdb}}\n"
    )

    def make(source: str, streams: Mapping[str, Any]) -> Project:
        connector = {
            "name": "shop",
            "engine": "meltano" if source.startswith("tap-") else "dlt",
            "source": source,
            "destination": "warehouse.shop_data",
            "streams": dict(streams),
        }
        (tmp_path / "connectors" / "shop.yaml").write_text(yaml.safe_dump(connector))
        words = (sys.executable, "-m", "connector_assets.cli", "sync", "shop", "--json")
        return Project(root=tmp_path, command=words, file="warehouse.duckdb", dataset="shop_data")

    return make
