"""What importing the platform loads, seen from a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("airflow", "dagster", "dlt", "duckdb", "meltano", "pyarrow", "sqlalchemy")
LIGHT = (
    "connector_assets",
    "connector_assets.cli",
    "connector_assets.errors",
    "connector_assets.faults",
    "connector_assets.model",
    "connector_assets.plan",
    "airflow_bridge",
)


def run_python(code: str) -> str:
    """What a fresh interpreter prints, run without the test's own imports."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", LIGHT)
def test_import_loads_nothing_heavy(module: str) -> None:
    shown = run_python(f"import json, sys, {module}; print(json.dumps(list(sys.modules)))")

    assert sorted(set(json.loads(shown)) & set(HEAVY)) == []


def test_import_starts_nothing() -> None:
    code = (
        "import sys, threading\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, _: seen.append(event))\n"
        "import connector_assets\n"
        "quiet = {'socket.connect', 'subprocess.Popen', 'sqlite3.connect', 'os.mkdir'}\n"
        "print(sorted(quiet & set(seen)), threading.active_count())"
    )

    assert run_python(code) == "[] 1\n"


@pytest.mark.parametrize(
    ("module", "spared"),
    [
        pytest.param(
            "connector_assets.lifecycle.steps",
            {"duckdb", "dlt", "fsspec", "pandas", "rich", "structlog"},
            id="a step",
        ),
        pytest.param("connector_assets.engines.job", {"pydantic", "yaml"}, id="an engine's job"),
    ],
)
def test_process_imports_what_it_needs_only(module: str, spared: set[str]) -> None:
    shown = run_python(f"import json, sys, {module}; print(json.dumps(list(sys.modules)))")

    assert sorted(set(json.loads(shown)) & spared) == []


def test_reading_a_destination_imports_no_pandas() -> None:
    code = (
        "import sys, duckdb\n"
        "from connector_assets.destinations.bookkeeping import *\n"
        "from connector_assets.destinations.counts import count_arrived\n"
        "from connector_assets.destinations.stamp import fetch_stamp\n"
        "live = duckdb.connect()\n"
        "create_tables(live, dataset='shop')\n"
        "live.execute(\"CREATE TABLE shop.orders AS SELECT 'a' AS _dlt_load_id\")\n"
        "found = [fetch_version(live, dataset='shop', connector='shop'), fetch_stamp(live)]\n"
        "found += fetch_loads(live, dataset='shop', sync_id='a')\n"
        "found += [count_arrived(live, dataset='shop', table='orders', load_ids=['a', 'b'])]\n"
        "print(found, 'pandas' in sys.modules)"
    )

    assert run_python(code) == "[0, None, 1] False\n"
