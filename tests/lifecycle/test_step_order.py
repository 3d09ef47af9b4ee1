"""Steps that a scheduler runs as processes of their own: late, twice, not at all, or at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from connector_assets.errors import ConnectorError
from connector_assets.ledger.process import find_process
from connector_assets.ledger.records import Lease
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle import steps
from connector_assets.lifecycle.evidence import Layer
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.model import Verdict
from connector_assets.project import load_project

pytestmark = pytest.mark.integration


@pytest.fixture
def detached(root: Path, ledger: Ledger) -> Setting:
    return Setting(project=load_project(root), ledger=ledger, detached=True)


def start(setting: Setting) -> str:
    request = StartRequest(root_run_id=uuid4().hex)
    return steps.start(setting, setting.project.connector("shop"), request=request).sync_id


def let_time_pass(root: Path, *, minutes: int) -> None:
    """Let the lease have been set down so many minutes ago."""
    with closing(sqlite3.connect(root / ".connectors" / "ledger.db")) as ledger, ledger:
        ledger.execute(
            "UPDATE leases SET expires_at = datetime(expires_at, ?)", (f"-{minutes} minutes",)
        )


def test_loaded_sync_whose_last_steps_never_come_is_closed_within_minutes(
    detached: Setting, root: Path
) -> None:
    sync_id = start(detached)
    steps.run(detached, sync_id)
    assert steps.reap(detached) == []

    let_time_pass(root, minutes=3)
    closed = steps.reap(detached)

    assert [(row.sync_id, row.verdict) for row in closed] == [(sync_id, Verdict.SUCCEEDED)]


def test_sync_whose_run_step_has_not_come_is_waited_for(detached: Setting, root: Path) -> None:
    start(detached)

    let_time_pass(root, minutes=3)

    assert steps.reap(detached) == []


def test_run_step_tried_again_alone_is_finalized_by_the_last_step(
    detached: Setting, root: Path
) -> None:
    sync_id = start(detached)
    (root / "source.sqlite").rename(root / "away.sqlite")
    with pytest.raises(ConnectorError):
        steps.run(detached, sync_id)
    assert steps.finalize(detached, sync_id).verdict is Verdict.FAILED
    (root / "source.sqlite").unlink(missing_ok=True)
    (root / "away.sqlite").rename(root / "source.sqlite")

    steps.run(detached, sync_id)
    row = steps.status(detached, sync_id)

    assert (row.verdict, row.attempt) == (Verdict.SUCCEEDED, 1)
    assert detached.ledger.leases.holder("shop", environment="dev") is None


def test_finalize_waits_for_an_engine_that_is_being_ended(detached: Setting) -> None:
    sync_id = start(detached)
    token = detached.ledger.syncs.evidence(sync_id)[Layer.START]["token"]
    lease = Lease(connector="shop", environment="dev", sync_id=sync_id, token=token)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as engine:
        detached.ledger.leases.renew(lease, ttl=60, process=find_process(engine.pid))
        ending = threading.Timer(2, engine.kill)
        ending.start()
        began = time.monotonic()

        steps.finalize(detached, sync_id)

        assert time.monotonic() - began > 1.5
        assert engine.poll() is not None
        ending.join()
