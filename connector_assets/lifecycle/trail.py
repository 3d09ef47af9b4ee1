"""What the gate's evidence becomes: drift events, usual batches, a held package, a first lock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connector_assets.audit.drift import Drift
from connector_assets.audit.gate import Finding
from connector_assets.audit.observe import introduce
from connector_assets.audit.profile import StreamProfile, parse_profiles
from connector_assets.ledger.audit_records import (
    DriftEvent,
    DriftStatus,
    SeenBatch,
    SeenDrift,
)
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.evidence import Arrival, Layer
from connector_assets.lifecycle.holding import hold
from connector_assets.lifecycle.observation import Observation, to_seen
from connector_assets.lifecycle.setting import Setting
from connector_assets.lifecycle.silence import watch_silence
from connector_assets.lock import Lock, load_lock, save_lock
from connector_assets.model import Decision, DriftKind, DriftPolicy

Layers = Mapping[str, Mapping[str, Any]]

#: What a batch can end without anybody: a structure that was approved stays approved, an
#: emptied column that was is forgotten when it has values again.
_ENDS: Mapping[DriftStatus, frozenset[str]] = {
    DriftStatus.OPEN: frozenset(DriftKind) - {DriftKind.STREAM_SILENT},
    DriftStatus.APPROVED: frozenset({DriftKind.COLUMN_EMPTIED}),
    DriftStatus.RECORDED: frozenset({DriftKind.COLUMN_EMPTIED}),
}


def keep_trail(setting: Setting, row: SyncRow, layers: Layers) -> None:
    """Write what the gate found into the ledger; doing it again changes nothing.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    gate = layers.get(Layer.GATE, {})
    if not gate:
        return
    batch = gate.get("batch") or {}
    profiles = parse_profiles(batch.get("profiles", {}))
    destination = layers.get(Layer.DESTINATION, {})
    # Of a sync that stopped after a checkpoint, what was judged before it stopped has arrived.
    blocked = gate.get("decision") == Decision.BLOCK
    partial = destination.get("arrival") == Arrival.PARTIAL and not blocked
    arrived = partial or destination.get("arrival") == Arrival.CONFIRMED
    _keep_events(setting, row, gate, profiles, arrived=arrived)
    if batch and arrived:
        positions = destination.get("cursors", {})
        _keep_batches(setting, row, profiles, full=batch["full"], positions=positions)
        _keep_offered(setting, row, batch.get("offered"))
        _write_first_lock(setting, row, profiles)
        watch_silence(setting, row)
    if batch and gate["decision"] == Decision.BLOCK:
        hold(setting, row, gate)


def _keep_events(
    setting: Setting,
    row: SyncRow,
    gate: Mapping[str, Any],
    profiles: Mapping[str, StreamProfile],
    *,
    arrived: bool,
) -> None:
    # What is allowed counts once it was loaded. Otherwise a batch that was blocked for something
    # else would move the baseline, and the source as it was before would be drift.
    by = Observation(
        environment=row.environment,
        connector=row.connector,
        id=row.sync_id,
        at=row.started_at,
        loaded=arrived,
    )
    seen = [_to_seen(finding, by=by) for finding in gate.get("findings", ())]
    setting.ledger.drift.see(seen)
    found = {one.identity for one in seen}
    if arrived:
        _end_noted(setting, row, profiles, found=found)
    for status, kinds in _ENDS.items():
        events = setting.ledger.drift.find(
            environment=row.environment, connector=row.connector, statuses=(status,)
        )
        gone = [
            event.id
            for event in events
            if event.kind in kinds
            and event.identity not in found
            and _is_contradicted(event, profiles)
        ]
        setting.ledger.drift.settle(gone, who=f"sync {row.sync_id}", statuses=(status,))


def _end_noted(
    setting: Setting,
    row: SyncRow,
    profiles: Mapping[str, StreamProfile],
    *,
    found: Collection[str],
) -> None:
    """Close what was only noted, where rows were loaded that do not show it."""
    events = setting.ledger.drift.find(
        environment=row.environment, connector=row.connector, statuses=(DriftStatus.NOTED,)
    )
    over = [
        event.id
        for event in events
        if event.identity not in found and event.column and _has_rows(profiles, event.stream)
    ]
    setting.ledger.drift.settle(over, who=f"sync {row.sync_id}", statuses=(DriftStatus.NOTED,))


def _has_rows(profiles: Mapping[str, StreamProfile], stream: str) -> bool:
    return stream in profiles and profiles[stream].rows > 0


def _to_seen(finding: Mapping[str, Any], *, by: Observation) -> SeenDrift:
    drift = Drift(
        kind=DriftKind(finding["kind"]),
        stream=finding["stream"],
        column=tuple(finding["column"]),
        old=finding["old"],
        new=finding["new"],
    )
    found = Finding(drift=drift, policy=DriftPolicy(finding["policy"]))
    return replace(to_seen(found, by=by), sample=finding.get("sample"))


def _is_contradicted(event: DriftEvent, profiles: Mapping[str, StreamProfile]) -> bool:
    """Tell whether a batch shows that a difference is gone, not only that it did not show it."""
    profile = profiles.get(event.stream)
    if profile is None:
        return False
    if event.column:
        column = profile.columns.get(event.column[0])
        return column is not None and column.filled > 0
    return profile.rows > 0


def _keep_batches(
    setting: Setting,
    row: SyncRow,
    profiles: Mapping[str, StreamProfile],
    *,
    full: Mapping[str, bool],
    positions: Mapping[str, Any],
) -> None:
    setting.ledger.batches.save(
        [
            SeenBatch(
                sync_id=row.sync_id,
                stream=name,
                environment=row.environment,
                connector=row.connector,
                rows=profile.rows,
                full=full.get(name, False),
                filled={column: one.filled for column, one in profile.columns.items()},
                at=row.started_at,
                position=str(positions[name]) if name in positions else None,
            )
            for name, profile in profiles.items()
        ]
    )


def _keep_offered(setting: Setting, row: SyncRow, offered: Sequence[str] | None) -> None:
    if offered is not None:
        setting.ledger.offers.save(row.connector, environment=row.environment, streams=offered)


def _write_first_lock(
    setting: Setting, row: SyncRow, profiles: Mapping[str, StreamProfile]
) -> None:
    """Write the lock of a connector that has none, in development; production needs one before."""
    root, name = setting.project.root, row.connector
    if setting.project.production or load_lock(name, root=root) is not None:
        return
    streams = {stream: introduce(profile) for stream, profile in profiles.items()}
    path = save_lock(Lock(connector=name, streams=streams), root=root)
    setting.observer.notes(f"{path.relative_to(root)} is new: review and commit it")
