"""The DAGs that Airflow has of the compiled files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_bridge.group import GroupSchedule, render_group
from tests.bridge.airflow_process import run_airflow
from tests.bridge.sample import SHOP, vary

pytestmark = pytest.mark.integration
PATIENCE = {"retries": 4, "wait": 15.0, "timeout": None, "pool": "default_pool"}


@pytest.fixture(scope="module")
def dags(folder: Path, home: Path) -> dict[str, Any]:
    found: dict[str, Any] = run_airflow("describe", folder, home=home)
    return found


def test_each_group_is_a_dag(dags: dict[str, Any]) -> None:
    assert sorted(dags) == ["github", "later", "report", "shop", "staff"]


@pytest.mark.parametrize(
    ("name", "run"), [("shop", "run_dlt"), ("github", "run_meltano"), ("later", "run_dlt")]
)
def test_dag_has_the_four_steps_in_their_order(dags: dict[str, Any], name: str, run: str) -> None:
    tasks = dags[name]["tasks"]

    assert list(tasks) == ["start_dag", run, "finalize_dag", "final_status"]
    # The teardowns stand behind their setup as well.
    assert [one["after"] for one in tasks.values()] == [
        [],
        ["start_dag"],
        sorted([run, "start_dag"]),
        ["finalize_dag", "start_dag"],
    ]
    assert [one["role"] for one in tasks.values()] == ["setup", "work", "teardown", "teardown"]
    assert [one["fails_the_run"] for one in tasks.values()] == [False, False, True, True]


def test_run_step_has_the_groups_rules_and_the_others_patience(dags: dict[str, Any]) -> None:
    tasks = dags["github"]["tasks"]

    for name, task in tasks.items():
        rules = {key: task[key] for key in PATIENCE}
        if name == "run_meltano":
            assert rules == {"retries": 3, "wait": 45.0, "timeout": 1860.0, "pool": "shop_api"}
        else:
            assert rules == PATIENCE
    assert dags["shop"]["tasks"]["run_dlt"]["retries"] == 1
    assert dags["shop"]["tasks"]["run_dlt"]["pool"] == "default_pool"


def test_dag_is_the_owners_and_says_what_it_is(dags: dict[str, Any]) -> None:
    assert {one["owner"] for one in dags["shop"]["tasks"].values()} == {"ada@shop.example"}
    assert {one["owner"] for one in dags["later"]["tasks"].values()} == {"connectors"}
    assert dags["shop"]["tags"] == ["ada@shop.example", "dlt", "lake"]
    page, _, last = dags["github"]["doc"].rpartition("\n")
    assert page.rstrip() == SHOP.doc.rstrip()
    assert last.startswith("Compiled as `")
    assert "| orders | lake.shop.orders | append | id | id |" in dags["shop"]["doc"]
    assert dags["shop"]["streams"] == ["orders", "stores"]


def test_run_is_of_all_streams_and_no_refresh_unless_somebody_says_so(dags: dict[str, Any]) -> None:
    assert dags["shop"]["params"] == {"streams": [], "full_refresh": False}


@pytest.mark.parametrize("name", ["shop", "report", "staff", "github", "later"])
def test_dag_runs_once_at_a_time_and_catches_nothing_up(dags: dict[str, Any], name: str) -> None:
    assert (dags[name]["max_active_runs"], dags[name]["catchup"]) == (1, False)
    # It would end a run without its teardowns.
    assert dags[name]["timeout"] is None


def test_streams_are_outlets_of_the_last_step(dags: dict[str, Any]) -> None:
    outlets = {name: task["outlets"] for name, task in dags["shop"]["tasks"].items()}

    assert outlets == {
        "start_dag": [],
        "run_dlt": [],
        "finalize_dag": [],
        "final_status": [
            ["shop/orders", "x-connector://shop/orders"],
            ["shop/stores", "x-connector://shop/stores"],
        ],
    }


def test_schedule_is_the_cron_in_its_time_zone(dags: dict[str, Any]) -> None:
    assert dags["shop"]["timetable"] == "CronTriggerTimetable"
    assert dags["shop"]["cron"] == ["0 2 * * *", "Europe/Berlin"]
    assert dags["shop"]["waits_for"] == []


@pytest.mark.parametrize(
    ("name", "streams"), [("report", ["orders", "stores"]), ("later", ["orders"])]
)
def test_schedule_without_a_cron_is_what_it_depends_on(
    dags: dict[str, Any], name: str, streams: list[str]
) -> None:
    assert dags[name]["timetable"] == "AssetTriggeredTimetable"
    assert dags[name]["waits_for"] == [
        [f"shop/{one}", f"x-connector://shop/{one}"] for one in streams
    ]


def test_connector_with_neither_is_started_by_hand(dags: dict[str, Any]) -> None:
    assert dags["staff"]["timetable"] == "NullTimetable"


@pytest.mark.parametrize(
    ("name", "begin", "runs"),
    [
        pytest.param(
            "github",
            "2026-03-27T12:00:00+01:00",
            ["28T06:15:00+01:00", "29T06:15:00+02:00", "30T06:15:00+02:00"],
            id="spring",
        ),
        pytest.param(
            "github",
            "2026-10-23T12:00:00+02:00",
            ["24T06:15:00+02:00", "25T06:15:00+01:00", "26T06:15:00+01:00"],
            id="autumn",
        ),
        # On that day there is no 02:00: the clocks go to 03:00.
        pytest.param(
            "shop",
            "2026-03-27T12:00:00+01:00",
            ["28T02:00:00+01:00", "29T03:00:00+02:00", "30T02:00:00+02:00"],
            id="spring-hour-that-is-not",
        ),
        # On that day it is 02:00 twice.
        pytest.param(
            "shop",
            "2026-10-23T12:00:00+02:00",
            ["24T02:00:00+02:00", "25T02:00:00+01:00", "26T02:00:00+01:00"],
            id="autumn-hour-that-is-twice",
        ),
    ],
)
def test_runs_are_at_the_same_time_of_day_all_year(
    folder: Path, home: Path, name: str, begin: str, runs: list[str]
) -> None:
    found = run_airflow("runs", folder, name, begin, "3", home=home)

    assert [at[8:] for at in found] == runs


@pytest.mark.parametrize(
    ("cron", "in_spring", "in_autumn"),
    [
        # 02:30 is an hour later in spring, and the second of two in autumn.
        pytest.param("30 2 * * *", ["03:30+0200"], ["02:30+0100"], id="daily"),
        pytest.param(
            "0 0-4 * * *",
            ["00:00+0100", "01:00+0100", "03:00+0200", "04:00+0200"],
            ["00:00+0200", "01:00+0200", "02:00+0100", "03:00+0100", "04:00+0100"],
            id="hours of the night",
        ),
        pytest.param("0 * * * *", None, None, id="hourly"),
    ],
)
def test_runs_of_a_year_are_none_too_many_and_none_too_few(
    folder: Path, home: Path, *, cron: str, in_spring: list[str] | None, in_autumn: list[str] | None
) -> None:
    schedule = GroupSchedule(cron=cron, timezone="Europe/Berlin")
    file = folder / "connectors" / "all_year.json"
    file.write_text(render_group(vary(name="all_year", schedule=schedule)), encoding="utf-8")
    try:
        found = run_airflow("year", folder, "all_year", "2026-01-01T12:00:00+00:00", home=home)
    finally:
        file.unlink()

    runs = [datetime.fromisoformat(at) for at in found]
    if in_spring is None:
        # Each hour that passes, whatever the clocks say.
        assert {after - before for before, after in pairwise(runs)} == {timedelta(hours=1)}
        return
    days: dict[str, list[str]] = {}
    for at in runs:
        local = at.astimezone(ZoneInfo("Europe/Berlin"))
        days.setdefault(f"{local:%m-%d}", []).append(f"{local:%H:%M%z}")
    assert (days.pop("03-29"), days.pop("10-25")) == (in_spring, in_autumn)
    assert len(days) == 363
    assert {len(times) for times in days.values()} == {len(in_autumn or ())}


@pytest.mark.parametrize(
    ("minutes", "waits"),
    [pytest.param(60, True, id="an hour ago"), pytest.param(2, False, id="just now")],
)
def test_new_connector_waits_for_its_next_time(
    folder: Path, home: Path, *, minutes: int, waits: bool
) -> None:
    passed = datetime.now(UTC) - timedelta(minutes=minutes)
    schedule = GroupSchedule(cron=f"{passed.minute} {passed.hour} * * *", timezone="UTC")
    group = vary(name=f"new_{minutes}", schedule=schedule)
    file = folder / "connectors" / f"{group.name}.json"
    file.write_text(render_group(group), encoding="utf-8")
    try:
        seconds = run_airflow("first", folder, group.name, home=home)
    finally:
        file.unlink()

    assert (seconds > 0) is waits


def test_dag_file_imports_nothing_heavy(folder: Path, home: Path) -> None:
    assert run_airflow("modules", folder, home=home) == []


def test_worker_builds_only_the_dag_of_its_task(folder: Path, home: Path) -> None:
    assert run_airflow("one", folder, "report", home=home) == ["report"]


@pytest.mark.parametrize(
    ("chosen", "given"),
    [
        pytest.param([], [], id="none"),
        pytest.param(["stores"], ["stores"], id="one"),
        pytest.param(["sales"], "Invalid input for param streams: 'sales' is not one of", id="odd"),
    ],
)
def test_streams_can_be_chosen_for_a_run(
    folder: Path, home: Path, chosen: list[str], given: Any
) -> None:
    found = run_airflow("choose", folder, "shop", *chosen, home=home)

    assert found["form"] == ["orders", "stores"]
    assert found["given"][: len(given)] == given
