"""States as tables for people, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from connector_assets.cli.output import clean
from connector_assets.cli.times import render_short_utc
from connector_assets.positions import BESIDE, Moved, diff_positions, list_positions

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from connector_assets.ledger.records import StateVersion

_WIDE = 60


def select_moved(moved: Iterable[Moved], streams: Collection[str]) -> list[Moved]:
    """Return what moved of some streams, or all."""
    return [one for one in moved if not streams or one.stream in streams]


def render_log(
    versions: Sequence[StateVersion], *, streams: Collection[str], limit: int
) -> list[dict[str, Any]]:
    """Return the versions as JSON, highest first, each with what moved since the one before.

    Of ``streams`` those only that moved one of them.
    """
    rows = []
    for one, before in zip_longest(versions, versions[1:]):
        moved = select_moved(diff_positions(before.state if before else {}, one.state), streams)
        if moved or not streams:
            rows.append({**render_version(one), "moved": list(map(render_moved, moved))})
    return rows[:limit]


def render_version(version: StateVersion) -> dict[str, Any]:
    """Return what is known of a version, without its content."""
    return {
        "version": version.version,
        "at": version.at,
        "who": version.who,
        "why": version.why,
        "sync_id": version.sync_id,
    }


def render_moved(moved: Moved) -> dict[str, Any]:
    """Return a difference as JSON; null where a side has nothing."""
    return {
        "stream": moved.stream or None,
        "key": moved.key,
        "before": moved.before,
        "after": moved.after,
    }


def render_positions(
    version: StateVersion, *, streams: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """Return the values of a version by stream and key."""
    found = list_positions(version.state)
    return {name: one for name, one in found.items() if not streams or name in streams}


def build_log(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the table of a log."""
    table = _table("version", "at", "who", "streams", "why")
    now = datetime.now(UTC)
    for row in rows:
        names = dict.fromkeys(one["stream"] or "the source" for one in row["moved"])
        at = render_short_utc(row["at"], now=now)
        table.add_row(str(row["version"]), at, *_texts(row["who"], ", ".join(names), row["why"]))
    return table


def build_positions(positions: dict[str, dict[str, Any]]) -> Table:
    """Return the table of a state's values."""
    table = _table("stream", "key", "value")
    for stream, values in sorted(positions.items()):
        for number, (key, value) in enumerate(sorted(values.items())):
            table.add_row(*_texts(_name(stream) if number == 0 else "", key, _show(value)))
    return table


def build_moved(moved: Sequence[Moved]) -> Table:
    """Return the table of what differs."""
    table = _table("stream", "key", "before", "after")
    for one in moved:
        table.add_row(*_texts(_name(one.stream), one.key, _show(one.before), _show(one.after)))
    return table


def _name(stream: str) -> str:
    return "the source" if stream == BESIDE else stream


def _show(value: Any) -> str:
    """Return a value in a line; a long one cut, JSON has it whole."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDE else f"{text[:_WIDE]}..."


def _texts(*texts: str) -> list[Text]:
    from rich.text import Text

    return [Text(clean(text)) for text in texts]


def _table(*headers: str) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for header in headers:
        table.add_column(header, overflow="fold")
    return table
