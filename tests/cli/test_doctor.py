"""`connectors doctor` and `connectors debug`, as a person and as a program gets them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from connector_assets.lifecycle.environment import compare, describe_project
from connector_assets.project import load_project
from tests.cli.conftest import Close, Run


def test_doctor_tells_what_is_to_be_done_and_ends_with_3(project: Path, run: Run) -> None:
    ran = run("doctor")

    assert ran.code == 3
    assert "!! connector shop" in ran.out
    assert "SHOP_PASSWORD" in ran.out
    assert " ok ledger" in ran.out
    assert " ok packages" in ran.out


def test_fingerprint_has_names_and_no_values(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "a-value-of-the-shop")

    described = describe_project(load_project(project))

    assert described["variables"]["SHOP_PASSWORD"] == "set"
    assert "a-value-of-the-shop" not in json.dumps(described)


def test_what_differs_between_two_places_is_named() -> None:
    here = {"python": "3.11.7", "packages": {"dlt": "1.31.0", "duckdb": "1.5.5"}, "same": 1}
    there = {"python": "3.12.1", "packages": {"dlt": "1.31.0", "duckdb": "1.5.4"}, "same": 1}

    assert compare(here, there) == [
        ("packages.duckdb", "1.5.5", "1.5.4"),
        ("python", "3.11.7", "3.12.1"),
    ]


def test_compare_with_another_place_ends_with_3_where_something_differs(
    project: Path, run: Run
) -> None:
    told = run("doctor", "--json").json
    same, other = project / "same.json", project / "other.json"
    same.write_text(json.dumps(told))
    other.write_text(json.dumps({**told, "python": "2.7.18"}))

    equal = run("doctor", "--compare", str(same))
    differs = run("doctor", "--compare", str(other))

    assert equal.code == 0, equal.out
    assert "the same as in" in equal.out
    assert differs.code == 3
    assert "2.7.18 there" in differs.out


def test_file_that_is_none_of_doctors_is_refused(project: Path, run: Run) -> None:
    ran = run("doctor", "--compare", "not-there.json")

    assert ran.code == 3
    assert "connectors doctor --json > FILE" in ran.err


def test_debug_prints_five_checks_and_writes_a_bundle_once(
    project: Path, run: Run, close: Close
) -> None:
    close("7f3a01")
    file = project / "bundle.zip"

    first = run("debug", "shop", "--bundle", str(file.with_suffix("")))
    again = run("debug", "shop", "--bundle", str(file))

    assert first.code == 0, first.err
    checks = [line[8:].split()[0] for line in first.out.splitlines()[1:6]]
    assert checks == ["start_dag", "extractor", "gate", "finalize", "destination"]
    assert again.code == 3
    assert "is there already" in again.err
    with zipfile.ZipFile(file) as bundle:
        assert set(bundle.namelist()) == {
            "examination.json",
            "plan.json",
            "evidence.json",
            "states.json",
            "log.jsonl",
        }
