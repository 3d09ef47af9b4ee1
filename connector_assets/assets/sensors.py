"""The two sensors: one tells Dagster of every sync, one looks for drift before a sync does.

(Dagster reads the annotations of `context` as objects: no `from __future__ import annotations`.)
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from dagster import (
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from connector_assets.airflow_api.access import open_client
from connector_assets.airflow_api.events import tell_airflow
from connector_assets.assets.checks import evaluate
from connector_assets.assets.mirror import Told, mark_told, read_outbox
from connector_assets.assets.opening import open_setting
from connector_assets.assets.probe_events import build_events, summarize
from connector_assets.errors import ConfigError, CredentialError, TransientSyncError
from connector_assets.ledger.records import View
from connector_assets.lifecycle.aftercare import tend
from connector_assets.lifecycle.due import order_by_age, pick_due
from connector_assets.lifecycle.health import Check
from connector_assets.lifecycle.heartbeat import beat
from connector_assets.lifecycle.setting import Setting

if TYPE_CHECKING:
    from connector_assets.lifecycle.probe import Probed

MIRROR, DRIFT = "mirror_sensor", "schema_drift_sensor"
#: Seconds between two ticks, and seconds that one tick of the drift sensor may probe.
MIRROR_EVERY, DRIFT_EVERY, DRIFT_BUDGET = 5, 30, 40.0


def build_sensors(root: Path, *, environment: str) -> list[SensorDefinition]:
    """Return both sensors of a project in an environment, switched on."""
    return [
        _build_mirror(root, environment=environment),
        _build_drift(root, environment=environment),
    ]


def _build_mirror(root: Path, *, environment: str) -> SensorDefinition:
    @sensor(
        name=MIRROR,
        description="Syncs that ran elsewhere, failed or were skipped, told once and in order; "
        "closes syncs whose process is gone, finds connectors that are late, sends alerts.",
        minimum_interval_seconds=MIRROR_EVERY,
        default_status=DefaultSensorStatus.RUNNING,
    )
    def mirror_sensor(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        from connector_assets.lifecycle.steps import reap

        with open_setting(root, environment=environment) as setting:
            reap(setting)
            told = list(read_outbox(setting, context.instance))
            again, seen = _find_changed(setting, before=context.cursor)
            events = [event for one in told for event in one.events] + again
            # What Dagster has is marked here; the rest in the next tick, when it has that, too.
            for one in told:
                if not one.events:
                    mark_told(setting, one)
            _tell_airflow(context, setting)
            tend(setting)
            beat(setting, alive=lambda: _is_alive(setting))
        if not events:
            return SkipReason("nothing is new")
        return SensorResult(asset_events=events, skip_reason=_summarize(told), cursor=seen)

    return mirror_sensor


def _is_alive(setting: Setting) -> bool:
    """Tell whether what runs the connectors is alive: the project's Airflow, or Dagster alone."""
    if setting.project.airflow is None:
        return True
    try:
        return open_client(setting.project, timeout=5.0).is_ready()
    except (TransientSyncError, ConfigError, CredentialError):
        return False


def _tell_airflow(context: SensorEvaluationContext, setting: Setting) -> None:
    """Let the project's Airflow catch up; one that is away is told in a later tick."""
    environment, pending = setting.project.environment, setting.ledger.outbox.pending
    if setting.project.airflow is None:
        return
    if not pending(View.AIRFLOW, environment=environment, limit=1):
        return
    try:
        tell_airflow(setting, open_client(setting.project, timeout=5.0))
    except (TransientSyncError, ConfigError, CredentialError) as error:
        context.log.warning("Airflow is told later: %s", error)


def _build_drift(root: Path, *, environment: str) -> SensorDefinition:
    @sensor(
        name=DRIFT,
        description="Looks at the sources of connectors that are due, before their sync does; "
        "nothing is loaded.",
        minimum_interval_seconds=DRIFT_EVERY,
        default_status=DefaultSensorStatus.RUNNING,
    )
    def schema_drift_sensor(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        with open_setting(root, environment=environment) as setting:
            probed = _probe_due(setting)
            if not probed:
                return SkipReason("no connector is due")
            events = list(build_events(setting, probed))
        found = summarize(probed)
        context.log.info(found)
        # A tick that starts no run shows its reason, and nothing else.
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return SensorResult(asset_events=events, skip_reason=found, cursor=now)

    return schema_drift_sensor


def _summarize(told: Sequence[Told]) -> str:
    """Return which syncs a tick told of; it can also have asked checks again."""
    syncs = [f"{one.row.connector} {one.row.sync_id[:8]}" for one in told if one.events]
    return f"told of {', '.join(syncs)}" if syncs else "asked schema checks again"


def _find_changed(setting: Setting, *, before: str | None) -> tuple[list[Any], str]:
    """Return new answers to the schema check where drift was decided on or is over since."""
    environment = setting.project.environment
    open_now: dict[str, list[int]] = {}
    for event in setting.ledger.drift.find(environment=environment):
        open_now.setdefault(event.connector, []).append(event.id)
    known: dict[str, list[int]] = json.loads(before) if before else {}
    changed = [
        connector
        for connector in setting.project.connectors
        if open_now.get(connector.name) != known.get(connector.name)
    ]
    answers = [event for one in changed for event in evaluate(setting, one, only=(Check.SCHEMA,))]
    return answers, json.dumps(open_now, sort_keys=True)


def _probe_due(setting: Setting) -> "list[Probed]":
    """Probe the connectors that are due, those probed longest ago first, within the budget."""
    began = monotonic()
    records = setting.ledger.probes.last(environment=setting.project.environment)
    last = {name: one.at for name, one in records.items()}
    due = order_by_age(pick_due(setting.project.connectors, last=last), last=last)
    if not due:
        return []
    # It brings what starts engines: only where there is something to look at.
    from connector_assets.lifecycle.probe import run_probe

    probed: list[Probed] = []
    for connector in due:
        left = DRIFT_BUDGET - (monotonic() - began)
        if left <= 0:
            break
        probed.append(run_probe(setting, connector, timeout=max(1.0, left)))
    return probed
