"""Times as people read them: how long ago, and exactly when in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ((86_400 * 7, "week"), (86_400, "day"), (3_600, "h"), (60, "min"))
# Less than one: a day and a month then say which.
_A_YEAR = 300


def render_utc(at: datetime) -> str:
    """Return an instant to the minute: ``2026-11-22 01:58Z``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def render_short_utc(at: datetime, *, now: datetime) -> str:
    """Return an instant as a column has room for it: ``11-22 01:58Z``, ``2024-11-22`` if old."""
    form = "%m-%d %H:%MZ" if abs((now - at).days) < _A_YEAR else "%Y-%m-%d"
    return f"{at.astimezone(UTC):{form}}"


def render_ago(at: datetime, *, now: datetime) -> str:
    """Return how long ago an instant was: ``3 min ago``, ``2 days ago``, ``just now``."""
    took = render_duration((now - at).total_seconds())
    return f"{took} ago" if took else "just now"


def render_duration(seconds: float) -> str:
    """Return a duration in its largest unit, empty below a minute: ``3 min``, ``2 days``."""
    for size, unit in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            plural = "s" if count > 1 and unit in ("week", "day") else ""
            return f"{count} {unit}{plural}"
    return ""
