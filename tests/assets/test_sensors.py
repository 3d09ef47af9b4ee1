"""What ran elsewhere, and what drifts: both sensors in a real daemon."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from connector_assets.alerting import AlertKind
from connector_assets.assets.servers import serve
from connector_assets.ledger.alert_records import NewAlert
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle import decisions
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from connector_assets.project import load_project
from tests.assets.conftest import write_project
from tests.assets.instance import Instance, metadata
from tests.lifecycle.conftest import Webhook

pytestmark = pytest.mark.integration
# Due each minute.
WATCHED = """\
name: watched
engine: dlt
source: sql_database
config: {credentials: "sqlite:///source.sqlite"}
destination: lake.watched
schedule: {cron: "* * * * *"}
streams:
  orders: {write: replace}
alerts: {urls: ["json://127.0.0.1:%d/"]}
"""
Sync = Callable[[str], SyncRow]


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, webhook: Webhook) -> Path:
    root = tmp_path_factory.mktemp("dagster")
    write_project(root)
    beat = f"heartbeat: {{url: 'http://127.0.0.1:{webhook.server_port}/beat', every: 1s}}\n"
    (root / "connectors.yaml").write_text((root / "connectors.yaml").read_text() + beat)
    (root / "connectors" / "watched.yaml").write_text(WATCHED % webhook.server_port)
    return root


@pytest.fixture(scope="module")
def setting(root: Path) -> Iterator[Setting]:
    with Ledger.open(f"sqlite:///{root / '.connectors' / 'ledger.db'}") as ledger:
        yield Setting(project=load_project(root, tolerate=True), ledger=ledger)


@pytest.fixture(scope="module")
def sync(setting: Setting) -> Sync:
    """A function that syncs a connector here, outside of Dagster."""

    def run(name: str) -> SyncRow:
        request = StartRequest(root_run_id=uuid4().hex)
        return run_sync(setting, setting.project.connector(name), request=request)

    return run


@pytest.fixture(scope="module")
def instance(root: Path, sync: Sync) -> Iterator[Instance]:
    # The lock of what is watched, before the first look at it.
    assert sync("watched").verdict is Verdict.SUCCEEDED
    with serve(load_project(root, tolerate=True), port=0) as running:
        yield Instance(running.url)


def wait_until(held: Callable[[], bool], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not held():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def count_told(instance: Instance, key: str, sync_id: str) -> int:
    told = [
        metadata(one["metadataEntries"]) for one in instance.asset(key)["assetMaterializations"]
    ]
    return [one["sync_id"] for one in told].count(sync_id)


def test_sync_that_ran_elsewhere_is_told_once_with_its_checks(
    instance: Instance, sync: Sync, setting: Setting
) -> None:
    row = sync("staff")

    wait_until(lambda: count_told(instance, "staff/stores", row.sync_id) == 1)
    wait_until(lambda: _is_marked(setting, row))
    # Another tick after it was marked.
    time.sleep(6)
    assert count_told(instance, "staff/stores", row.sync_id) == 1
    assert instance.checks("staff/stores") == dict.fromkeys(
        ("schema", "rows", "freshness", "sync"), True
    )


def test_sync_that_failed_elsewhere_is_told_with_its_cause(
    instance: Instance, sync: Sync, root: Path
) -> None:
    (root / "fails.txt").write_text("fatal 1")

    row = sync("report")

    wait_until(lambda: bool(instance.observations("report/rows")))
    wait_until(lambda: f"told of report {row.sync_id[:8]}" in instance.skips("mirror_sensor"))
    (told,) = instance.observations("report/rows")
    assert (told["sync_id"], told["verdict"]) == (row.sync_id, "failed")


def test_run_of_dagster_is_told_by_itself_only(instance: Instance, setting: Setting) -> None:
    assert instance.wait(instance.materialize("shop/stores"))["status"] == "SUCCESS"

    (row,) = setting.ledger.history.recent(environment="dev", connector="shop", limit=1)
    wait_until(lambda: _is_marked(setting, row))
    assert count_told(instance, "shop/stores", row.sync_id) == 1


def test_drift_is_found_by_the_sensor_told_once_and_over_once_it_is_approved(
    instance: Instance, setting: Setting, root: Path, webhook: Webhook
) -> None:
    with closing(sqlite3.connect(root / "source.sqlite")) as database, database:
        database.execute("ALTER TABLE orders DROP COLUMN total")

    wait_until(lambda: instance.checks("watched/orders")["schema"] is False)
    (event,) = setting.ledger.drift.find(environment="dev", connector="watched")
    wait_until(lambda: len(webhook.received) == 1)
    decisions.approve(setting, "watched", who="ada")

    assert (event.kind, event.first_sync_id[:6]) == ("column_removed", "probe-")
    assert "watched: orders.total column_removed: double" in instance.skips("schema_drift_sensor")
    looked = instance.observations("sources/sqlite/source.sqlite")
    assert ("watched", "orders.total column_removed: double") in [
        (one["connector"], one["found"]) for one in looked
    ]
    wait_until(lambda: instance.checks("watched/orders")["schema"] is True)
    assert [one["title"] for one in webhook.received] == ["watched DRIFT (dev)"]


def test_mirror_sensor_reports_itself_alive_and_delivers_what_waits(
    instance: Instance, setting: Setting, webhook: Webhook
) -> None:
    told = {"title": "watched LATE (dev)", "lines": ["nothing was started"]}
    alert = NewAlert(
        connector="watched",
        environment="dev",
        kind=AlertKind.LATE,
        payload=told,
        at=datetime.now(UTC),
    )
    setting.ledger.alerts.add(alert)
    before = len(webhook.pinged)

    wait_until(lambda: told["title"] in [one["title"] for one in webhook.received])
    wait_until(lambda: len(webhook.pinged) > before + 1)
    assert set(webhook.pinged) == {"/beat"}


def _is_marked(setting: Setting, row: SyncRow) -> bool:
    from connector_assets.ledger.records import View

    pending = setting.ledger.outbox.pending(View.DAGSTER, environment="dev")
    return row.sync_id not in [one.sync_id for one in pending]
