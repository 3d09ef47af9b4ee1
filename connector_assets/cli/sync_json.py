"""A sync as the JSON object that ``sync``, ``step`` and ``status`` print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector_assets.ledger.records import SyncRow


def render_sync(row: SyncRow) -> dict[str, Any]:
    """Return a sync's JSON object; ``verdict`` and ``ended_at`` are null while it is open.

    Counts are of this sync; null is a count that nobody knows.
    """
    return {
        "connector": row.connector,
        "engine": row.engine,
        "sync_id": row.sync_id,
        "attempt": row.attempt,
        "environment": row.environment,
        "destination": f"{row.destination}.{row.dataset}",
        "trigger": row.trigger,
        "verdict": None if row.verdict is None else str(row.verdict),
        "cause": row.cause,
        "started_at": row.started_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "streams": row.result.get("streams", []),
        "cursors": row.result.get("cursors", {}),
        "state_version": row.result.get("state_version"),
        "snapshot": row.result.get("snapshot"),
        "error": row.result.get("error") or None,
    }
