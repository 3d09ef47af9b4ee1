"""Which connectors are due for a probe, by their schedules and the last one; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from connector_assets.model import Connector, Schedule

_NEVER = datetime.min.replace(tzinfo=UTC)


def pick_due(
    connectors: Iterable[Connector], *, last: Mapping[str, datetime], now: datetime | None = None
) -> list[Connector]:
    """Return those whose schedule came round since their last probe, or that had none.

    A connector without a schedule is never due. ``last`` has aware times, by name.
    """
    moment = now or datetime.now(UTC)
    return [
        one
        for one in connectors
        if one.schedule and last.get(one.name, _NEVER) < find_previous(one.schedule, before=moment)
    ]


def order_by_age(
    connectors: Iterable[Connector], *, last: Mapping[str, datetime]
) -> list[Connector]:
    """Return the connectors with those first that were probed longest ago, or never."""
    return sorted(connectors, key=lambda one: (last.get(one.name, _NEVER), one.name))


def find_previous(schedule: Schedule, *, before: datetime) -> datetime:
    """Return when a schedule came round for the last time, in UTC."""
    from croniter import croniter

    local = before.astimezone(ZoneInfo(schedule.timezone))
    found: datetime = croniter(schedule.cron, local).get_prev(datetime)
    return found.astimezone(UTC)
