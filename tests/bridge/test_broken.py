"""A group's file that cannot be used, as Airflow's DAG processor notes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_bridge.group import GroupSchedule, render_group
from tests.bridge.airflow_process import run_airflow
from tests.bridge.sample import vary

pytestmark = pytest.mark.integration
ALL = ["github", "later", "report", "shop", "staff"]
OTHERS = ["github", "later", "report", "staff"]


@pytest.fixture(scope="module")
def first(folder: Path, home: Path) -> dict[str, Any]:
    """What is noted of the project while all is well."""
    found: dict[str, Any] = run_airflow("process", folder, home=home)
    return found


def cut(file: Path) -> object:
    return file.write_text(file.read_text()[:-40])


def change(file: Path) -> object:
    return file.write_text(file.read_text().replace('"retries": 1', '"retries": 9'))


def garble(file: Path) -> object:
    return file.write_bytes(b"\xff\xfe\x00")


def put_another(file: Path) -> object:
    return shutil.copy(file.with_name("staff.json"), file)


def put_schedule(cron: str, timezone: str) -> Callable[[Path], object]:
    """A file that is as compiled, with what this Airflow does not know."""
    group = vary(schedule=GroupSchedule(cron=cron, timezone=timezone))
    return lambda file: file.write_text(render_group(group))


def be_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def test_healthy_groups_have_no_error(first: dict[str, Any]) -> None:
    assert first == {"errors": {}, "flawed": [], "parsed": ALL, "serialized": ALL}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(cut, "shop.json cannot be used: line", id="cut"),
        pytest.param(change, "shop.json cannot be used: it was changed", id="changed"),
        pytest.param(garble, "shop.json cannot be used: 'utf-8' codec", id="bytes"),
        pytest.param(put_another, "shop.json has the group staff", id="another"),
        pytest.param(put_schedule("whenever", "UTC"), "shop.json cannot be used: Ex", id="cron"),
        pytest.param(
            put_schedule("0 2 * * *", "Mars/Olympus"),
            "shop.json cannot be used: 'No time zone found with key Mars/Olympus'",
            id="time-zone",
        ),
        pytest.param(be_a_folder, "shop.json cannot be used: [Errno 21]", id="folder"),
    ],
)
def test_broken_file_breaks_its_own_dag_only(
    first: dict[str, Any],
    folder: Path,
    home: Path,
    spoil: Callable[[Path], object],
    says: str,
) -> None:
    file = folder / "connectors" / "shop.json"
    text = file.read_text(encoding="utf-8")

    spoil(file)
    broken = run_airflow("process", folder, home=home)
    if file.is_dir():
        file.rmdir()
    file.write_text(text, encoding="utf-8")

    assert list(broken["errors"]) == ["connectors/shop.json"]
    assert says in broken["errors"]["connectors/shop.json"]
    assert (broken["parsed"], broken["flawed"]) == (OTHERS, [])
    assert broken["serialized"] == first["serialized"]


def test_mended_file_has_no_error_any_more(first: dict[str, Any], folder: Path, home: Path) -> None:
    file = folder / "connectors" / "shop.json"
    text = file.read_text(encoding="utf-8")

    cut(file)
    broken = run_airflow("process", folder, home=home)
    file.write_text(text, encoding="utf-8")
    mended = run_airflow("process", folder, home=home)

    assert broken["errors"]
    assert mended == first
