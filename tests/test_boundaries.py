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
