"""The four steps of a sync: the same functions in the CLI, in both views and in a container.

Each is idempotent within an attempt. Only ids travel between them: what happened is evidence in
the ledger, and the verdict is computed from that and from nothing else.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from connector_assets.artifacts import is_remote, publish_log
from connector_assets.errors import ConnectorError, FatalSyncError, LeaseHeld
from connector_assets.faults import fault_point
from connector_assets.ledger.records import Lease, NewSync, SyncRow
from connector_assets.lifecycle.aftercare import follow_up, report_start
from connector_assets.lifecycle.closing import close, confirm
from connector_assets.lifecycle.engine_run import run_engine
from connector_assets.lifecycle.evidence import Layer, parse_evidence
from connector_assets.lifecycle.lease import await_engine, find_lease, set_down, take_lease
from connector_assets.lifecycle.pausing import find_pause
from connector_assets.lifecycle.preflight import preflight
from connector_assets.lifecycle.reaper import find_abandoned
from connector_assets.lifecycle.renaming import follow_renames
from connector_assets.lifecycle.setting import Setting, StartRequest, make_sync_id
from connector_assets.lifecycle.trail import keep_trail
from connector_assets.model import Connector, Refresh, Step, Verdict
from connector_assets.plan import Plan, plan_connector, select_streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What later steps need to know, and whether there is anything to run."""

    sync_id: str
    attempt: int
    error: ConnectorError | None = None
    skipped: bool = False


def start(setting: Setting, connector: Connector, *, request: StartRequest) -> Started:
    """Take the lease, open the next attempt and check everything that can be checked before.

    What is wrong is recorded, not raised: the run step raises it, so that finalize and status
    still run. The same ``root_run_id`` gives the same sync, and a new attempt of it.

    Raises:
        LeaseHeld: Another sync of the connector is running and this one is not scheduled.
        ConfigError: The connector cannot be planned.
        LedgerUnreachable: The ledger does not answer.
    """
    began = monotonic()
    setting.observer.began(Step.START)
    plan = select_streams(plan_connector(setting.project, connector), request.streams)
    sync_id = make_sync_id(
        request.root_run_id, connector=connector.name, environment=plan.environment
    )
    reap_all(setting, connector, again=sync_id)
    report_start(setting, request)
    lease, held = _try_lease(setting, connector, sync_id=sync_id, request=request)
    attempt = setting.ledger.syncs.open_attempt(_new_sync(plan, sync_id, request=request))
    fault_point("start")
    started = Started(sync_id=sync_id, attempt=attempt, error=held, skipped=held is not None)
    payload = {"sync_id": sync_id, "started": True, "package": request.package}
    payload |= {"refresh": str(_find_refresh(setting, sync_id, attempt=attempt, request=request))}
    if lease:
        payload |= {"token": lease.token}
        try:
            follow_renames(setting, connector, lease=lease)
            payload |= preflight(setting, plan, sync_id=sync_id, request=request)
        except ConnectorError as error:
            # Only by its old name can the connector be in use here.
            skipped = request.scheduled and isinstance(error, LeaseHeld)
            started = Started(sync_id=sync_id, attempt=attempt, error=error, skipped=skipped)
    payload |= {"seconds": round(monotonic() - began, 3)}
    _record_start(setting, started, payload, connector=connector.name)
    if lease:
        set_down(setting, lease)
    _tell_end(setting, Step.START, sync_id=sync_id, began=began)
    return started


