"""Drift events as people and programs read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from connector_assets.audit.wording import describe, describe_change

if TYPE_CHECKING:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

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
        "sample": event.sample,
        "told_at": event.told_at.isoformat() if event.told_at else None,
    }


def render_events(events: Sequence[DriftEvent], *, connector: bool) -> Table:
    """Return events as a table, one line each: what differs, since when, and how it stands.

    ``connector`` tells whether each place begins with the connector's name.
    """
    from rich.text import Text

    from connector_assets.ledger.audit_records import PROBE

    table = _build_table("event", "where", "what", "policy", "status", "seen", "since")
    for event in events:
        where = ".".join((*([event.connector] if connector else []), event.stream, *event.column))
        by = " by a probe" if event.first_sync_id.startswith(PROBE) else ""
        since = f"{event.first_seen_at:%Y-%m-%d %H:%MZ}{by}"
        policy = Text(event.policy, style=STYLES.get(event.policy, ""))
        cells = (_tell_what(event), policy, _tell_status(event), str(event.seen), since)
        table.add_row(str(event.id), where, *cells)
    return table


def render_decisions(events: Sequence[DriftEvent]) -> Table:
    """Return events of one connector that somebody decided on as a table: what, and who."""
    table = _build_table("event", "where", "what", "status")
    for event in events:
        where = ".".join((event.stream, *event.column))
        table.add_row(str(event.id), where, _tell_what(event), _tell_status(event))
    return table


def _build_table(*headers: str) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for header in headers:
        justify: Literal["left", "right"] = "right" if header in ("event", "seen") else "left"
        table.add_column(header, justify=justify, no_wrap=header != "what")
    return table


def _tell_what(event: DriftEvent) -> str:
    return f"{event.kind}{describe_change(event.old, event.new)}"


def _tell_status(event: DriftEvent) -> str:
    return f"{event.status} by {event.settled_by}" if event.settled_by else str(event.status)


def render_samples(events: Sequence[DriftEvent]) -> Iterator[str | Padding]:
    """Yield the rows that each event is about: how many, and the masked shape of some."""
    from rich.padding import Padding
    from rich.table import Table

    from connector_assets.lifecycle.baseline import to_drift

    for event in events:
        sample = event.sample
        if not sample or not sample["shown"]:
            continue
        about = describe(to_drift(event))
        yield f"\n{about}, {sample['rows']:,} of {sample['of']:,} rows; the shape of some:"
        columns = list(dict.fromkeys(name for row in sample["shown"] for name in row))
        table = Table(*columns, box=None, padding=(0, 2, 0, 0), header_style="dim")
        for row in sample["shown"]:
            table.add_row(*(_show_cell(row.get(name)) for name in columns))
        yield Padding(table, (0, 0, 0, 2), expand=False)


def _show_cell(value: str | None) -> Text:
    from rich.text import Text

    return Text("null", style="dim") if value is None else Text(value)
