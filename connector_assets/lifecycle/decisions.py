"""What people decide: to approve drift, to release or discard what is held, to renew the lock."""

from __future__ import annotations

from collections.abc import Sequence

from connector_assets.artifacts import drop_package
from connector_assets.errors import ConfigError, PackageStale
from connector_assets.ledger.audit_records import (
    DriftEvent,
    DriftStatus,
    HeldPackage,
    PackageStatus,
)
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.baseline import apply_all, find_lock
from connector_assets.lifecycle.evidence import Layer
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.lock import Lock, save_lock


def approve(
    setting: Setting, connector: str, *, event_ids: Sequence[int] = (), who: str
) -> list[DriftEvent]:
    """Approve a connector's open drift events, or only those named; return them.

    Unless events are named, the rows of what is held are approved as well, where the row rules
    refused them: of this package, not of the next.

    Raises:
        ConfigError: There is nothing to approve, or a named event is not the connector's.
    """
    environment = setting.project.environment
    found = setting.ledger.drift.find(environment=environment, connector=connector)
    known = {event.id: event for event in found}
    for event_id in event_ids:
        if event_id not in known:
            raise ConfigError(
                f"{connector} has no open drift event {event_id}",
                value=str(event_id),
                valid=[str(one) for one in known],
                connector=connector,
            )
    refused = [] if event_ids else _find_refused(setting, connector)
    wanted = event_ids or list(known)
    if not wanted and not refused:
        raise ConfigError(
            f"{connector} has no open drift in environment {environment}",
            connector=connector,
            fix="connectors drift list --all shows what was settled.",
        )
    for held in refused:
        setting.ledger.packages.approve(held.package_id, who=who)
    return [setting.ledger.drift.approve(one, environment=environment, who=who) for one in wanted]


def _find_refused(setting: Setting, connector: str) -> list[HeldPackage]:
    """Return what is held because of its rows; the gate's evidence tells."""
    environment = setting.project.environment
    return [
        held
        for held in setting.ledger.packages.held(environment=environment, connector=connector)
        if setting.ledger.syncs.evidence(held.sync_id).get(Layer.GATE, {}).get("refused")
    ]


def release(setting: Setting, sync: str, *, who: str) -> SyncRow:
    """Load the package that a sync left with the gate, without asking the source again.

    The gate judges it anew, by what is approved now: drift, and the rows of this package.

    Raises:
        ConfigError: The sync left no package, or it was settled already.
        PackageStale: A newer sync has loaded since.
        LeaseHeld: Another sync of the connector is running.
    """
    row, held = _find_held(setting, sync)
    latest = setting.ledger.states.latest(row.connector, environment=row.environment)
    live = latest.version if latest else 0
    if live != held.base_version:
        raise PackageStale(
            f"the package was staged from state version {held.base_version}, and {live} is live",
            connector=row.connector,
            fix=f"Discard it: connectors discard {row.sync_id[:8]}",
        )
    request = StartRequest(root_run_id=row.root_run_id, trigger="release", package=held.package_id)
    connector = setting.project.connector(row.connector)
    released = run_sync(setting, connector, request=request)
    if released.verdict is not None and released.verdict.good:
        settled = setting.ledger.packages.settle(
            held.package_id, status=PackageStatus.RELEASED, who=who
        )
        if settled:
            drop_package(held.place)
    return released


def discard(setting: Setting, sync: str, *, who: str) -> HeldPackage:
    """Drop the package that a sync left with the gate; the next sync reads the source again.

    Raises:
        ConfigError: The sync left no package, or it was settled already.
    """
    _, held = _find_held(setting, sync)
    setting.ledger.packages.settle(held.package_id, status=PackageStatus.DISCARDED, who=who)
    drop_package(held.place)
    return held


def renew_lock(setting: Setting, connector: str) -> tuple[Lock, int]:
    """Fold what was approved and recorded into the lock; return it, and how many events those were.

    Raises:
        ConfigError: The connector has no lock yet.
    """
    environment, root = setting.project.environment, setting.project.root
    lock = find_lock(setting, connector)
    if lock is None:
        raise ConfigError(
            f"{connector} has no lock yet",
            connector=connector,
            fix=f"Write it: connectors discover {connector} --lock",
        )
    events = setting.ledger.drift.find(
        environment=environment,
        connector=connector,
        statuses=(DriftStatus.APPROVED, DriftStatus.RECORDED),
    )
    renewed = Lock(connector=connector, streams=apply_all(lock.streams, events))
    # First the file: an event that is in both is applied twice, which changes nothing.
    save_lock(renewed, root=root)
    return renewed, setting.ledger.drift.fold(connector, environment=environment)


def _find_held(setting: Setting, sync: str) -> tuple[SyncRow, HeldPackage]:
    row = setting.ledger.history.find(sync)
    held = setting.ledger.packages.of_sync(row.sync_id)
    if held is None or held.status is not PackageStatus.HELD:
        how = "left no package with the gate" if held is None else f"has a package {held.status}"
        if held is not None and held.settled_by:
            how += f" by {held.settled_by}"
        raise ConfigError(
            f"sync {row.sync_id} {how}",
            connector=row.connector,
            fix="connectors drift list shows what is held.",
        )
    return row, held