def run(setting: Setting, sync_id: str) -> None:
    """Extract, stage, check and load, in one supervised process; a retry resumes the attempt.

    A package that is loaded already is not loaded again; one that is staged is not staged again.

    Raises:
        ConnectorError: Why start or the engine failed. It is in the evidence too.
    """
    began = monotonic()
    row = setting.ledger.history.find(sync_id)
    layers = setting.ledger.syncs.evidence(row.sync_id, attempt=row.attempt)
    start_layer = layers.get(Layer.START, {})
    evidence = parse_evidence(layers)
    if evidence.start is None:
        raise FatalSyncError(
            f"start_dag of sync {row.sync_id} left no evidence: it was killed",
            connector=row.connector,
            fix=f"Start it again: connectors sync {row.connector}",
        )
    if evidence.start.error:
        raise evidence.start.error
    if evidence.load and evidence.load.ok:
        return
    lease = find_lease(setting, start_layer, connector=row.connector)
    if lease is None:
        return
    step = setting.plan_of(row).connector.run_step
    setting.observer.began(step)
    try:
        run_engine(setting, row, start=start_layer, lease=lease)
    finally:
        _tell_end(setting, step, sync_id=sync_id, began=began)


def cancel(setting: Setting, sync_id: str) -> None:
    """Note that somebody stopped the sync on purpose; where the engine noted it, nothing changes.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    row = setting.ledger.history.find(sync_id)
    layers = setting.ledger.syncs.evidence(row.sync_id, attempt=row.attempt)
    if any(layer.get("cancelled") for layer in layers.values()):
        return
    payload = {**layers.get(Layer.EXTRACT, {}), "cancelled": True}
    setting.ledger.syncs.record(
        row.sync_id, attempt=row.attempt, layer=Layer.EXTRACT, payload=payload
    )


def finalize(setting: Setting, sync_id: str) -> SyncRow:
    """Read the destination back, write evidence, state, columns, verdict and outbox; let go.

    Runs whatever happened before it. Nothing is raised for a destination that cannot be read:
    that is evidence.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    began = monotonic()
    setting.observer.began(Step.FINALIZE)
    row = setting.ledger.history.find(sync_id)
    if lease := _find_lease(setting, row):
        await_engine(setting, lease)
    layers = setting.ledger.syncs.evidence(row.sync_id, attempt=row.attempt)
    start_layer = layers.get(Layer.START, {})
    try:
        # An attempt that was not let through start has nothing in the destination.
        if "error" not in start_layer:
            payload = confirm(setting, row) | {"seconds": round(monotonic() - began, 3)}
            setting.ledger.syncs.record(
                row.sync_id, attempt=row.attempt, layer=Layer.DESTINATION, payload=payload
            )
        keep_trail(setting, row, setting.ledger.syncs.evidence(row.sync_id, attempt=row.attempt))
        close(setting, row)
    finally:
        # The run step may have taken it anew.
        if lease := _find_lease(setting, row):
            setting.ledger.leases.release(lease)
    _tell_end(setting, Step.FINALIZE, sync_id=sync_id, began=began)
    return setting.ledger.history.find(row.sync_id)


