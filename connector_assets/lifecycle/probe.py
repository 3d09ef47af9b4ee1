"""Probes: what differs at a source now, found without a sync.

The engine looks from a process of its own, into a scratch folder, for a bounded time. The
destination, the state, the lease and the lock file are neither opened nor written: a probe runs
beside a sync. What it finds goes into the ledger as what a sync finds does.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from connector_assets.audit.gate import Finding
from connector_assets.audit.probe import Sighting, is_refuted, judge_sighting, list_offered
from connector_assets.credentials.sources import Secrets, resolve_secrets
from connector_assets.engines.job import SECRETS_VARIABLE, WorkerSecrets, render_secrets
from connector_assets.engines.probe import Glance, read_sighting, save_glance
from connector_assets.engines.process import Command, Watch, run_supervised
from connector_assets.errors import (
    ConnectorError,
    DriftBlocked,
    EngineFailed,
    EngineTimeout,
    LedgerUnreachable,
)
from connector_assets.ledger.audit_records import PROBE, DriftEvent, DriftStatus, ProbeRecord
from connector_assets.lifecycle.alerts import alert_drift
from connector_assets.lifecycle.baseline import find_baseline, to_drift
from connector_assets.lifecycle.leftovers import Redaction, settle_rotated
from connector_assets.lifecycle.observation import Observation, to_seen
from connector_assets.lifecycle.setting import Setting
from connector_assets.lock import LockedStream
from connector_assets.model import Connector, DriftPolicy
from connector_assets.plan import Plan, plan_connector
from connector_assets.project import Project
from connector_assets.project_file import ENVIRONMENT_VARIABLE

#: Seconds that the source of one connector has to answer.
TIMEOUT = 60.0
#: Seconds that an engine has to leave, after that.
_GRACE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """How a probe ended: what was seen and what differs, or the error that kept it from seeing.

    ``opened`` are the drift events that it found first; without a lock nothing is compared.
    """

    connector: str
    probe_id: str
    seconds: float
    locked: bool = False
    sighting: Sighting | None = None
    findings: tuple[Finding, ...] = ()
    opened: tuple[DriftEvent, ...] = ()
    error: ConnectorError | None = None

    @property
    def exit_code(self) -> int:
        """As a sync of what was seen would end: what is only warned of would be loaded."""
        if self.error is not None:
            return self.error.exit_code
        blocked = any(one.policy is DriftPolicy.BLOCK for one in self.findings)
        return DriftBlocked.exit_code if blocked else 0


def run_probe(setting: Setting, connector: Connector, *, timeout: float = TIMEOUT) -> Probed:
    """Look at a connector's source for at most ``timeout`` seconds; record what differs.

    What is wrong with the source or the connector is not raised: it is the result's ``error``.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    began = time.monotonic()
    by = Observation(
        environment=setting.project.environment,
        connector=connector.name,
        id=f"{PROBE}{uuid4().hex[:12]}",
        at=datetime.now(UTC),
        loaded=False,
    )
    try:
        baseline = find_baseline(setting, connector.name)
        state = _find_state(setting, connector)
        sighting = look(setting.project, connector, known=baseline, state=state, timeout=timeout)
    except LedgerUnreachable:
        raise
    except ConnectorError as error:
        setting.ledger.probes.save(_record(by, failure=type(error).__name__))
        return Probed(
            connector=connector.name,
            probe_id=by.id,
            seconds=round(time.monotonic() - began, 3),
            error=error.with_context(connector=connector.name),
        )
    findings, opened = _compare(setting, connector, sighting, baseline=baseline, by=by)
    return Probed(
        connector=connector.name,
        probe_id=by.id,
        seconds=round(time.monotonic() - began, 3),
        locked=bool(baseline),
        sighting=sighting,
        findings=findings,
        opened=opened,
    )


def _find_state(setting: Setting, connector: Connector) -> Mapping[str, Any]:
    latest = setting.ledger.states.latest(connector.name, environment=setting.project.environment)
    return latest.state if latest else {}


