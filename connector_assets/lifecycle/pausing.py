"""Pauses: after so many failures in a row no sync is started by itself until somebody says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from connector_assets.alerting import AlertKind
from connector_assets.errors import ConfigError, ConnectorPaused
from connector_assets.ledger.alert_records import NewAlert, Pause
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.alerts import make_title
from connector_assets.lifecycle.delivery import find_targets
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Verdict

#: Who pauses a connector that fails again and again.
BY_ITSELF = "pause_after"
_BAD = frozenset({Verdict.FAILED, Verdict.BLOCKED})
#: Syncs that are looked at beyond the limit: some were skipped or stopped, which is no failure.
_BEYOND = 50


def find_pause(setting: Setting, connector: str) -> ConnectorPaused | None:
    """Return why a connector is not started by itself; None where it is not paused."""
    pauses = setting.ledger.pauses.active(environment=setting.project.environment)
    pause = pauses.get(connector)
    if pause is None:
        return None
    return ConnectorPaused(
        f"{connector} is paused {tell_pause(pause)}",
        connector=connector,
        fix=f"A sync by hand still runs; to let its schedule go on: connectors resume {connector}",
    )


def tell_pause(pause: Pause) -> str:
    """Return since when and why a connector is paused, and who wanted it."""
    return f"since {pause.at:%Y-%m-%d %H:%MZ} by {pause.who}: {pause.why}"


def pause_if_failing(setting: Setting, row: SyncRow) -> None:
    """Pause the connector of a sync that was one failure too many, and tell people.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    limit = _find_limit(setting, row.connector)
    if not limit or row.verdict not in _BAD:
        return
    ledger, environment = setting.ledger, row.environment
    rows = ledger.history.recent(
        environment=environment, connector=row.connector, limit=limit + _BEYOND
    )
    resumed = ledger.pauses.resumed_at(row.connector, environment=environment)
    failed = count_failures(rows, since=resumed)
    if failed < limit:
        return
    pause = Pause(
        connector=row.connector,
        environment=environment,
        who=BY_ITSELF,
        why=f"{failed} syncs in a row failed, the last one: {row.cause}",
        at=datetime.now(UTC),
    )
    ledger.pauses.pause(pause, alert=_tell(setting, pause, sync_id=row.sync_id))


def count_failures(rows: Sequence[SyncRow], *, since: datetime | None) -> int:
    """Return how many of the newest syncs failed or were blocked, up to the last good one; pure.

    ``rows`` are newest first. Those that were skipped, stopped, are open or not known yet count
    for nothing; neither do those that were started before ``since``.
    """
    return sum(1 for _ in _failures(rows, since=since))


def _failures(rows: Sequence[SyncRow], *, since: datetime | None) -> Iterator[SyncRow]:
    for row in rows:
        if (row.verdict and row.verdict.good) or (since is not None and row.started_at <= since):
            return
        if row.verdict in _BAD:
            yield row


def _find_limit(setting: Setting, connector: str) -> int:
    try:
        return setting.project.connector(connector).pause_after
    except ConfigError:
        return 0


def _tell(setting: Setting, pause: Pause, *, sync_id: str) -> NewAlert | None:
    if not find_targets(setting, AlertKind.PAUSED, connector=pause.connector):
        return None
    name = pause.connector
    lines = [
        pause.why,
        f"project {setting.project.id}: its schedule starts no more syncs; one by hand still runs",
        f"next: connectors debug {sync_id}, then connectors resume {name}",
    ]
    return NewAlert(
        connector=name,
        environment=pause.environment,
        kind=AlertKind.PAUSED,
        payload={"title": make_title(setting, name, AlertKind.PAUSED), "lines": lines},
        at=pause.at,
        sync_id=sync_id,
    )
