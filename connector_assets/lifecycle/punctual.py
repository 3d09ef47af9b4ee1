"""Whether a connector is started when it is due; says nothing of how its syncs end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from connector_assets.alerting import AlertKind
from connector_assets.ledger.alert_records import SeenIncident
from connector_assets.lifecycle.alerts import note_incident
from connector_assets.lifecycle.due import find_previous
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector, Schedule

#: Seconds between two looks at all connectors.
_EVERY = 60.0
_BEAT = "late"


class Timing(StrEnum):
    """How a connector is in time."""

    ON_TIME = "on time"
    LATE = "late"
    PAUSED = "paused"
    NEVER = "never synced"  # nobody knows since when it should be
    UNSCHEDULED = "no schedule"
    UNKNOWN = "not known"  # its file is broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Punctuality:
    """Whether a connector is in time, when it was due for it, and when it is due next; in UTC."""

    timing: Timing
    due: datetime | None = None
    next: datetime | None = None


def judge_time(
    connector: Connector, *, started: datetime | None, paused: bool, now: datetime
) -> Punctuality:
    """Return whether a connector is in time, by when it was ``started`` last; pure.

    It is late where nothing was started since it was due, by a time that a sync before it may take:
    a scheduler can wait for that one.
    """
    schedule = connector.schedule
    if paused:
        return Punctuality(timing=Timing.PAUSED)
    if schedule is None:
        return Punctuality(timing=Timing.UNSCHEDULED)
    following = find_following(schedule, after=now)
    if started is None:
        return Punctuality(timing=Timing.NEVER, next=following)
    allowed = timedelta(seconds=connector.timeout + connector.max_wait)
    due = find_previous(schedule, before=now - allowed)
    timing = Timing.ON_TIME if started >= due else Timing.LATE
    return Punctuality(timing=timing, due=due, next=following)


def find_following(schedule: Schedule, *, after: datetime) -> datetime:
    """Return when a schedule comes round next, in UTC."""
    from croniter import croniter

    local = after.astimezone(ZoneInfo(schedule.timezone))
    found: datetime = croniter(schedule.cron, local).get_next(datetime)
    return found.astimezone(UTC)


def watch_late(setting: Setting, *, at_once: bool = False) -> None:
    """Open an incident for each connector that is late; once a minute, or ``at_once``.

    It is counted for each time that it was due, and over with the next good sync.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    ledger, environment, now = setting.ledger, setting.project.environment, datetime.now(UTC)
    if not at_once and not ledger.beats.claim(
        _BEAT, environment=environment, every=_EVERY, now=now
    ):
        return
    started = {
        row.connector: row.started_at for row in ledger.history.last(environment=environment)
    }
    paused = ledger.pauses.active(environment=environment)
    for connector in setting.project.connectors:
        name = connector.name
        found = judge_time(connector, started=started.get(name), paused=name in paused, now=now)
        if found.timing is Timing.LATE and found.due is not None:
            _note(setting, name, started=started[name], due=found.due)


def _note(setting: Setting, connector: str, *, started: datetime, due: datetime) -> None:
    cause = f"nothing was started since {started:%Y-%m-%d %H:%MZ}; it was due {due:%Y-%m-%d %H:%MZ}"
    seen = SeenIncident(
        connector=connector,
        environment=setting.project.environment,
        kind=AlertKind.LATE,
        identity=str(AlertKind.LATE),
        cause=cause,
        seen_by=due.isoformat(),
        at=datetime.now(UTC),
    )
    place = f"project {setting.project.id}: does its scheduler run?"
    lines = (cause, place, f"next: connectors status {connector}")
    note_incident(setting, seen, title=AlertKind.LATE, lines=lines)
