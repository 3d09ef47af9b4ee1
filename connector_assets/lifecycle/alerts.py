"""Tells people of a bad verdict, once; an alert that cannot be delivered never fails a sync."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

from connector_assets.audit.wording import describe
from connector_assets.credentials.sources import resolve_text
from connector_assets.errors import ConfigError, CredentialError
from connector_assets.ledger.audit_records import PROBE, DriftEvent
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.baseline import to_drift
from connector_assets.lifecycle.setting import Setting
from connector_assets.lifecycle.verdict import Judgement
from connector_assets.model import Verdict

#: A sync that waited in vain, or that a person stopped, needs nobody's attention.
_DRIFT = "drift"
_QUIET = frozenset({Verdict.SKIPPED, Verdict.CANCELLED})


def alert(setting: Setting, row: SyncRow, judgement: Judgement) -> bool:
    """Send one alert for a bad verdict; return whether one was sent now."""
    urls = _find_urls(setting, row.connector)
    if judgement.verdict.good or judgement.verdict in _QUIET or not urls:
        return False
    if _is_told_already(setting, row, judgement):
        return False
    kind = f"sync_{judgement.verdict}"
    payload = {"verdict": str(judgement.verdict), "cause": judgement.cause}
    if not setting.ledger.alerts.open(row.sync_id, kind=kind, payload=payload):
        return False
    sent = _send(setting, urls, title=_title(row, judgement), body=_body(setting, row, judgement))
    if sent:
        setting.ledger.alerts.mark_delivered(row.sync_id, kind=kind)
    return sent


def alert_drift(setting: Setting, connector: str) -> bool:
    """Send one alert for the open drift events that nobody was told of; return whether it was sent.

    Each event is told once; where that failed, the next call tries again.
    """
    urls = _find_urls(setting, connector)
    environment = setting.project.environment
    if not urls:
        return False
    events = setting.ledger.drift.claim_untold(connector, environment=environment)
    if not events:
        return False
    sent = False
    try:
        sent = _send_drift(setting, urls, connector=connector, events=events)
    finally:
        if not sent:
            setting.ledger.drift.take_back(events)
    return sent


def _send_drift(
    setting: Setting, urls: Iterable[str], *, connector: str, events: Sequence[DriftEvent]
) -> bool:
    found = [f"{describe(to_drift(one))} ({one.policy})" for one in events]
    probed = any(one.first_sync_id.startswith(PROBE) for one in events)
    how = "seen by a probe: nothing was loaded or stopped" if probed else "loaded all the same"
    place = f"project {setting.project.id}, {how}"
    body = "\n".join((*found, place, f"next: connectors drift diff {connector}"))
    title = f"{connector} DRIFT ({setting.project.environment})"
    return _send(setting, urls, title=title, body=body)


def _is_told_already(setting: Setting, row: SyncRow, judgement: Judgement) -> bool:
    """Tell whether the sync before was blocked for the same reason: that is one incident."""
    if judgement.verdict is not Verdict.BLOCKED:
        return False
    rows = setting.ledger.history.recent(
        environment=row.environment, connector=row.connector, limit=5
    )
    before = [one for one in rows if one.sync_id != row.sync_id and one.verdict]
    return bool(before) and (before[0].verdict, before[0].cause) == (
        Verdict.BLOCKED,
        judgement.cause,
    )


def _find_urls(setting: Setting, connector: str) -> tuple[str, ...]:
    try:
        return setting.project.connector(connector).alerts
    except ConfigError:
        return setting.project.alerts


def _send(setting: Setting, urls: Iterable[str], *, title: str, body: str) -> bool:
    # It imports modules that Python 3.13 drops, some when a channel is added.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        sent = _notify(setting, urls, title=title, body=body)
    if not sent:
        setting.observer.logged({"level": "error", "event": "the alert was not delivered"})
    return sent


def _notify(setting: Setting, urls: Iterable[str], *, title: str, body: str) -> bool:
    # Half a second to import: only where there is something to tell.
    import apprise

    channel = apprise.Apprise()
    for url in urls:
        try:
            channel.add(resolve_text(url, of="alerts", root=setting.project.root))
        except CredentialError as error:
            setting.observer.logged({"level": "error", "event": f"no alert: {error.problem}"})
    return bool(len(channel)) and bool(channel.notify(title=title, body=body))


def _title(row: SyncRow, judgement: Judgement) -> str:
    verdict = judgement.verdict.replace("_", " ").upper()
    return f"{row.connector} {verdict} ({row.environment})"


def _body(setting: Setting, row: SyncRow, judgement: Judgement) -> str:
    place = f"project {setting.project.id}, into {row.destination}.{row.dataset}"
    ids = f"sync {row.sync_id}, attempt {row.attempt}"
    return "\n".join((judgement.cause, place, ids, f"next: connectors logs {row.sync_id}"))
