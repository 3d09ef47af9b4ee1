"""What follows a verdict: incidents, a pause, alerts, the heartbeat. None of it fails a sync."""

from __future__ import annotations

from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.alerts import note_drift, note_end
from connector_assets.lifecycle.delivery import Delivery, deliver
from connector_assets.lifecycle.heartbeat import beat
from connector_assets.lifecycle.pausing import pause_if_failing
from connector_assets.lifecycle.punctual import watch_late
from connector_assets.lifecycle.setting import Setting, StartRequest

_BY_SCHEDULE = "schedule"


def follow_up(setting: Setting, row: SyncRow) -> None:
    """Do what follows a sync's verdict; doing it again for the same one tells nobody twice.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    note_end(setting, row)
    if row.verdict and row.verdict.good:
        # What blocked a sync is one incident with whatever else it saw.
        note_drift(setting, row.connector)
    pause_if_failing(setting, row)
    tend(setting)
    if row.trigger == _BY_SCHEDULE:
        beat(setting)


def tend(setting: Setting, *, at_once: bool = False) -> Delivery:
    """Look for connectors that are late, and deliver what waits; return how that went.

    ``at_once`` does both now, whenever it was done or tried last.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    watch_late(setting, at_once=at_once)
    return deliver(setting, at_once=at_once)


def report_start(setting: Setting, request: StartRequest) -> None:
    """Report a living scheduler where it was one that started a sync.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    if request.trigger == _BY_SCHEDULE:
        beat(setting)
