"""One alert per incident and one when it is over, by rules; each address is told once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.delivery import deliver
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Verdict
from connector_assets.project import load_project

from .conftest import Webhook

pytestmark = pytest.mark.integration
Sync = Callable[..., SyncRow]
WriteProject = Callable[..., None]
BROKEN = 'secrets: {token: "env:NO_SUCH_VARIABLE_HERE"}'
NOBODY = "json://127.0.0.1:9/"


def at(webhook: Webhook, name: str) -> str:
    """Return the address of somebody at the webhook."""
    return f"json://127.0.0.1:{webhook.server_port}/{name}"


def test_incident_is_told_once_and_its_end_once_with_the_count(
    write_project: WriteProject, sync: Sync, webhook: Webhook
) -> None:
    alerts = f'alerts: {{urls: ["{at(webhook, "team")}"]}}'
    for connector in (BROKEN, BROKEN, BROKEN, "", ""):
        write_project(project=alerts, connector=connector)
        sync()

    failed, recovered = webhook.received
    assert failed["title"] == "shop FAILED (dev)"
    assert recovered["title"] == "shop RECOVERED (dev)"
    first, over, *_ = recovered["message"].splitlines()
    assert first == "everything staged is in the destination"
    assert over.startswith("was failed 3 times since 20")
    assert "NO_SUCH_VARIABLE_HERE" in over


def test_failure_that_needs_something_else_is_told_too(
    root: Path,
    write_project: WriteProject,
    sync: Sync,
    webhook: Webhook,
) -> None:
    alerts = f'alerts: {{urls: ["{at(webhook, "team")}"]}}'
    write_project(project=alerts, connector=BROKEN)
    sync()
    write_project(project=alerts)
    with closing(sqlite3.connect(root / "source.sqlite")) as database, database:
        database.execute("ALTER TABLE orders RENAME TO gone")
    row = sync()

    assert row.verdict is Verdict.FAILED
    assert [one["title"] for one in webhook.received] == 2 * ["shop FAILED (dev)"]
    assert len({one["message"] for one in webhook.received}) == 2


def test_rules_decide_who_is_told_of_what(
    write_project: WriteProject, sync: Sync, webhook: Webhook
) -> None:
    rules = f"""\
alerts:
  rules:
    pager: {{on: [failed], to: ["{at(webhook, "pager")}"], owners: [team]}}
    others: {{on: [failed], to: ["{at(webhook, "others")}"], owners: [another]}}
    chat: {{on: [failed, recovered], to: ["{at(webhook, "chat")}"]}}
    late: {{on: [late, recovered], to: ["{at(webhook, "late")}"]}}
"""
    for connector in (BROKEN, ""):
        write_project(project=rules, connector=connector)
        sync()

    told = [(path, body["title"].split()[1]) for path, body in webhook.by_path]
    assert told == [("/pager", "FAILED"), ("/chat", "FAILED"), ("/chat", "RECOVERED")]


def test_address_that_was_reached_is_not_told_again_when_another_one_is(
    root: Path,
    write_project: WriteProject,
    sync: Sync,
    ledger: Ledger,
    webhook: Webhook,
) -> None:
    urls = 'alerts: {urls: ["%s", "%s"]}'
    write_project(project=urls % (at(webhook, "here"), NOBODY), connector=BROKEN)
    sync()
    (waiting,) = ledger.alerts.pending(environment="dev")
    write_project(project=urls % (at(webhook, "here"), at(webhook, "there")), connector=BROKEN)

    found = deliver(Setting(project=load_project(root), ledger=ledger))

    assert (waiting.tries, waiting.failure) == (1, "it was not reached")
    assert (found.delivered, found.failures) == (1, ())
    assert [path for path, _ in webhook.by_path] == ["/here", "/there"]


def test_alert_that_was_late_to_be_sent_says_how_it_stands_now(
    write_project: WriteProject, sync: Sync, webhook: Webhook
) -> None:
    write_project(project=f'alerts: {{urls: ["{NOBODY}"]}}', connector=BROKEN)
    sync()
    write_project(project=f'alerts: {{urls: ["{at(webhook, "team")}"]}}', connector=BROKEN)
    sync()

    (told,) = webhook.received
    assert told["message"].splitlines()[1].startswith("2 times since 20")


def test_webhook_that_refuses_is_asked_again_by_the_next_sync_with_what_it_answered(
    write_project: WriteProject,
    sync: Sync,
    ledger: Ledger,
    webhook: Webhook,
) -> None:
    write_project(project=f'alerts: {{urls: ["{at(webhook, "team")}"]}}', connector=BROKEN)
    webhook.answers = 401
    sync()
    (waiting,) = ledger.alerts.pending(environment="dev")
    webhook.answers = 200
    sync()

    assert (waiting.failure, waiting.reached) == ("it answered 401", ())
    assert len(webhook.received) == 2
    assert ledger.alerts.pending(environment="dev") == []


def test_ledger_and_log_have_no_address(
    write_project: WriteProject,
    sync: Sync,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TEAM_URL", "json://127.0.0.1:9/hunter2")
    write_project(project='alerts: {urls: ["env:TEAM_URL", "odd://hunter2"]}', connector=BROKEN)

    sync()

    (waiting,) = ledger.alerts.pending(environment="dev")
    assert waiting.failure == "this is no address that Apprise knows"
    assert "hunter2" not in str(capfd.readouterr())
    home = Path(ledger.place.removeprefix("sqlite:///")).parent
    files = [one for one in home.rglob("*") if one.is_file()]
    assert files
    assert [one for one in files if b"hunter2" in one.read_bytes()] == []
