"""The outbox of what people are told, incidents, pauses, and what is done once in a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from connector_assets.alerting import AlertKind
from connector_assets.ledger.alert_records import (
    Attempted,
    Incident,
    NewAlert,
    Pause,
    SeenIncident,
)
from connector_assets.ledger.alerts import GIVE_UP, HOLD
from connector_assets.ledger.database import Database
from connector_assets.ledger.revision import MIGRATIONS
from connector_assets.ledger.store import Ledger

from .conftest import NOON

MINUTE = timedelta(minutes=1)
SEEN = SeenIncident(
    connector="shop",
    environment="prod",
    kind=AlertKind.FAILED,
    identity="failed/fatal",
    cause="no disk",
    seen_by="a1",
    at=NOON,
)
ALERT = NewAlert(
    connector="shop",
    environment="prod",
    kind=AlertKind.FAILED,
    payload={"title": "shop FAILED", "lines": ["no disk"]},
    at=NOON,
)
PAUSE = Pause(connector="shop", environment="prod", who="ann", why="moving", at=NOON)


def test_incident_is_told_once_and_counted_once_for_each_sync(ledger: Ledger) -> None:
    syncs = ("a1", "a1", "b2", "c3")

    opened = [
        ledger.incidents.note(replace(SEEN, seen_by=sync, at=NOON + hour * MINUTE), alert=ALERT)
        for hour, sync in enumerate(syncs)
    ]

    assert opened == [True, False, False, False]
    (incident,) = ledger.incidents.open(environment="prod")
    assert (incident.count, incident.opened_at, incident.last_at) == (3, NOON, NOON + 3 * MINUTE)
    (alert,) = ledger.alerts.pending(environment="prod")
    assert (alert.incident_id, alert.payload) == (incident.id, ALERT.payload)


def test_incident_of_another_identity_is_another_one(ledger: Ledger) -> None:
    ledger.incidents.note(SEEN, alert=None)

    assert ledger.incidents.note(replace(SEEN, identity="failed/transient"), alert=ALERT)
    assert len(ledger.incidents.open(environment="prod")) == 2


def test_incidents_are_over_together_and_told_once(ledger: Ledger) -> None:
    ledger.incidents.note(SEEN, alert=None)
    ledger.incidents.note(replace(SEEN, connector="other"), alert=None)
    told: list[list[Incident]] = []

    def tell(found: object) -> NewAlert:
        assert isinstance(found, list)
        told.append(found)
        return ALERT

    over = [
        ledger.incidents.close("shop", environment="prod", at=NOON, tell=tell) for _ in range(2)
    ]

    assert [len(each) for each in over] == [1, 0]
    assert [one.connector for one in ledger.incidents.open(environment="prod")] == ["other"]
    assert len(told) == len(ledger.alerts.pending(environment="prod")) == 1


def test_alert_is_claimed_by_one_until_that_takes_too_long(ledger: Ledger) -> None:
    ledger.alerts.add(ALERT)

    found = [
        ledger.alerts.claim(environment="prod", now=NOON + after) is not None
        for after in (MINUTE, MINUTE, MINUTE + HOLD)
    ]

    assert found == [True, False, True]


def test_alert_that_failed_waits_and_remembers_whom_it_reached(ledger: Ledger) -> None:
    ledger.alerts.add(ALERT)
    claimed = ledger.alerts.claim(environment="prod", now=NOON)
    assert claimed is not None
    later = NOON + timedelta(minutes=5)
    failed = Attempted(reached=("abc",), failure="it answered 500", held_until=later)
    ledger.alerts.settle(claimed, attempted=failed, at=NOON)

    assert ledger.alerts.claim(environment="prod", now=NOON + MINUTE) is None
    again = ledger.alerts.claim(environment="prod", now=later)
    assert again is not None
    assert (again.reached, again.tries, again.failure) == (("abc",), 1, "it answered 500")
    ledger.alerts.settle(again, attempted=Attempted(reached=("abc", "def")), at=later)
    assert ledger.alerts.pending(environment="prod") == []


def test_alert_is_given_up_after_a_week_and_stays_in_the_list(ledger: Ledger) -> None:
    ledger.alerts.add(ALERT)

    assert ledger.alerts.claim(environment="prod", now=NOON + GIVE_UP) is None
    assert len(ledger.alerts.pending(environment="prod")) == 1


def test_pause_lasts_until_it_is_resumed(ledger: Ledger) -> None:
    assert ledger.pauses.pause(PAUSE, alert=ALERT)
    assert not ledger.pauses.pause(replace(PAUSE, who="bob"), alert=ALERT)
    assert ledger.pauses.active(environment="prod") == {"shop": PAUSE}
    assert ledger.pauses.active(environment="dev") == {}
    assert len(ledger.alerts.pending(environment="prod")) == 1

    resume = ledger.pauses.resume
    over = [resume("shop", environment="prod", who="bob", at=NOON + MINUTE) for _ in range(2)]

    assert over == [PAUSE, None]
    assert ledger.pauses.active(environment="prod") == {}
    assert ledger.pauses.resumed_at("shop", environment="prod") == NOON + MINUTE


def test_beat_is_claimed_once_in_its_time(ledger: Ledger) -> None:
    def claim(at: datetime) -> bool:
        return ledger.beats.claim("heartbeat", environment="prod", every=300, now=at)

    times = [NOON, NOON, NOON + 4 * MINUTE, NOON + 5 * MINUTE, NOON + 6 * MINUTE]

    assert [claim(at) for at in times] == [True, False, False, True, False]


@pytest.fixture
def old_ledger_url(sqlite_url: str, new_sync: Callable[..., object]) -> str:
    """A ledger as the revision before this one left it: an alert that was sent, and one not."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    insert = (
        "INSERT INTO alerts VALUES ('{}', 'sync_failed', 'prod', 'shop', "
        '\'{{"verdict": "failed", "cause": "no disk"}}\', \'2026-11-24 12:00:00.000000\', {})'
    )
    sync = (
        "INSERT INTO syncs VALUES ('{}','shop','dlt','prod','lake','shop','manual','r','f','{{}}',"
        "1,'2026-11-24 12:00:00.000000','2026-11-24 12:00:00.000000',NULL,NULL,'','{{}}')"
    )

    def build(connection: sa.Connection) -> None:
        connection.exec_driver_sql("DROP TABLE alembic_version")
        for name in connection.dialect.get_table_names(connection):
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            connection.exec_driver_sql(f"DROP TABLE {name}")
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        for sync_id, delivered in (("a1", "'2026-11-24 12:01:00.000000'"), ("b2", "NULL")):
            connection.exec_driver_sql(sync.format(sync_id))
            connection.exec_driver_sql(insert.format(sync_id, delivered))

    with Database(sqlite_url) as database:
        database.write(build)
    return sqlite_url


def test_alert_that_an_older_ledger_still_has_to_send_is_kept(old_ledger_url: str) -> None:
    with Ledger.open(old_ledger_url) as ledger:
        (alert,) = ledger.alerts.pending(environment="prod")

    assert (alert.sync_id, alert.kind, alert.at) == ("b2", AlertKind.FAILED, NOON)
    assert alert.payload == {"title": "shop FAILED (prod)", "lines": ["no disk", "sync b2"]}
