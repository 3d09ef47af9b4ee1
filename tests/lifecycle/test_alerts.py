"""One alert on a bad verdict, at a real webhook; one that cannot be delivered fails nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector_assets.audit.drift import Drift
from connector_assets.audit.gate import Finding
from connector_assets.ledger.audit_records import SeenDrift
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.alerts import alert_drift
from connector_assets.lifecycle.observation import Observation, to_seen
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import DriftKind, DriftPolicy, Verdict
from connector_assets.project import load_project

from .conftest import Webhook

pytestmark = pytest.mark.integration
Sync = Callable[..., SyncRow]
WriteProject = Callable[..., None]
NO_SECRET = 'secrets: {token: "env:NO_SUCH_VARIABLE_HERE"}'


def test_bad_verdict_is_told_once_with_cause_and_next_step(
    write_project: WriteProject, sync: Sync, webhook: Webhook
) -> None:
    url = f"json://127.0.0.1:{webhook.server_port}/"
    write_project(project=f'alerts: {{urls: ["{url}"]}}', connector=NO_SECRET)

    row = sync()

    (told,) = webhook.received
    assert told["title"] == "shop FAILED (dev)"
    assert "NO_SUCH_VARIABLE_HERE" in told["message"]
    assert f"connectors debug {row.sync_id}" in told["message"]


def test_good_verdict_is_told_to_nobody(
    write_project: WriteProject, sync: Sync, webhook: Webhook
) -> None:
    url = f"json://127.0.0.1:{webhook.server_port}/"
    write_project(project=f'alerts: {{urls: ["{url}"]}}')

    sync()

    assert webhook.received == []


def test_drift_that_is_loaded_is_told_once(
    root: Path, write_project: WriteProject, sync: Sync, webhook: Webhook
) -> None:
    url = f"json://127.0.0.1:{webhook.server_port}/"
    write_project(project=f'alerts: {{urls: ["{url}"]}}')
    sync()
    with closing(sqlite3.connect(root / "source.sqlite")) as database, database:
        database.execute("ALTER TABLE orders ADD COLUMN note TEXT NOT NULL DEFAULT 'x'")
        database.execute("INSERT INTO orders VALUES (3, 30, 'x')")
    write_project(project=f'alerts: {{urls: ["{url}"]}}', connector="drift: {column_added: warn}")

    verdicts = [sync().verdict for _ in range(2)]

    assert verdicts[0] is Verdict.SUCCEEDED_WITH_DRIFT
    (told,) = webhook.received
    assert told["title"] == "shop DRIFT (dev)"
    assert "orders.note column_added: text" in told["message"]
    assert "connectors drift diff shop" in told["message"]


def test_alert_that_cannot_be_delivered_changes_nothing_and_stays_pending(
    write_project: WriteProject, sync: Sync, ledger: Ledger
) -> None:
    write_project(project='alerts: {urls: ["json://127.0.0.1:9/"]}', connector=NO_SECRET)

    row = sync()

    assert row.verdict is Verdict.FAILED
    assert [one.sync_id for one in ledger.alerts.pending(environment="dev")] == [row.sync_id]


def test_drift_that_a_probe_saw_is_told_once_and_again_only_where_nobody_heard(
    root: Path, write_project: WriteProject, ledger: Ledger, webhook: Webhook
) -> None:
    ledger.drift.see([seen_by_probe("total"), seen_by_probe("coupon")])
    told = []
    for port in (9, webhook.server_port, webhook.server_port):
        write_project(project=f'alerts: {{urls: ["json://127.0.0.1:{port}/"]}}')
        told.append(alert_drift(Setting(project=load_project(root), ledger=ledger), "shop"))

    assert told == [False, True, False]
    (message,) = webhook.received
    assert message["title"] == "shop DRIFT (dev)"
    assert message["message"].splitlines()[:2] == [
        "orders.total type_changed: bigint -> text (block)",
        "orders.coupon type_changed: bigint -> text (block)",
    ]
    assert "connectors drift diff shop" in message["message"]


def seen_by_probe(column: str) -> SeenDrift:
    drift = Drift(
        kind=DriftKind.TYPE_CHANGED, stream="orders", column=(column,), old="bigint", new="text"
    )
    by = Observation(
        environment="dev", connector="shop", id="probe-1", at=datetime.now(UTC), loaded=False
    )
    return to_seen(Finding(drift=drift, policy=DriftPolicy.BLOCK), by=by)
