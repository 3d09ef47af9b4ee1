"""Several schedules of one tap as the one schedule of a connector."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce

from connector_assets.cli.import_routes import Interval, LeftOut

_LIST = re.compile(r"\d+(,\d+)*")
# Four weeks, from a day on which every kind of month and week begins.
_FROM = datetime(2024, 1, 1, tzinfo=UTC)
_SPAN = timedelta(days=28)


def plan_schedule(tap: str, intervals: Sequence[Interval]) -> tuple[str, tuple[LeftOut, ...]]:
    """Return the cron of a tap with these schedules, empty for none; and the schedules left out.

    Schedules that differ in one field are said by one cron: 6 and 18 o'clock are ``0 6,18 * * *``.
    Where one cannot say them all, it is the most frequent one that stays: it misses no row, as the
    others only come in between.
    """
    timed = [one for one in intervals if one.cron]
    if not timed:
        return "", ()
    merged = reduce(_merge, (one.cron or "" for one in timed))
    if merged:
        return merged, ()
    most = max(timed, key=lambda one: _count(one.cron or ""))
    return most.cron or "", tuple(
        LeftOut(
            what=f"schedule {one.name} ({one.said}) of {tap}",
            why=f"a connector has one schedule, and {most.name} ({most.said}) is more frequent",
            fix="Change `schedule:` of the connector if that is not often enough.",
        )
        for one in timed
        if one.cron != most.cron
    )


def _merge(one: str, other: str) -> str:
    """Return the cron that says both, empty where there is none."""
    fields, others = one.split(), other.split()
    different = [at for at, (a, b) in enumerate(zip(fields, others, strict=False)) if a != b]
    if not different:
        return one
    at = different[0]
    both = (fields[at], others[at])
    if len(different) > 1 or not one or not all(map(_LIST.fullmatch, both)):
        return ""
    fields[at] = ",".join(map(str, sorted({int(each) for each in ",".join(both).split(",")})))
    return " ".join(fields)


def _count(cron: str) -> int:
    """Return how often a cron is due in four weeks."""
    from croniter import croniter

    due = croniter(cron, _FROM)
    count = 0
    while due.get_next(datetime) < _FROM + _SPAN:
        count += 1
    return count
