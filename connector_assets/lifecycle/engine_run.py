"""Runs a connector's engine: one supervised worker process, its evidence put into the ledger."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector_assets.artifacts import fetch_package
from connector_assets.credentials.redact import Redactor
from connector_assets.credentials.sources import Secrets, resolve_connector
from connector_assets.engines.job import (
    SECRETS_VARIABLE,
    AttemptFolder,
    Job,
    WorkerSecrets,
    read_result,
    render_secrets,
    save_job,
)
from connector_assets.engines.output import ProgressTail
from connector_assets.engines.process import Command, Outcome, Watch, run_supervised
from connector_assets.errors import ConnectorError, EngineFailed
from connector_assets.ledger.records import Lease, SyncRow
from connector_assets.lifecycle.baseline import gather_audit
from connector_assets.lifecycle.evidence import Layer
from connector_assets.lifecycle.lease import BEAT_EVERY, Heartbeat, retake, set_down
from connector_assets.lifecycle.leftovers import Redaction, settle_rotated
from connector_assets.lifecycle.log import SyncLog
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Refresh
from connector_assets.plan import Plan
from connector_assets.project_file import ENVIRONMENT_VARIABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What one try of a worker needs."""

    plan: Plan
    folder: AttemptFolder
    log: SyncLog
    secrets: Secrets


def run_engine(setting: Setting, row: SyncRow, *, start: Mapping[str, Any], lease: Lease) -> None:
    """Run the worker of an attempt to its end and record the layers that it left.

    Raises:
        ConnectorError: Why it failed; the evidence has it too.
    """
    folder = setting.folder_of(row)
    # Without this word a try that is killed would be judged by the one before it.
    _record(setting, row, Layer.EXTRACT, {"running": True})
    # What the destination said before is of another try: the attempt is finalized anew.
    _record(setting, row, Layer.DESTINATION, {})
    try:
        error = _run_worker(setting, row, start=start, lease=lease)
    except BaseException as caught:
        cancelled = isinstance(caught, KeyboardInterrupt | SystemExit)
        ours = None
        if isinstance(caught, ConnectorError):
            ours = caught.with_context(connector=row.connector)
        _record_layers(setting, row, folder=folder, error=ours, cancelled=cancelled)
        raise
    if error:
        error.with_context(connector=row.connector)
    _record_layers(setting, row, folder=folder, error=error)
    if error:
        raise error


def _run_worker(
    setting: Setting, row: SyncRow, *, start: Mapping[str, Any], lease: Lease
) -> ConnectorError | None:
    """Return why the worker failed, None where it did its work."""
    plan, folder = setting.plan_of(row), setting.folder_of(row)
    for left in (folder.result, folder.progress):
        left.unlink(missing_ok=True)
    # A try before this one can have been killed after its tap rotated.
    settle_rotated(plan.connector, root=plan.root)
    secrets = resolve_connector(plan.connector, root=plan.root)
    redactor = Redactor(secrets.values)
    log = SyncLog.of(setting, connector=row.connector, sync_id=row.sync_id, redactor=redactor)
    known = int(start.get("known_version", 0))
    job = Job(
        plan=plan,
        sync_id=row.sync_id,
        attempt=row.attempt,
        known_version=known,
        audit=gather_audit(setting, plan.connector) | _bring_held(setting, start, folder=folder),
        refresh=Refresh(start.get("refresh", Refresh.NONE)),
    )
    save_job(job, folder)
    lease = retake(setting, lease)
    # finalize gives back the lease whose token it finds there.
    _record(setting, row, Layer.START, {**start, "token": lease.token})
    one = _Run(plan=plan, folder=folder, log=log, secrets=secrets)
    try:
        outcome = _supervise(setting, one, lease=lease)
    finally:
        set_down(setting, lease)
    error = _find_error(outcome, read_result(folder), phase=_find_phase(folder))
    if error:
        log.logger.error(error.problem)
    return error