def look(
    project: Project,
    connector: Connector,
    *,
    known: Mapping[str, LockedStream],
    state: Mapping[str, Any],
    timeout: float,
) -> Sighting:
    """Return what a connector's source has now; writes nothing but what its tap rotates.

    Raises:
        ConnectorError: It cannot be asked, refused the secrets, or did not answer in time.
    """
    root = project.root
    settle_rotated(connector, root=root)
    plan = plan_connector(project, connector)
    secrets = resolve_secrets(connector.secrets, of=f"connector {connector.name}", root=root)
    with tempfile.TemporaryDirectory(prefix="connectors-probe-") as folder:
        save_glance(Glance(plan=plan, folder=Path(folder), known=known, state=state))
        command = _build_command(plan, secrets=secrets, folder=folder)
        given = Secrets(connector=secrets)
        watch = Watch(redact=Redaction(connector, root=root, secrets=given).line)
        try:
            outcome = run_supervised(command, watch=watch, timeout=timeout)
        except EngineTimeout as error:
            raise _too_slow(connector, timeout=timeout) from error
        sighting = read_sighting(Path(folder))
    if sighting is None:
        fix = f"Ask the source in the foreground: connectors discover {connector.name}"
        raise EngineFailed(outcome.explain(), fix=fix)
    return sighting


def _build_command(plan: Plan, *, secrets: Mapping[str, str], folder: str) -> Command:
    connector = plan.connector
    handed = render_secrets(WorkerSecrets(connector=secrets))
    return Command(
        name=f"the {connector.engine} engine of {connector.name}",
        argv=(sys.executable, "-P", "-m", "connector_assets.engines.probe", folder),
        cwd=plan.root,
        env={**os.environ, ENVIRONMENT_VARIABLE: plan.environment, SECRETS_VARIABLE: handed},
        log=Path(folder) / "engine.log",
        grace=_GRACE,
    )


def _too_slow(connector: Connector, *, timeout: float) -> EngineTimeout:
    longer = max(2, round(3 * timeout))
    return EngineTimeout(
        f"{connector.source} did not answer within {timeout:g} seconds; its engine was stopped",
        fix=f"Give it more time: connectors probe {connector.name} --timeout {longer}",
    )


def _compare(
    setting: Setting,
    connector: Connector,
    sighting: Sighting,
    *,
    baseline: Mapping[str, LockedStream],
    by: Observation,
) -> tuple[tuple[Finding, ...], tuple[DriftEvent, ...]]:
    """Write what differs into the ledger; return it, and the events that are new and open."""
    last = setting.ledger.probes.last(environment=by.environment).get(by.connector)
    findings = judge_sighting(
        connector, sighting, baseline=baseline, offered=last.offered if last else None
    )
    opened = _keep_events(setting, findings, sighting=sighting, by=by)
    offered = tuple(sorted(list_offered(connector, sighting))) if sighting.declares else None
    setting.ledger.probes.save(_record(by, offered=offered))
    alert_drift(setting, connector.name)
    return findings, opened


def _keep_events(
    setting: Setting, findings: tuple[Finding, ...], *, sighting: Sighting, by: Observation
) -> tuple[DriftEvent, ...]:
    seen = [to_seen(one, by=by) for one in findings]
    opened = setting.ledger.drift.see(seen)
    identities = {one.identity for one in seen}
    undecided = setting.ledger.drift.find(
        environment=by.environment,
        connector=by.connector,
        statuses=(DriftStatus.OPEN, DriftStatus.NOTED),
    )
    over = [
        event.id
        for event in undecided
        if event.identity not in identities and is_refuted(to_drift(event), by=sighting)
    ]
    if over:
        setting.ledger.drift.settle(over, who=by.id)
    return tuple(event for event in opened if event.status is DriftStatus.OPEN)


def _record(
    by: Observation, *, failure: str = "", offered: tuple[str, ...] | None = None
) -> ProbeRecord:
    return ProbeRecord(
        environment=by.environment,
        connector=by.connector,
        probe_id=by.id,
        at=by.at,
        failure=failure,
        offered=offered,
    )
