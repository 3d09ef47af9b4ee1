"""How a connector stands, as ``connectors status --json`` prints it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from connector_assets.cli.pause import render_pause
from connector_assets.cli.sync_json import render_sync

if TYPE_CHECKING:
    from connector_assets.ledger.alert_records import Incident
    from connector_assets.ledger.records import SyncRow
    from connector_assets.lifecycle.retry_plan import RetryPlan
    from connector_assets.lifecycle.standing import Standing


def render_standing(one: Standing) -> dict[str, Any]:
    """Return a connector's last sync as ``sync --json`` prints it, and how it stands.

    Where it was never synced, ``sync_id`` and ``verdict`` are None, and the sync's other keys are
    left out but ``connector`` and ``engine``.
    """
    never = {"connector": one.connector, "engine": one.engine, "sync_id": None, "verdict": None}
    setup, time = one.setup, one.punctuality
    return {
        **(render_sync(one.last) if one.last else never),
        "setup": {
            "ok": setup.ok,
            "valid": setup.valid,
            "missing_secrets": [*setup.missing],
            "locked": setup.locked,
            "problems": [*setup.problems],
        },
        "timing": {
            "state": time.timing.replace(" ", "_"),
            "due": _instant(time.due),
            "next": _instant(time.next),
        },
        "last_good": _render_good(one.good) if one.good else None,
        "rows_before": [*one.rows],
        "retry": _render_retry(one.retry) if one.retry else None,
        "paused": render_pause(one.pause),
        "incidents": [render_incident(each) for each in one.incidents],
    }


def _render_retry(plan: RetryPlan) -> dict[str, Any]:
    return {"action": str(plan.action), "reason": plan.reason, "automatic": plan.automatic}


def _render_good(row: SyncRow) -> dict[str, Any]:
    from connector_assets.lifecycle.standing import count_rows

    return {
        "sync_id": row.sync_id,
        "started_at": _instant(row.started_at),
        "rows": count_rows(row),
    }


def render_incident(one: Incident) -> dict[str, Any]:
    """Return an incident as JSON values."""
    return {
        "connector": one.connector,
        "kind": str(one.kind),
        "cause": one.cause,
        "count": one.count,
        "since": _instant(one.opened_at),
        "last": _instant(one.last_at),
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds")
