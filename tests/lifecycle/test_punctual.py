"""Whether a connector is started when it is due, and who hears of one that is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector_assets.ledger.records import NewSync
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.aftercare import tend
from connector_assets.lifecycle.punctual import Timing, judge_time
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector
from connector_assets.project import load_project

from .conftest import Webhook, WriteProject

#: Half past three in Berlin: an hour and ten minutes were allowed.
NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
DUE = datetime(2026, 11, 24, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("started", "paused", "timing"),
    [
        (DUE, False, Timing.ON_TIME),
        (DUE + timedelta(minutes=20), False, Timing.ON_TIME),
        (DUE - timedelta(minutes=1), False, Timing.LATE),
        (DUE - DAY, True, Timing.PAUSED),
        (None, False, Timing.NEVER),
    ],
    ids=["to the minute", "later", "before", "paused", "never"],
)
def test_connector_is_in_time_where_it_was_started_since_it_was_due(
    root: Path, started: datetime | None, paused: bool, timing: Timing
) -> None:
    connector = declare(root, cron="0 2 * * *")

    found = judge_time(connector, started=started, paused=paused, now=NOW)

    assert found.timing is timing
    assert found.next == (None if paused else DUE + DAY)


def test_one_that_is_due_is_not_late_before_a_sync_could_be_over(root: Path) -> None:
    connector = declare(root, cron="0 2 * * *")
    soon = DUE + timedelta(seconds=connector.timeout + connector.max_wait - 1)

    timings = [
        judge_time(connector, started=DUE - DAY, paused=False, now=now).timing
        for now in (soon, soon + timedelta(seconds=2))
    ]

    assert timings == [Timing.ON_TIME, Timing.LATE]


def test_connector_without_a_schedule_is_never_late(root: Path) -> None:
    (connector,) = load_project(root).connectors

    found = judge_time(connector, started=NOW - 365 * DAY, paused=False, now=NOW)

    assert (found.timing, found.next) == (Timing.UNSCHEDULED, None)


@pytest.mark.integration
def test_late_connector_is_told_once_and_counted_for_each_time_it_was_due(
    root: Path, write_project: WriteProject, ledger: Ledger, webhook: Webhook
) -> None:
    url = f"json://127.0.0.1:{webhook.server_port}/"
    rule = f'alerts: {{rules: {{it: {{on: [late], to: ["{url}"]}}}}}}'
    schedule = 'schedule: {cron: "* * * * *"}\ntimeout: 1s\nmax_wait: 0'
    write_project(project=rule, connector=schedule)
    setting = Setting(project=load_project(root), ledger=ledger)
    nothing = tend(setting, at_once=True)
    open_sync(ledger, at=datetime.now(UTC) - timedelta(hours=3))

    found = [tend(setting, at_once=True).delivered for _ in range(2)]

    assert (nothing.delivered, found) == (0, [1, 0])
    (told,) = webhook.received
    assert told["title"] == "shop LATE (dev)"
    assert told["message"].startswith("nothing was started since 20")
    assert "connectors status shop" in told["message"]
    (incident,) = ledger.incidents.open(environment="dev")
    assert incident.count in (1, 2)


def declare(root: Path, *, cron: str) -> Connector:
    file = root / "connectors" / "shop.yaml"
    schedule = f'schedule: {{cron: "{cron}", timezone: Europe/Berlin}}\n'
    file.write_text(file.read_text() + schedule)
    return load_project(root).connectors[0]


def open_sync(ledger: Ledger, *, at: datetime) -> None:
    ledger.syncs.open_attempt(
        NewSync(
            sync_id="a1",
            connector="shop",
            engine="dlt",
            environment="dev",
            destination="warehouse",
            dataset="shop_data",
            trigger="schedule",
            root_run_id="r",
            fingerprint="f",
            plan={},
            at=at,
        )
    )
