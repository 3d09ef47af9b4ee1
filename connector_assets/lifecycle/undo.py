"""Takes back a sync: destination first, then the ledger, which then tells both views."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from connector_assets.credentials.sources import resolve_secrets
from connector_assets.errors import ConfigError, LeaseLost
from connector_assets.ledger.audit_records import DriftStatus
from connector_assets.ledger.records import Lease, StateVersion, SyncRow
from connector_assets.lifecycle.closing import close
from connector_assets.lifecycle.evidence import Arrival, Layer
from connector_assets.lifecycle.lease import take_lease
from connector_assets.lifecycle.setting import Setting, make_sync_id
from connector_assets.model import Connector

if TYPE_CHECKING:
    from connector_assets.destinations.undo import Undone


def undo(setting: Setting, sync: str, *, who: str) -> tuple[SyncRow, Undone]:
    """Put a connector's tables and state back to what they were before a sync.

    No sync of the connector runs meanwhile. Where this process ends between destination and
    ledger, undoing the sync again brings the ledger up to date.

    Raises:
        ConfigError: There is no such sync, or it cannot be undone. Nothing was changed.
        LeaseHeld: A sync of the connector is running.
        ConnectorError: The destination cannot be changed.
    """
    row = setting.ledger.history.find(sync)
    if row.environment != setting.project.environment:
        raise ConfigError(
            f"sync {row.sync_id} is of environment {row.environment}",
            fix=f"connectors undo {row.sync_id} --env {row.environment}",
        )
    connector = setting.plan_of(row).connector
    # Not the sync's own id: where it runs still, that would take its lease from it.
    holder = make_sync_id(
        f"undo {row.sync_id}", connector=connector.name, environment=row.environment
    )
    lease = take_lease(setting, connector, sync_id=holder, wait=0)
    try:
        undone = _undo(setting, connector, row, lease=lease)
        _note(setting, row, undone=undone, who=who)
    finally:
        setting.ledger.leases.release(lease)
    return setting.ledger.history.find(row.sync_id), undone


def _undo(setting: Setting, connector: Connector, row: SyncRow, *, lease: Lease) -> Undone:
    from connector_assets.destinations.stamp import Stamp
    from connector_assets.destinations.undo import UndoTarget, undo_load

    def check_lease() -> None:
        if not setting.ledger.leases.holds(lease):
            problem = "the lease went to a sync before anything was undone"
            raise LeaseLost(problem, connector=connector.name, fix="Nothing was changed.")

    project, destination = setting.project, connector.destination
    latest = setting.ledger.states.latest(connector.name, environment=project.environment)
    result = row.result.get("state_version") or 0
    target = UndoTarget(
        version=max(latest.version if latest else 0, int(result)) + 1,
        secrets=resolve_secrets(
            destination.secrets, of=f"destination {destination.name}", root=project.root
        ),
        stamp=Stamp(project_id=project.id, environment=project.environment),
        may_commit=check_lease,
    )
    return undo_load(connector, sync_id=row.sync_id, target=target)


def _note(setting: Setting, row: SyncRow, *, undone: Undone, who: str) -> None:
    """Write into the ledger what the destination has now, and that the sync is no more."""
    setting.ledger.states.append(
        StateVersion(
            connector=row.connector,
            environment=row.environment,
            version=undone.version,
            state=undone.state,
            sync_id=None,
            who=who,
            why=f"sync {row.sync_id} was undone",
            at=datetime.now(UTC),
        )
    )
    payload = {
        "arrival": str(Arrival.ABSENT),
        "state_version": undone.version,
        "undone_by": who,
    }
    setting.ledger.syncs.record(
        row.sync_id, attempt=row.attempt, layer=Layer.DESTINATION, payload=payload
    )
    close(setting, row)
    _forget(setting, row, who=who)


def _forget(setting: Setting, row: SyncRow, *, who: str) -> None:
    """Let what the sync taught the gate count no more: the next one sees it anew."""
    ledger = setting.ledger
    ledger.batches.forget(row.sync_id)
    recorded = ledger.drift.find(
        environment=row.environment, connector=row.connector, statuses=(DriftStatus.RECORDED,)
    )
    ledger.drift.settle(
        [event.id for event in recorded if event.first_sync_id == row.sync_id],
        who=f"undo of sync {row.sync_id} by {who}",
        statuses=(DriftStatus.RECORDED,),
    )
