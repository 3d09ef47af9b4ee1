"""What Dagster shows of a sync: counts, verdict, position, drift, and where its log is."""

from __future__ import annotations

from typing import Any

from dagster import MetadataValue

from connector_assets.artifacts import log_place
from connector_assets.assets.definition_metadata import build_schema
from connector_assets.audit.wording import describe
from connector_assets.ledger.audit_records import DriftEvent
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.baseline import find_baseline, to_drift
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Stream, Verdict

_STEPS = ("start", "extract", "gate", "load", "destination")


def describe_end(setting: Setting, row: SyncRow, *, stream: Stream) -> dict[str, Any]:
    """Return the metadata of a stream's materialization, for a sync that ended well."""
    streams: list[dict[str, Any]] = row.result.get("streams", [])
    counts = next((one for one in streams if one["stream"] == stream.name), {})
    told = _describe_sync(setting, row, stream=stream)
    for name in ("emitted", "staged", "in_destination"):
        if counts.get(name) is not None:
            told[f"rows_{name}"] = counts[name]
    if counts.get("total") is not None:
        told["dagster/row_count"] = counts["total"]
    told["dagster/table_name"] = f"{row.destination}.{row.dataset}.{stream.table}"
    locked = find_baseline(setting, row.connector).get(stream.name)
    if locked:
        told["dagster/column_schema"] = build_schema(locked)
    cursors = row.result.get("cursors", {})
    if stream.name in cursors:
        before = row.result.get("cursors_before", {}).get(stream.name)
        told["cursor_before"] = "none" if before is None else str(before)
        told["cursor_after"] = str(cursors[stream.name])
    return told


def describe_failure(
    setting: Setting, row: SyncRow, *, stream: Stream | None = None
) -> dict[str, Any]:
    """Return the metadata of a sync that did not end well: why, and what to do next.

    With the drift of a stream and its child tables, or of all streams.
    """
    error = row.result.get("error", {})
    told = _describe_sync(setting, row, stream=stream)
    told["cause"] = row.cause
    if error.get("fix"):
        told["fix"] = error["fix"]
    if error.get("class"):
        told["error_class"] = error["class"]
    told["data"] = "not known yet" if row.verdict is Verdict.UNKNOWN else "as before this sync"
    told["next"] = MetadataValue.md(f"`connectors logs {row.sync_id[:8]}`")
    if row.verdict is Verdict.BLOCKED:
        told["next"] = MetadataValue.md(
            f"`connectors drift diff {row.connector}`, then "
            f"`connectors approve {row.connector} --release` "
            f"or `connectors discard {row.sync_id[:8]}`"
        )
    return told


def _describe_sync(setting: Setting, row: SyncRow, *, stream: Stream | None) -> dict[str, Any]:
    place = log_place(setting.project.artifacts, connector=row.connector, sync_id=row.sync_id)
    told: dict[str, Any] = {
        "verdict": str(row.verdict),
        "sync_id": row.sync_id,
        "attempt": row.attempt,
        "environment": row.environment,
        "log": MetadataValue.url(place) if "://" in place else MetadataValue.path(place),
    }
    seconds = row.result.get("seconds", {})
    told |= {f"seconds_{name}": seconds[name] for name in _STEPS if name in seconds}
    for name in ("snapshot", "state_version"):
        if row.result.get(name) is not None:
            told[name] = row.result[name]
    found = setting.ledger.drift.find(environment=row.environment, connector=row.connector)
    events = [one for one in found if stream is None or _is_of(one, stream)]
    if events:
        lines = (f"- {describe(to_drift(one))}" for one in events)
        told["drift"] = MetadataValue.md("\n".join(lines))
    return told


def _is_of(event: DriftEvent, stream: Stream) -> bool:
    return event.stream == stream.name or event.stream.startswith(f"{stream.table}__")
