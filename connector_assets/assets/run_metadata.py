"""What Dagster shows of a sync: counts, verdict, position, drift, and where its log is."""

from __future__ import annotations

from typing import Any

from dagster import MetadataValue

from connector_assets.airflow_api.runs import find_run, run_url
from connector_assets.artifacts import log_place
from connector_assets.assets.definition_metadata import build_schema
from connector_assets.audit.wording import describe
from connector_assets.ledger.audit_records import DriftEvent
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.advice import suggest_next, tell_data
from connector_assets.lifecycle.baseline import find_baseline, to_drift
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Stream

_STEPS = ("start", "extract", "gate", "load", "destination")


def describe_end(setting: Setting, row: SyncRow, *, stream: Stream) -> dict[str, Any]:
    """Return the metadata of a stream's materialization, for a sync that ended well.

    Dagster shows it in this order: what arrived first, what only a search needs last.
    """
    streams: list[dict[str, Any]] = row.result.get("streams", [])
    counts = next((one for one in streams if one["stream"] == stream.name), {})
    told: dict[str, Any] = {"verdict": str(row.verdict)}
    for name in ("emitted", "staged", "in_destination"):
        if counts.get(name) is not None:
            told[f"rows_{name}"] = counts[name]
    if counts.get("total") is not None:
        told["dagster/row_count"] = counts["total"]
    cursors = row.result.get("cursors", {})
    if stream.name in cursors:
        before = row.result.get("cursors_before", {}).get(stream.name)
        told["cursor_before"] = "none" if before is None else str(before)
        told["cursor_after"] = str(cursors[stream.name])
    told |= {**_describe_drift(setting, row, stream=stream), **_describe_sync(setting, row)}
    told["dagster/table_name"] = f"{row.destination}.{row.dataset}.{stream.table}"
    locked = find_baseline(setting, row.connector).get(stream.name)
    if locked:
        told["dagster/column_schema"] = build_schema(locked)
    return told


def describe_failure(
    setting: Setting, row: SyncRow, *, stream: Stream | None = None
) -> dict[str, Any]:
    """Return the metadata of a sync that did not end well: why, and what to do next.

    With the drift of a stream and its child tables, or of all streams. A run's page shows
    the first lines of it, and plain text only: Markdown is a link there.
    """
    error = row.result.get("error", {})
    told: dict[str, Any] = {
        "verdict": str(row.verdict),
        "cause": row.cause,
        "data": tell_data(row),
    }
    if error.get("fix"):
        told["fix"] = error["fix"]
    told["next"] = "; ".join(suggest_next(row))
    if error.get("class"):
        told["error_class"] = error["class"]
    told |= _describe_drift(setting, row, stream=stream)
    return told | _describe_sync(setting, row)


def tell_failure(row: SyncRow) -> str:
    """Return what a failed run says where there is no room for more: why, and what to do."""
    verdict = str(row.verdict).replace("_", " ")
    lines = [f"{verdict}: {row.cause}", f"Data: {tell_data(row)}"]
    fix = row.result.get("error", {}).get("fix")
    lines += [f"Fix: {fix}"] if fix else []
    return "\n".join((*lines, *(f"Next: {command}" for command in suggest_next(row))))


def _describe_drift(setting: Setting, row: SyncRow, *, stream: Stream | None) -> dict[str, Any]:
    events = setting.ledger.drift.find(environment=row.environment, connector=row.connector)
    chosen = (one for one in events if stream is None or _is_of(one, stream))
    found = "; ".join(describe(to_drift(one)) for one in chosen)
    return {"drift": found} if found else {}


def _is_of(event: DriftEvent, stream: Stream) -> bool:
    return event.stream == stream.name or event.stream.startswith(f"{stream.table}__")


def _describe_sync(setting: Setting, row: SyncRow) -> dict[str, Any]:
    place = log_place(setting.project.artifacts, connector=row.called, sync_id=row.sync_id)
    told: dict[str, Any] = {
        "sync_id": row.sync_id,
        "attempt": row.attempt,
        "environment": row.environment,
        "log": MetadataValue.url(place) if "://" in place else MetadataValue.path(place),
    }
    if found := find_run(row.root_run_id):
        dag, run = found
        airflow = setting.project.airflow
        told["airflow_run"] = (
            MetadataValue.url(run_url(airflow.url, dag=dag, run=run)) if airflow else run
        )
    seconds = row.result.get("seconds", {})
    told |= {f"seconds_{name}": round(seconds[name], 2) for name in _STEPS if name in seconds}
    for name in ("snapshot", "state_version"):
        if row.result.get(name) is not None:
            told[name] = row.result[name]
    return told