def status(setting: Setting, sync_id: str) -> SyncRow:
    """Judge the sync by its evidence, tell people of a bad verdict once, and clean up.

    The caller raises, or exits, by the verdict of the row that is returned.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    began = monotonic()
    setting.observer.began(Step.STATUS)
    row = setting.ledger.history.find(sync_id)
    if not _is_finalized(setting, row):
        # A person who clears only what failed has the run step tried again, and not finalize.
        row = finalize(setting, sync_id)
    judgement = close(setting, row)
    row = setting.ledger.history.find(row.sync_id)
    follow_up(setting, row)
    published = _publish_log(setting, row)
    if judgement.verdict is not Verdict.UNKNOWN:
        _clean_up(setting.sync_folder(row.sync_id), with_log=published)
    _tell_end(setting, Step.STATUS, sync_id=sync_id, began=began)
    return row


def reap(setting: Setting, *, connector: str | None = None, again: str = "") -> list[SyncRow]:
    """Close the syncs that nobody works on any more; return how they ended.

    Nobody is told of the sync ``again``: it is being started anew.
    """
    quiet = Setting(project=setting.project, ledger=setting.ledger)
    rows = []
    for row in find_abandoned(setting, connector=connector):
        closed = finalize(quiet, row.sync_id)
        rows.append(closed if row.sync_id == again else status(quiet, row.sync_id))
    return rows


def reap_all(setting: Setting, connector: Connector, *, again: str = "") -> None:
    """Close the abandoned syncs of a connector, those by names that it had, too."""
    for name in (connector.name, *connector.renamed_from):
        reap(setting, connector=name, again=again)


def _record_start(
    setting: Setting, started: Started, payload: dict[str, Any], *, connector: str
) -> None:
    if started.error:
        started.error.with_context(connector=connector)
        payload |= {"error": started.error.to_record(), "skipped": started.skipped}
    setting.ledger.syncs.record(
        started.sync_id, attempt=started.attempt, layer=Layer.START, payload=payload
    )


def _try_lease(
    setting: Setting, connector: Connector, *, sync_id: str, request: StartRequest
) -> tuple[Lease | None, ConnectorError | None]:
    """Return the lease, or why a scheduled sync is skipped."""
    for name in (connector.name, *connector.renamed_from) if request.scheduled else ():
        if paused := find_pause(setting, name):
            return None, paused
    wait = connector.max_wait if request.scheduled else 0.0
    try:
        return take_lease(setting, connector, sync_id=sync_id, wait=wait), None
    except LeaseHeld as held:
        if not request.scheduled:
            raise
        return None, held


def _find_refresh(
    setting: Setting, sync_id: str, *, attempt: int, request: StartRequest
) -> Refresh:
    """Return what is read from the beginning; what an attempt began as, the next one goes on as."""
    wanted = Refresh.STREAMS if request.streams else Refresh.ALL
    before = setting.ledger.syncs.evidence(sync_id, attempt=attempt - 1) if attempt > 1 else {}
    began = before.get(Layer.START, {}).get("refresh") == wanted
    return wanted if request.full_refresh or began else Refresh.NONE


def _is_finalized(setting: Setting, row: SyncRow) -> bool:
    layers = setting.ledger.syncs.evidence(row.sync_id, attempt=row.attempt)
    return bool(layers.get(Layer.DESTINATION)) or "error" in layers.get(Layer.START, {})


def _find_lease(setting: Setting, row: SyncRow) -> Lease | None:
    layers = setting.ledger.syncs.evidence(row.sync_id, attempt=row.attempt)
    return find_lease(setting, layers.get(Layer.START, {}), connector=row.connector)


def _new_sync(plan: Plan, sync_id: str, *, request: StartRequest) -> NewSync:
    connector = plan.connector
    return NewSync(
        sync_id=sync_id,
        connector=connector.name,
        engine=str(connector.engine),
        environment=plan.environment,
        destination=connector.destination.name,
        dataset=connector.dataset,
        trigger=request.trigger,
        root_run_id=request.root_run_id,
        fingerprint=plan.fingerprint,
        plan=plan.to_json(),
        at=datetime.now(UTC),
    )


def _publish_log(setting: Setting, row: SyncRow) -> bool:
    """Upload the log where artifacts are remote; a storage that fails does not fail the sync."""
    artifacts, work = setting.project.artifacts, setting.project.work
    try:
        if is_remote(artifacts):
            publish_log(artifacts, connector=row.called, sync_id=row.sync_id, work=work)
    except (OSError, ImportError) as error:
        setting.observer.notes(f"the log was not published and stays on this machine: {error}")
        return False
    return True


def _clean_up(folder: Path, *, with_log: bool) -> None:
    """Remove a sync's folder; without the log that stands in it, where there is no other."""
    for attempt in folder.glob("*/"):
        shutil.rmtree(attempt, ignore_errors=True)
    if with_log:
        shutil.rmtree(folder, ignore_errors=True)


def _tell_end(setting: Setting, step: Step, *, sync_id: str, began: float) -> None:
    layers = setting.ledger.syncs.evidence(sync_id)
    setting.observer.ended(step, seconds=monotonic() - began, layers=layers)
