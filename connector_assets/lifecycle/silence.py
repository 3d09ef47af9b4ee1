"""Streams that follow a cursor and bring nothing new for longer than is usual for them."""

from __future__ import annotations

from datetime import timedelta

from connector_assets.audit.policy import find_policy
from connector_assets.audit.presence import find_arrivals, find_usual_gap, is_silent
from connector_assets.ledger.audit_records import DriftStatus, SeenDrift
from connector_assets.ledger.drift import identify_drift
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector, DriftKind

_KIND = DriftKind.STREAM_SILENT
_ALIVE = (DriftStatus.OPEN, DriftStatus.RECORDED, DriftStatus.APPROVED)


def watch_silence(setting: Setting, row: SyncRow) -> None:
    """Open ``stream_silent`` for each stream that is, and end it where something new arrived.

    Such a sync succeeded all the same: nobody can tell a quiet source from a lost permission but
    by how long it lasts.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    connector = setting.plan_of(row).connector
    for stream in connector.streams:
        if stream.cursor:
            _watch(setting, row, connector, stream=stream.name)


def _watch(setting: Setting, row: SyncRow, connector: Connector, *, stream: str) -> None:
    ledger, environment = setting.ledger, row.environment
    batches = ledger.batches.last(connector.name, environment=environment, stream=stream)
    arrivals = find_arrivals((one.at, one.position) for one in batches)
    usual = find_usual_gap(arrivals)
    if usual is not None and is_silent(arrivals, now=row.started_at):
        words = f"nothing new since {arrivals[-1]:%Y-%m-%d %H:%MZ}, usually every {_show(usual)}"
        ledger.drift.see([_to_seen(row, connector, stream=stream, words=words)])
        return
    events = ledger.drift.find(environment=environment, connector=row.connector, statuses=_ALIVE)
    over = [one.id for one in events if (one.kind, one.stream) == (_KIND, stream)]
    ledger.drift.settle(over, who=f"sync {row.sync_id}", statuses=_ALIVE)


def _to_seen(row: SyncRow, connector: Connector, *, stream: str, words: str) -> SeenDrift:
    return SeenDrift(
        environment=row.environment,
        connector=row.connector,
        stream=stream,
        column=(),
        kind=_KIND,
        old=None,
        new=words,
        # One silence is one event, however long it lasts.
        identity=identify_drift(stream=stream, column=(), kind=_KIND, old=None, new=None),
        policy=find_policy(connector, stream=stream, kind=_KIND),
        sync_id=row.sync_id,
        at=row.started_at,
    )


def _show(gap: timedelta) -> str:
    seconds = round(gap.total_seconds())
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{round(seconds / unit)} {name}"
    return f"{seconds} seconds"
