"""Which connectors are due for a probe, and who comes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector_assets.lifecycle.due import find_previous, order_by_age, pick_due
from connector_assets.model import Connector, Destination, DestinationKind, Engine, Schedule

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAILY = Schedule(cron="0 2 * * *", timezone="Europe/Berlin")


def connector(name: str, schedule: Schedule | None = DAILY) -> Connector:
    return Connector(
        name=name,
        owner="team",
        engine=Engine.DLT,
        source="rest_api",
        destination=Destination(name="lake", kind=DestinationKind.DUCKDB, path="x"),
        dataset="shop_data",
        streams=(),
        schedule=schedule,
    )


def test_schedule_is_read_in_its_own_time_zone() -> None:
    assert find_previous(DAILY, before=NOON) == datetime(2026, 11, 24, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "hours_ago", "due"),
    [(DAILY, None, True), (DAILY, 12, True), (DAILY, 10, False), (None, None, False)],
    ids=["never probed", "probed before it", "probed since", "no schedule"],
)
def test_connector_is_due_once_per_round(
    schedule: Schedule | None, hours_ago: int | None, due: bool
) -> None:
    last = {} if hours_ago is None else {"shop": NOON - timedelta(hours=hours_ago)}

    picked = pick_due([connector("shop", schedule)], last=last, now=NOON)

    assert bool(picked) is due


def test_those_probed_longest_ago_come_first() -> None:
    last = {"a": NOON, "b": NOON - timedelta(days=1)}

    ordered = order_by_age(map(connector, "abc"), last=last)

    assert [one.name for one in ordered] == ["c", "b", "a"]
