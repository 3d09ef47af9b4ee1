"""A sync as the commands print it in JSON: ``status --json`` and ``sync --json`` are the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connector_assets.ledger.records import SyncRow

COUNTS = ("emitted", "staged", "in_destination", "total")


def render_sync(row: SyncRow) -> dict[str, Any]:
    """Return a sync as JSON values; times are ISO 8601 in UTC, ``verdict`` is None while it runs.

    ``streams`` have the counts of this sync, None where nobody knows one; ``full_refresh`` names
    those that were read from the beginning into emptied tables; ``seconds`` are those of
    the layers (extract, gate, load, ...) that were recorded; ``error`` is the first
    thing that went wrong, None if nothing did.
    """
    return {
        "connector": row.connector,
        "engine": row.engine,
        "sync_id": row.sync_id,
        "verdict": None if row.verdict is None else str(row.verdict),
        "cause": row.cause,
        "started_at": _instant(row.started_at),
        "ended_at": None if row.ended_at is None else _instant(row.ended_at),
        "streams": [_stream(each) for each in row.result.get("streams", ())],
        "attempt": row.attempt,
        "environment": row.environment,
        "destination": f"{row.destination}.{row.dataset}",
        "trigger": row.trigger,
        "full_refresh": row.result.get("full_refresh", []),
        "cursors": row.result.get("cursors", {}),
        "state_version": row.result.get("state_version"),
        "snapshot": row.result.get("snapshot"),
        "seconds": row.result.get("seconds", {}),
        "error": row.result.get("error") or None,
    }


def _stream(counts: dict[str, Any]) -> dict[str, Any]:
    known = {name: counts.get(name) for name in COUNTS}
    return {"stream": counts["stream"], "table": counts.get("table"), **known}


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
