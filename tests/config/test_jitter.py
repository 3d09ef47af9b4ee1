"""Jitter: a shift of its own for each connector, fixed, within the hour, visible."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from connector_assets.jitter import spread
from connector_assets.plan import Plan, plan_connector

from .folder import SHOP, ProjectFolder, shown

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_thousand_connectors_are_spread_evenly() -> None:
    crons = [
        spread("0 2 * * *", name=f"connector_{number}", seconds=1800) for number in range(1000)
    ]

    minutes = Counter(int(cron.split()[0]) for cron in crons)

    assert set(minutes) == set(range(31))
    # 32 on the average; more than 20 away is a chance of one in thousands.
    assert all(12 <= count <= 52 for count in minutes.values())
    assert {cron.partition(" ")[2] for cron in crons} == {"2 * * *"}


@given(
    minute=st.sampled_from(["0", "*/15", "0,30", "5-20/5", "58", "10-12"]),
    name=st.text(min_size=1),
    jitter=st.integers(60, 3599),
)
def test_every_time_is_later_by_the_same_minutes_of_its_hour(
    minute: str, name: str, jitter: int
) -> None:
    written = f"{minute} 2 * * 1-5"

    shifted = spread(written, name=name, seconds=jitter)

    before, after = croniter(written, START), croniter(shifted, START)
    pairs = [(before.get_next(datetime), after.get_next(datetime)) for _ in range(12)]
    (shift,) = {late - early for early, late in pairs}
    assert timedelta() <= shift <= timedelta(seconds=jitter)
    assert shift == shift // timedelta(minutes=1) * timedelta(minutes=1)
    assert all(early.hour == late.hour for early, late in pairs)
    assert shifted == spread(written, name=name, seconds=jitter)


def test_connector_has_the_shifted_cron_and_what_its_file_says(folder: ProjectFolder) -> None:
    schedule = 'schedule: {cron: "*/20 2 * * *", timezone: Europe/Berlin, jitter: 15m}\n'

    connector = folder.connector(SHOP + schedule)

    found = connector.schedule
    assert found is not None
    assert found.cron == spread("*/20 2 * * *", name="shop", seconds=900) != "*/20 2 * * *"
    assert (found.written, found.jitter) == ("*/20 2 * * *", 900)
    plan = plan_connector(folder.load(), connector)
    assert Plan.from_json(plan.to_json(), root=folder.root).connector.schedule == found


@pytest.mark.parametrize(
    ("cron", "jitter", "problem"),
    [
        pytest.param("* * * * *", "30m", "'* * * * *' is due every minute", id="always"),
        pytest.param("*/1 2 * * *", "30m", "is due every minute", id="step of one"),
        pytest.param("59 2 * * *", "30m", "has no later minute in its hour", id="last"),
        pytest.param("0 2 * * *", "30s", "a jitter is 1 to 59 minutes", id="seconds"),
        pytest.param("0 2 * * *", "1h", "a jitter is 1 to 59 minutes", id="hour"),
    ],
)
def test_jitter_that_cannot_be_is_refused(
    folder: ProjectFolder, cron: str, jitter: str, problem: str
) -> None:
    error = folder.refused(f'{SHOP}schedule: {{cron: "{cron}", jitter: {jitter}}}\n')

    assert problem in shown(error)
    assert error.place == "connectors/one.yaml:10"