def _bring_held(
    setting: Setting, start: Mapping[str, Any], *, folder: AttemptFolder
) -> dict[str, Any]:
    """Bring a held package into the attempt's folder, where the worker finds it sealed.

    Return what the gate is to know of it: whether somebody approved its rows.
    """
    package_id = start.get("package")
    held = setting.ledger.packages.find(package_id) if package_id else None
    if held is None:
        return {}
    if not folder.package.exists():
        fetch_package(held.place, to=folder.path)
    return {"take_rows": held.approved_by is not None}


def _supervise(setting: Setting, one: _Run, *, lease: Lease) -> Outcome:
    folder, connector, secrets = one.folder, one.plan.connector, one.secrets
    heartbeat = Heartbeat(setting, lease, folder=folder)
    heartbeat.take_over()
    handed = WorkerSecrets(connector=secrets.connector, destination=secrets.destination)
    command = Command(
        name=f"the {connector.engine} engine of {connector.name}",
        argv=(sys.executable, "-P", "-m", "connector_assets.engines.worker", str(folder.path)),
        cwd=one.plan.root,
        env={
            **os.environ,
            ENVIRONMENT_VARIABLE: one.plan.environment,
            SECRETS_VARIABLE: render_secrets(handed),
        },
        log=one.log.path,
        progress=folder.progress,
    )
    redaction = Redaction(connector, root=one.plan.root, secrets=secrets)
    watch = Watch(
        redact=redaction.line,
        render=one.log.render,
        on_progress=setting.observer.progressed,
        heartbeat=heartbeat.beat,
        heartbeat_every=BEAT_EVERY,
    )
    try:
        return run_supervised(command, watch=watch, timeout=connector.timeout)
    finally:
        redaction.finish(one.log.path)


def _find_error(
    outcome: Outcome, layers: Mapping[str, Mapping[str, Any]], *, phase: str
) -> ConnectorError | None:
    for layer in (Layer.EXTRACT, Layer.GATE, Layer.LOAD):
        error = layers.get(layer, {}).get("error")
        if error:
            return ConnectorError.from_record(error)
    if outcome.exit_code == 0 and Layer.LOAD in layers:
        return None
    doing = f" in the phase {phase!r}" if phase else ""
    tail = "".join(f"\n{_plain(line)}" for line in outcome.tail[-5:])
    return EngineFailed(
        f"{outcome.name} {_describe_end(outcome.exit_code)}{doing}; its last lines:{tail}",
        place=str(outcome.log),
        fix="Sync again. If nobody killed it, look for a lack of memory.",
    )


def _describe_end(code: int | None) -> str:
    if code is None:
        return "was killed together with its guard"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code} and told nothing"


def _plain(line: str) -> str:
    """Return what a line of the engine says, without its envelope."""
    try:
        content = json.loads(line)
    except ValueError:
        return line
    return str(content.get("event", line)) if isinstance(content, dict) else line


def _find_phase(folder: AttemptFolder) -> str:
    """Return the phase that the worker was in when it wrote for the last time."""
    phases = [event.get("phase", "") for event in ProgressTail(folder.progress).read()]
    return phases[-1] if phases else ""


def _record_layers(
    setting: Setting,
    row: SyncRow,
    *,
    folder: AttemptFolder,
    error: ConnectorError | None,
    cancelled: bool = False,
) -> None:
    """Record what the worker left; an error that it could not tell belongs to the next layer."""
    layers = read_result(folder)
    for layer, payload in layers.items():
        _record(setting, row, Layer(layer), payload)
    if any("error" in payload for payload in layers.values()):
        return
    broken = Layer.LOAD if Layer.EXTRACT in layers else Layer.EXTRACT
    if cancelled:
        _record(setting, row, broken, {"cancelled": True})
    elif error:
        _record(setting, row, broken, {"error": error.to_record()})


def _record(setting: Setting, row: SyncRow, layer: Layer, payload: Mapping[str, Any]) -> None:
    setting.ledger.syncs.record(row.sync_id, attempt=row.attempt, layer=layer, payload=payload)
