"""The demo's tap by itself, installed by Meltano into its own environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from connector_assets.cli import demo_project as project

pytestmark = pytest.mark.integration
TAP = Path(".meltano/extractors/tap-flights/venv/bin/tap-flights")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    demo = tmp_path_factory.mktemp("demo") / "project"
    project.copy_example(demo)
    project.publish_flights(demo, until="2013-12")
    project.install_tap(demo)
    return demo


def _run_tap(folder: Path, *, state: str = "", **config: str) -> list[dict[str, Any]]:
    """Return the messages of one run; ``state`` is the bookmark's date."""
    (folder / "config.json").write_text(json.dumps({"data_dir": "source/flights", **config}))
    bookmark = {"flights": {"replication_key": "date", "replication_key_value": state}}
    (folder / "state.json").write_text(json.dumps({"bookmarks": bookmark}))
    command = [str(TAP), "--config", "config.json", *(["--state", "state.json"] if state else [])]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _records(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message["record"] for message in messages if message["type"] == "RECORD"]


def test_tap_reads_the_whole_year_with_a_unique_key(folder: Path) -> None:
    messages = _run_tap(folder)

    keys = {(row["time_hour"], row["carrier"], row["flight"]) for row in _records(messages)}
    assert len(_records(messages)) == len(keys) == 336_776
    states = [message["value"] for message in messages if message["type"] == "STATE"]
    assert states[-1]["bookmarks"]["flights"]["replication_key_value"] == "2013-12-31"


def test_tap_stops_after_the_end_date(folder: Path) -> None:
    rows = _records(_run_tap(folder, end_date="2013-01-31"))

    assert len(rows) == 27_004
    assert rows[-1]["date"] == "2013-01-31"


def test_tap_starts_at_the_start_date_without_a_state(folder: Path) -> None:
    rows = _records(_run_tap(folder, start_date="2013-12-31"))

    assert {row["date"] for row in rows} == {"2013-12-31"}


def test_tap_continues_on_the_day_of_its_bookmark(folder: Path) -> None:
    rows = _records(_run_tap(folder, state="2013-01-31", end_date="2013-02-28"))

    days = [row["date"] for row in rows]
    assert days == sorted(days)
    assert sum(day > "2013-01-31" for day in days) == 24_951
    assert days[0] == "2013-01-31"


def test_tap_declares_types_and_sends_nulls(folder: Path) -> None:
    messages = _run_tap(folder, start_date="2013-12-31")

    schema = messages[0]
    assert schema["key_properties"] == ["time_hour", "carrier", "flight"]
    properties = schema["schema"]["properties"]
    assert properties["time_hour"]["format"] == "date-time"
    assert properties["dep_delay"]["type"] == ["integer", "null"]
    cancelled = next(row for row in _records(messages) if row["dep_time"] is None)
    assert cancelled["sched_dep_time"] > 0
    assert "NA" not in cancelled.values()


def test_tap_without_files_says_what_to_run(folder: Path) -> None:
    (folder / "empty").mkdir(exist_ok=True)

    with pytest.raises(subprocess.CalledProcessError) as caught:
        _run_tap(folder, data_dir="empty")

    assert b"run prepare.py first" in caught.value.stderr
