"""One alert on a bad verdict, at a real webhook; one that cannot be delivered fails nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict

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
    assert f"connectors logs {row.sync_id}" in told["message"]


def test_good_verdict_is_told_to_nobody(
    write_project: WriteProject, sync: Sync, webhook: Webhook
) -> None:
    url = f"json://127.0.0.1:{webhook.server_port}/"
    write_project(project=f'alerts: {{urls: ["{url}"]}}')

    sync()

    assert webhook.received == []


def test_alert_that_cannot_be_delivered_changes_nothing_and_stays_pending(
    write_project: WriteProject, sync: Sync, ledger: Ledger
) -> None:
    write_project(project='alerts: {urls: ["json://127.0.0.1:9/"]}', connector=NO_SECRET)

    row = sync()

    assert row.verdict is Verdict.FAILED
    assert [one.sync_id for one in ledger.alerts.pending(environment="dev")] == [row.sync_id]
