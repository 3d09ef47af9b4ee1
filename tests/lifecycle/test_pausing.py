"""A connector that fails again and again is paused, until somebody resumes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_assets.errors import ConnectorPaused
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.advice import suggest_next
from connector_assets.lifecycle.exits import exit_code
from connector_assets.lifecycle.pausing import count_failures
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from connector_assets.project import load_project

from .conftest import Webhook

Sync = Callable[..., SyncRow]
WriteProject = Callable[..., None]
BROKEN = 'secrets: {token: "env:NO_SUCH_VARIABLE_HERE"}\npause_after: 2'
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NEUTRAL = [None, Verdict.SKIPPED, Verdict.CANCELLED, Verdict.UNKNOWN]
BAD = [Verdict.FAILED, Verdict.BLOCKED]


def make_rows(*verdicts: Verdict | None) -> list[SyncRow]:
    """Return syncs with these verdicts, newest first, one each hour before noon."""
    texts = dict.fromkeys(
        ("connector", "engine", "environment", "destination", "dataset", "trigger"), "x"
    )
    common: dict[str, Any] = {
        **texts,
        "root_run_id": "r",
        "fingerprint": "f",
        "plan": {},
        "attempt": 1,
        "ended_at": None,
        "cause": "",
        "result": {},
    }
    times = [NOON - timedelta(hours=hour) for hour in range(len(verdicts))]
    return [
        SyncRow(sync_id=f"s{n}", opened_at=at, started_at=at, verdict=verdict, **common)
        for n, (verdict, at) in enumerate(zip(verdicts, times, strict=True))
    ]


@given(
    newest=st.lists(st.sampled_from([*BAD, *NEUTRAL])),
    before=st.lists(st.sampled_from([*Verdict, None])),
)
def test_only_failures_since_the_last_good_sync_count(
    newest: list[Verdict | None], before: list[Verdict | None]
) -> None:
    rows = make_rows(*newest, Verdict.SUCCEEDED, *before)

    assert count_failures(rows, since=None) == sum(one in BAD for one in newest)


def test_failures_before_it_was_resumed_do_not_count() -> None:
    rows = make_rows(*4 * [Verdict.FAILED])

    assert count_failures(rows, since=NOON - timedelta(hours=1, minutes=30)) == 2


@pytest.mark.integration
def test_two_failures_pause_it_and_are_told_once(
    write_project: WriteProject, sync: Sync, ledger: Ledger, webhook: Webhook
) -> None:
    url = f"json://127.0.0.1:{webhook.server_port}/"
    alerts = f'alerts: {{rules: {{it: {{on: [paused], to: ["{url}"]}}}}}}'
    write_project(project=alerts, connector=BROKEN)

    paused = []
    for _ in range(3):
        sync()
        paused.append("shop" in ledger.pauses.active(environment="dev"))

    assert paused == [False, True, True]
    (told,) = webhook.received
    assert told["title"] == "shop PAUSED (dev)"
    assert told["message"].startswith("2 syncs in a row failed, the last one: ")
    assert "connectors resume shop" in told["message"]


@pytest.mark.integration
def test_paused_connector_skips_what_is_scheduled_and_runs_what_is_not(
    root: Path, write_project: WriteProject, sync: Sync, ledger: Ledger
) -> None:
    write_project(connector=BROKEN)
    for _ in range(2):
        sync()
    write_project()

    skipped, by_hand = start(root, ledger, scheduled=True), start(root, ledger, scheduled=False)
    still = ledger.pauses.active(environment="dev")
    ledger.pauses.resume("shop", environment="dev", who="ann", at=datetime.now(UTC))
    resumed = start(root, ledger, scheduled=True)

    assert skipped.verdict is Verdict.SKIPPED
    assert skipped.cause.startswith("shop is paused since 20")
    assert "NO_SUCH_VARIABLE_HERE" in skipped.cause
    assert exit_code(skipped.verdict, error=skipped.result["error"]) == ConnectorPaused.exit_code
    assert suggest_next(skipped) == ("connectors resume shop",)
    assert (by_hand.verdict, "shop" in still) == (Verdict.SUCCEEDED, True)
    assert resumed.verdict is Verdict.SUCCEEDED


@pytest.mark.integration
def test_count_begins_anew_when_it_is_resumed(
    write_project: WriteProject, sync: Sync, ledger: Ledger
) -> None:
    write_project(connector=BROKEN)
    for _ in range(2):
        sync()
    ledger.pauses.resume("shop", environment="dev", who="ann", at=datetime.now(UTC))

    paused = []
    for _ in range(2):
        sync()
        paused.append("shop" in ledger.pauses.active(environment="dev"))

    assert paused == [False, True]


def start(root: Path, ledger: Ledger, *, scheduled: bool) -> SyncRow:
    project = load_project(root)
    request = StartRequest(
        root_run_id=uuid4().hex,
        trigger="schedule" if scheduled else "manual",
        scheduled=scheduled,
    )
    setting = Setting(project=project, ledger=ledger)
    return run_sync(setting, project.connector("shop"), request=request)
