"""What people are told of: incidents of syncs, their end, and drift; written into the outbox."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from connector_assets.alerting import AlertKind
from connector_assets.audit.wording import describe
from connector_assets.errors import FailureClass
from connector_assets.ledger.alert_records import Incident, NewAlert, SeenIncident
from connector_assets.ledger.audit_records import PROBE, DriftEvent
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.baseline import to_drift
from connector_assets.lifecycle.delivery import deliver, find_targets
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import DriftKind, Verdict

#: A sync that waited in vain, or that a person stopped, needs nobody's attention.
_QUIET = frozenset({Verdict.SKIPPED, Verdict.CANCELLED})


def note_end(setting: Setting, row: SyncRow) -> None:
    """Open or count the incident of a bad sync, or end those of a connector by a good one.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    if row.verdict is None or row.verdict in _QUIET:
        return
    if row.verdict.good:
        _recover(setting, row)
        return
    kind = AlertKind.BLOCKED if row.verdict is Verdict.BLOCKED else AlertKind.FAILED
    seen = SeenIncident(
        connector=row.connector,
        environment=row.environment,
        kind=kind,
        identity=_identify(row),
        cause=row.cause,
        seen_by=row.sync_id,
        at=row.ended_at or datetime.now(UTC),
    )
    note_incident(setting, seen, title=row.verdict.replace("_", " "), lines=_tell(setting, row))


def note_incident(
    setting: Setting, seen: SeenIncident, *, title: str, lines: Sequence[str]
) -> bool:
    """Open an incident, and tell those whom it concerns; or count it. Return whether it is new."""
    alert = None
    if find_targets(setting, seen.kind, connector=seen.connector):
        by_sync = seen.kind is not AlertKind.LATE
        alert = NewAlert(
            connector=seen.connector,
            environment=seen.environment,
            kind=seen.kind,
            payload={"title": make_title(setting, seen.connector, title), "lines": [*lines]},
            at=seen.at,
            sync_id=seen.seen_by if by_sync else None,
        )
    return setting.ledger.incidents.note(seen, alert=alert)


def make_title(setting: Setting, connector: str, words: str) -> str:
    """Return the first line of what is told: ``shop FAILED (prod)``."""
    return f"{connector} {words.upper()} ({setting.project.environment})"


def alert_drift(setting: Setting, connector: str) -> bool:
    """Tell of the open drift events that nobody was told of; return whether that is delivered.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    note_drift(setting, connector)
    return deliver(setting).delivered > 0


def note_drift(setting: Setting, connector: str) -> None:
    """Add an alert for the open drift events that nobody was told of; each event is told once."""
    kinds = (AlertKind.DRIFT, AlertKind.SILENT)
    if not any(find_targets(setting, kind, connector=connector) for kind in kinds):
        return
    environment = setting.project.environment
    events = setting.ledger.drift.claim_untold(connector, environment=environment)
    silent = [one for one in events if one.kind == DriftKind.STREAM_SILENT]
    others = [one for one in events if one.kind != DriftKind.STREAM_SILENT]
    try:
        for kind, found in zip(kinds, (others, silent), strict=True):
            if found and find_targets(setting, kind, connector=connector):
                setting.ledger.alerts.add(_tell_drift(setting, kind, events=found))
    except BaseException:
        setting.ledger.drift.take_back(events)
        raise


def _tell_drift(setting: Setting, kind: AlertKind, *, events: Sequence[DriftEvent]) -> NewAlert:
    connector = events[0].connector
    found = [f"{describe(to_drift(one))} ({one.policy})" for one in events]
    probed = any(one.first_sync_id.startswith(PROBE) for one in events)
    how = "seen by a probe: nothing was loaded or stopped" if probed else "loaded all the same"
    place = f"project {setting.project.id}, {how}"
    lines = [*found, place, f"next: connectors drift diff {connector}"]
    return NewAlert(
        connector=connector,
        environment=setting.project.environment,
        kind=kind,
        payload={"title": make_title(setting, connector, kind), "lines": lines},
        at=datetime.now(UTC),
    )


def _recover(setting: Setting, row: SyncRow) -> None:
    def tell(found: Sequence[Incident]) -> NewAlert | None:
        over = frozenset(one.kind for one in found)
        told = find_targets(setting, AlertKind.RECOVERED, connector=row.connector, over=over)
        if not told:
            return None
        title = make_title(setting, row.connector, AlertKind.RECOVERED)
        lines = [row.cause, *map(_tell_over, found), *_tell_place(setting, row)]
        return NewAlert(
            connector=row.connector,
            environment=row.environment,
            kind=AlertKind.RECOVERED,
            payload={"title": title, "lines": lines, "over": sorted(over)},
            at=datetime.now(UTC),
            sync_id=row.sync_id,
        )

    setting.ledger.incidents.close(
        row.connector, environment=row.environment, at=datetime.now(UTC), tell=tell
    )


def _tell_over(one: Incident) -> str:
    times = "once" if one.count == 1 else f"{one.count} times"
    return f"was {one.kind} {times} since {one.opened_at:%Y-%m-%d %H:%MZ}: {one.cause}"


def _identify(row: SyncRow) -> str:
    """Return what makes a bad sync the same incident as the one before it.

    Blocked for another reason is news: somebody decides on it. Failures are as different as what
    helps against them, whatever their texts.
    """
    if row.verdict is Verdict.BLOCKED:
        return f"blocked/{hashlib.sha256(row.cause.encode()).hexdigest()[:16]}"
    if row.verdict is Verdict.UNKNOWN:
        return "unknown"
    error = row.result.get("error", {})
    kind = error.get("class", FailureClass.FATAL)
    return f"failed/{error['type'] if kind == FailureClass.ACTION_REQUIRED else kind}"


def _tell(setting: Setting, row: SyncRow) -> list[str]:
    return [row.cause, *_tell_place(setting, row), f"next: connectors debug {row.sync_id}"]


def _tell_place(setting: Setting, row: SyncRow) -> tuple[str, str]:
    place = f"project {setting.project.id}, into {row.destination}.{row.dataset}"
    return place, f"sync {row.sync_id}, attempt {row.attempt}"
