"""Four writers at once in one DuckLake on PostgreSQL, updates of the same rows included."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.model import Destination, DestinationKind

from .writer import COMMON, DATASET, OWN, TABLE

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
NAMES = ("ada", "bob", "cyd", "dan")
ROUNDS = 3


def test_all_commit_and_nothing_is_lost_or_doubled(
    new_postgres_database: Callable[[], str], tmp_path: Path
) -> None:
    catalog, files = new_postgres_database(), str(tmp_path / "files")
    words = (sys.executable, "-m", "tests.faults.writer", catalog, files)
    writers = [
        subprocess.Popen([*words, name, str(ROUNDS)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for name in NAMES
    ]

    errors = [writer.communicate(timeout=300)[1] for writer in writers]

    assert [writer.returncode for writer in writers] == [0] * 4, "\n".join(errors)
    destination = Destination(
        name="lake", kind=DestinationKind.DUCKLAKE, catalog=catalog, data_path=files
    )
    with connected(destination, secrets={}) as connection:
        items = connection.execute(f"SELECT id, writer, turn FROM {DATASET}.{TABLE}").fetchall()
        loads = connection.execute(
            f"SELECT package_id, state_version FROM {DATASET}._connectors_loads ORDER BY ALL"
        ).fetchall()
        lost = connection.execute(
            f"SELECT count(*) FROM {DATASET}.{TABLE} WHERE _dlt_load_id NOT IN"
            f" (SELECT load_id FROM {DATASET}._dlt_loads)"
        ).fetchall()
    assert len(items) == len({row[0] for row in items}) == COMMON + len(NAMES) * OWN
    own = {(key, writer, turn) for key, writer, turn in items if not key.startswith("common")}
    assert own == {
        (f"{name}-{number}", name, ROUNDS - 1) for name in NAMES for number in range(OWN)
    }
    # One transaction was the last on all of them.
    assert len({(writer, turn) for key, writer, turn in items if key.startswith("common")}) == 1
    assert loads == [(f"{name}-{turn}", turn + 1) for name in NAMES for turn in range(ROUNDS)]
    assert lost == [(0,)]
