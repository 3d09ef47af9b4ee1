"""What the gate's evidence becomes: drift events, usual batches, a held package, a first lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from connector_assets.artifacts import drop_package, keep_package, measure_package
from connector_assets.audit.observe import introduce
from connector_assets.audit.profile import StreamProfile, parse_profiles
from connector_assets.ledger.audit_records import (
    DriftEvent,
    HeldPackage,
    PackageStatus,
    SeenBatch,
    SeenDrift,
)
from connector_assets.ledger.drift import identify_drift
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.evidence import Arrival, Layer
from connector_assets.lifecycle.setting import Setting
from connector_assets.lock import Lock, load_lock, save_lock
from connector_assets.model import Decision, DriftKind, DriftPolicy

Layers = Mapping[str, Mapping[str, Any]]

#: Held packages older than this are dropped; only the newest of a connector is held at all.
HELD_DAYS = 14


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
    arrived = layers.get(Layer.DESTINATION, {}).get("arrival") == Arrival.CONFIRMED
    _keep_events(setting, row, [*_findings(gate, arrived=arrived)], profiles)
    if batch and arrived:
        _keep_batches(setting, row, profiles, full=batch["full"])
        _keep_offered(setting, row, batch.get("offered"))
        _write_first_lock(setting, row, profiles)
    if batch and gate["decision"] == Decision.BLOCK:
        _hold(setting, row, gate)


def _findings(gate: Mapping[str, Any], *, arrived: bool) -> Iterator[Mapping[str, Any]]:
    """Yield what is to be written down: what is allowed only where it is in the destination.

    Otherwise a batch that was blocked for something else would move the baseline, and the source
    as it was before would be drift.
    """
    for one in gate.get("findings", ()):
        if arrived or one["policy"] != DriftPolicy.ALLOW:
            yield one


def _keep_events(
    setting: Setting,
    row: SyncRow,
    findings: Sequence[Mapping[str, Any]],
    profiles: Mapping[str, StreamProfile],
) -> None:
    seen = [_to_seen(row, finding) for finding in findings]
    setting.ledger.drift.see(seen)
    found = {one.identity for one in seen}
    open_events = setting.ledger.drift.find(environment=row.environment, connector=row.connector)
    gone = [
        event.id
        for event in open_events
        if event.identity not in found and _is_contradicted(event, profiles)
    ]
    setting.ledger.drift.settle(gone, who=f"sync {row.sync_id}")


def _to_seen(row: SyncRow, finding: Mapping[str, Any]) -> SeenDrift:
    column = tuple(finding["column"])
    return SeenDrift(
        environment=row.environment,
        connector=row.connector,
        stream=finding["stream"],
        column=column,
        kind=DriftKind(finding["kind"]),
        old=finding["old"],
        new=finding["new"],
        identity=identify_drift(
            stream=finding["stream"],
            column=column,
            kind=finding["kind"],
            old=finding["old"],
            new=finding["new"],
        ),
        policy=DriftPolicy(finding["policy"]),
        sync_id=row.sync_id,
        at=row.started_at,
    )


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


def _hold(setting: Setting, row: SyncRow, gate: Mapping[str, Any]) -> None:
    packages = setting.ledger.packages
    package_id, folder = gate["package_id"], setting.folder_of(row)
    known = packages.of_sync(row.sync_id)
    if (known is not None and known.package_id == package_id) or not folder.package.exists():
        return
    artifacts = setting.project.artifacts
    try:
        place = keep_package(artifacts, folder.path, connector=row.connector, package_id=package_id)
        size = measure_package(place)
    except OSError as error:
        # The verdict stands; only a release is not possible: the source is to be read again.
        setting.observer.notes(f"the blocked package could not be kept: {error}")
        return
    held = HeldPackage(
        package_id=package_id,
        sync_id=row.sync_id,
        environment=row.environment,
        connector=row.connector,
        base_version=gate["base_version"],
        place=place,
        size=size,
        held_at=datetime.now(UTC),
    )
    for older in (*packages.hold(held), *_expired(setting)):
        with suppress(OSError):
            drop_package(older.place)


def _expired(setting: Setting) -> Iterator[HeldPackage]:
    oldest = datetime.now(UTC) - timedelta(days=HELD_DAYS)
    packages = setting.ledger.packages
    for one in packages.held(environment=setting.project.environment):
        who = f"retention of {HELD_DAYS} days"
        if one.held_at < oldest and packages.settle(
            one.package_id, status=PackageStatus.DISCARDED, who=who
        ):
            yield one
