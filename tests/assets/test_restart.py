"""The mirror tells each sync once, also where its daemon is killed between telling and marking."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from connector_assets.assets.servers import Running, serve
from connector_assets.errors import EngineFailed
from connector_assets.ledger.records import View
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.project import load_project
from tests.assets.instance import Instance, metadata

pytestmark = [pytest.mark.integration, pytest.mark.fault]


def test_killed_daemon_tells_each_sync_once(root: Path, ledger: Ledger) -> None:
    setting = Setting(project=load_project(root, tolerate=True), ledger=ledger)
    connector = setting.project.connector("staff")
    rows = [
        run_sync(setting, connector, request=StartRequest(root_run_id=uuid4().hex))
        for _ in range(2)
    ]

    with serve(setting.project, port=0) as running:
        instance = Instance(running.url)
        _wait_until_told(instance, count=1)
        pending = len(setting.ledger.outbox.pending(View.DAGSTER, environment="dev"))
        _kill_daemon(root)
        with pytest.raises(EngineFailed, match="dagster-daemon was ended by signal 9"):
            _wait_for_end(running)
    with serve(setting.project, port=0) as running:
        instance = Instance(running.url)
        _wait_until_marked(setting)
        # Two ticks more, which could tell it again.
        time.sleep(12)
        told = instance.asset("staff/stores")["assetMaterializations"]

    assert pending
    assert sorted(metadata(one["metadataEntries"])["sync_id"] for one in told) == sorted(
        row.sync_id for row in rows
    )


def _wait_until_told(instance: Instance, *, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(instance.asset("staff/stores")["assetMaterializations"]) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _wait_until_marked(setting: Setting) -> None:
    deadline = time.monotonic() + 60
    while setting.ledger.outbox.pending(View.DAGSTER, environment="dev"):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _wait_for_end(running: Running) -> None:
    for _ in range(100):
        running.check()
        time.sleep(0.3)


def _kill_daemon(root: Path) -> None:
    (daemon,) = [
        child
        for child in psutil.Process().children(recursive=True)
        if any("dagster-daemon" in word for word in child.cmdline()[:3])
        and str(root) in child.cmdline()
        and "guard" not in " ".join(child.cmdline()[:4])
    ]
    daemon.kill()
