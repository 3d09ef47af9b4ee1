"""The demo's folder and its comparison, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connector_assets.cli.demo_compare import compare_stream
from connector_assets.cli.demo_project import copy_example, find_example
from connector_assets.errors import ConfigError

PROFILE = {"rows": 2, "filled": 1, "least": "a", "greatest": "a", "checksum": "7"}
SOURCE: dict[str, Any] = {
    "destination": "lake",
    "table": "nyc.flights",
    "rows": 2,
    "columns": {"carrier": PROFILE, "*": {**PROFILE, "filled": 2, "checksum": "9"}},
}


def _answers() -> list[dict[str, Any]]:
    return [{"column": name, **profile} for name, profile in SOURCE["columns"].items()]


def test_comparison_of_the_same_values_is_equal() -> None:
    one = compare_stream("flights", source=SOURCE, found=_answers())

    assert one.equal
    assert (one.table, one.source_rows, one.destination_rows) == ("lake.nyc.flights", 2, 2)
    assert one.columns == 1


@pytest.mark.parametrize("key", PROFILE)
def test_comparison_finds_any_changed_figure(key: str) -> None:
    found = _answers()
    found[0][key] = "other"

    one = compare_stream("flights", source=SOURCE, found=found)

    assert one.different == ("carrier",)


def test_comparison_finds_values_that_moved_between_rows() -> None:
    found = _answers()
    found[1]["checksum"] = "8"

    one = compare_stream("flights", source=SOURCE, found=found)

    assert one.different == ("*",)
    assert not one.equal


def test_comparison_with_an_unanswered_query_is_not_equal() -> None:
    one = compare_stream("flights", source=SOURCE, found=[])

    assert not one.equal
    assert one.destination_rows == 0


def test_example_is_copied_without_what_runs_leave_behind(tmp_path: Path) -> None:
    again = copy_example(tmp_path / "demo")

    assert not again
    copied = {path.name for path in (tmp_path / "demo").iterdir()}
    assert {"connectors.yaml", "meltano.yml", "connectors", "tap-flights", "api.py"} <= copied
    assert not copied & {".meltano", ".connectors", "data", "source"}
    assert find_example().joinpath("connectors.yaml").is_file()


def test_second_copy_starts_over_and_keeps_the_installed_tap(tmp_path: Path) -> None:
    copy_example(tmp_path)
    for name in ("data", ".meltano"):
        (tmp_path / name).mkdir()
    (tmp_path / "connectors" / "airports.yaml").write_text("edited")

    again = copy_example(tmp_path)

    assert again
    assert not (tmp_path / "data").exists()
    assert (tmp_path / ".meltano").exists()
    assert "rest_api" in (tmp_path / "connectors" / "airports.yaml").read_text()


def test_copy_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()

    with pytest.raises(ConfigError) as caught:
        copy_example(tmp_path)

    assert caught.value.place == str(tmp_path)
    assert (tmp_path / "data").exists()
