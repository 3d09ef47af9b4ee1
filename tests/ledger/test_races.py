"""Several processes at once: opening a fresh ledger, and taking one lease."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connector_assets.ledger.store import Ledger

pytestmark = pytest.mark.integration

RACER = Path(__file__).with_name("racer.py")


@pytest.fixture(params=["sqlite", "postgres"])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deep/ledger.db"
    return str(request.getfixturevalue("new_postgres_database")())


def start(url: str, *, sync_id: str, folder: Path, rounds: int) -> subprocess.Popen[str]:
    """Start a racer, which waits at the line."""
    return subprocess.Popen(
        [sys.executable, str(RACER), url, sync_id, str(folder), str(rounds)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def race(url: str, *, folder: Path, racers: int, rounds: int) -> list[int]:
    """Run all racers at once; return the tokens they had, sorted."""
    runs = [start(url, sync_id=f"s{n}", folder=folder, rounds=rounds) for n in range(racers)]
    while len(list(folder.glob("*.ready"))) < racers:
        assert all(run.poll() is None for run in runs), [run.communicate() for run in runs]
        time.sleep(0.02)
    (folder / "go").touch()
    outputs = [run.communicate(timeout=120) for run in runs]
    assert [(run.returncode, err) for run, (_, err) in zip(runs, outputs, strict=True)] == [
        (0, "")
    ] * racers
    return sorted(token for out, _ in outputs for token in json.loads(out))


def test_fresh_ledger_is_opened_by_four_processes_at_once(fresh_url: str, tmp_path: Path) -> None:
    tokens = race(fresh_url, folder=tmp_path, racers=4, rounds=1)

    assert tokens == [1, 2, 3, 4]


def test_lease_is_never_shared_by_eight_processes(ledger_url: str, tmp_path: Path) -> None:
    tokens = race(ledger_url, folder=tmp_path, racers=8, rounds=5)

    assert tokens == list(range(1, 41))
    with Ledger.open(ledger_url) as ledger:
        assert ledger.leases.holder("shop", environment="prod") is None
