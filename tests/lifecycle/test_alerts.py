"""One alert on a bad verdict, at a real webhook; one that cannot be delivered fails nothing."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict

pytestmark = pytest.mark.integration
Sync = Callable[..., SyncRow]
WriteProject = Callable[..., None]
NO_SECRET = 'secrets: {token: "env:NO_SUCH_VARIABLE_HERE"}'


class Webhook(HTTPServer):
    """Keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[dict[str, str]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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
    assert told["title"] == "shop DRIFTED (dev)"
    assert "orders.note column_added: text" in told["message"]
    assert "connectors drift diff shop" in told["message"]


def test_alert_that_cannot_be_delivered_changes_nothing_and_stays_pending(
    write_project: WriteProject, sync: Sync, ledger: Ledger
) -> None:
    write_project(project='alerts: {urls: ["json://127.0.0.1:9/"]}', connector=NO_SECRET)

    row = sync()

    assert row.verdict is Verdict.FAILED
    assert [one.sync_id for one in ledger.alerts.pending(environment="dev")] == [row.sync_id]
