"""Drift events as people and programs read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from connector_assets.ledger.audit_records import DriftEvent

#: How a policy is coloured.
STYLES = {"block": "bold red", "warn": "yellow", "allow": ""}


def render_event(event: DriftEvent) -> dict[str, Any]:
    """Return an event as JSON values."""
    return {
        "id": event.id,
        "connector": event.connector,
        "environment": event.environment,
        "stream": event.stream,
        "column": ".".join(event.column),
        "kind": event.kind,
        "old": event.old,
        "new": event.new,
        "policy": event.policy,
        "status": str(event.status),
        "seen": event.seen,
        "first_seen_at": event.first_seen_at.isoformat(),
        "last_seen_at": event.last_seen_at.isoformat(),
        "first_sync_id": event.first_sync_id,
        "last_sync_id": event.last_sync_id,
        "settled_by": event.settled_by,
        "settled_at": event.settled_at.isoformat() if event.settled_at else None,
        "told_at": event.told_at.isoformat() if event.told_at else None,
    }


def render_events(events: Sequence[DriftEvent]) -> Table:
    """Return events as a table, one line each."""
    from rich.table import Table
    from rich.text import Text

    from connector_assets.ledger.audit_records import PROBE

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for header in ("event", "where", "what", "policy", "status", "seen", "since"):
        table.add_column(header, justify="right" if header in ("event", "seen") else "left")
    for event in events:
        where = ".".join((event.connector, event.stream, *event.column))
        by = " by a probe" if event.first_sync_id.startswith(PROBE) else ""
        since = f"{event.first_seen_at:%Y-%m-%d %H:%MZ}{by}"
        policy = Text(event.policy, style=STYLES.get(event.policy, ""))
        what = f"{event.kind}{render_change(event.old, event.new)}"
        who = f" by {event.settled_by}" if event.settled_by else ""
        table.add_row(
            str(event.id), where, what, policy, f"{event.status}{who}", str(event.seen), since
        )
    return table


def render_change(old: Any, new: Any) -> str:
    """Return ``: bigint -> text``, or what there is of it."""
    before, after = _show(old), _show(new)
    if before and after:
        return f": {before} -> {after}"
    return f": {before or after}" if before or after else ""


def _show(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("type", ""))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
