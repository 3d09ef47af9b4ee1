"""Builds a group's DAG: the four steps, in the style that keeps telling the truth.

``start_dag`` is a setup that does not fail for what is wrong with the sync: the run step raises
that. ``finalize_dag`` and ``final_status`` are teardowns that fail the DAG run, so that they run,
and count, whatever happened before them. (What each style of DAG did under each failure is in
docs/airflow-states.md.)
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, CronTriggerTimetable, Param

from airflow_bridge.group import Group, GroupAsset
from airflow_bridge.names import dag_id
from airflow_bridge.operator import StepOperator
from airflow_bridge.render_facts import FINGERPRINT, MARGIN, SHOWN

#: The first steps ask the ledger, which can be away for a minute; engines have their own rules.
_PATIENCE: dict[str, Any] = {
    "retries": 4,
    "retry_delay": timedelta(seconds=15),
    "retry_exponential_backoff": 1.5,
    "max_retry_delay": timedelta(minutes=2),
}
_USUAL_POOL = "default_pool"
#: A new connector whose time has passed waits for the next one; this long ago counts as now, so
#: that no time is missed while Airflow reads the DAG anew.
_JUST_NOW = timedelta(minutes=5)


def render_dag(group: Group, *, root: Path) -> DAG:
    """Return the DAG of a group of the project at ``root``."""
    step = partial(StepOperator, group=group, root=root)
    assets = [_build_asset(one.asset) for one in group.streams]
    with DAG(
        dag_id(group.name),
        schedule=_build_schedule(group),
        catchup=False,
        max_active_runs=1,
        description=group.doc.splitlines()[2] if group.doc else None,
        doc_md=f"{group.doc}\n\n{FINGERPRINT.format(group.fingerprint[:SHOWN])}",
        tags=list(group.tags),
        default_args={"owner": group.owner or "connectors"},
        # Airflow has what the DAG file names, not what turned out to be broken after all.
        auto_register=False,
    ) as dag:
        start = step(task_id="start_dag", step="start", **_PATIENCE)
        run = step(
            task_id=group.run_step,
            step="run",
            retries=group.retries,
            retry_delay=timedelta(seconds=group.retry_wait),
            retry_exponential_backoff=2.0,
            execution_timeout=timedelta(seconds=group.timeout) + MARGIN,
            pool=group.pool or _USUAL_POOL,
        )
        finalize = step(task_id="finalize_dag", step="finalize", **_PATIENCE)
        status = step(task_id="final_status", step="status", outlets=assets, **_PATIENCE)
        start.is_setup = True
        finalize.as_teardown(setups=start, on_failure_fail_dagrun=True)
        status.as_teardown(setups=start, on_failure_fail_dagrun=True)
        start >> run >> finalize >> status
    # Not sooner: each task would have a copy, and its schema would be checked nine times.
    dag.params.update({"streams": _build_streams_param(group), "full_refresh": _build_refresh()})
    return dag


def _build_schedule(group: Group) -> Any:
    if group.schedule:
        # Where it is unknown here, Airflow would find out later, and break the whole DAG file.
        zone = ZoneInfo(group.schedule.timezone).key
        return CronTriggerTimetable(group.schedule.cron, timezone=zone, run_immediately=_JUST_NOW)
    return [_build_asset(one) for one in group.upstream] or None


def _build_asset(asset: GroupAsset) -> Asset:
    return Asset(name=asset.name, uri=asset.uri, group="connector")


def _build_streams_param(group: Group) -> Param:
    names = [stream.name for stream in group.streams]
    return Param(
        default=[],
        type="array",
        items={"type": "string", "enum": names},
        examples=names,
        title="Streams",
        description="Only these; all of the connector's where none is chosen.",
    )


def _build_refresh() -> Param:
    return Param(
        default=False,
        type="boolean",
        title="Full refresh",
        description="Read them from the beginning, and replace what their tables hold.",
    )
