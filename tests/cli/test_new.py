"""Connector files that validate right away."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from connector_assets.config_schema import Kind, build_schema
from connector_assets.project import load_project
from connector_assets.yaml_marks import load_document
from tests.cli.conftest import Run

KEYS = [
    *("name", "owner", "schedule", "engine", "source", "config", "secrets"),
    *("destination", "defaults", "streams"),
]
SOURCES = ("tap-github", "rest_api", "sql_database", "filesystem", "python:sources.crm:fetch")
jsonschema: Any = pytest.importorskip("jsonschema")


@pytest.fixture
def fresh(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as init makes it; the working directory."""
    assert run("init", tmp_path / "fresh").code == 0
    monkeypatch.chdir(tmp_path / "fresh")
    return tmp_path / "fresh"


@pytest.mark.parametrize("source", SOURCES)
def test_new_connector_validates_as_it_is(run: Run, fresh: Path, source: str) -> None:
    ran = run("new", "crm", "--source", source, "--json")

    assert ran.code == 0, ran.err
    assert run("validate").code == 0
    document = load_document(fresh / ran.json["file"], label="crm")
    assert list(document.values) == KEYS
    schema = json.loads((fresh / "schemas/connector.schema.json").read_text())
    jsonschema.validate(document.values, schema)
    first_line = (fresh / ran.json["file"]).read_text().splitlines()[0]
    assert first_line == "# yaml-language-server: $schema=../schemas/connector.schema.json"


@pytest.mark.parametrize("source", SOURCES)
def test_every_key_of_a_new_connector_is_explained(run: Run, fresh: Path, source: str) -> None:
    run("new", "crm", "--source", source)

    lines = (fresh / "connectors" / "crm.yaml").read_text().splitlines()
    explained = {"name", "engine"} | ({"source"} if ":" not in source else set())
    for number, line in enumerate(lines):
        key = line.partition(":")[0]
        if key in KEYS and key not in explained:
            assert lines[number - 1].lstrip().startswith("#"), line
    assert max(map(len, lines)) <= 100


def test_project_file_fits_its_schema(fresh: Path) -> None:
    values = load_document(fresh / "connectors.yaml", label="connectors.yaml").values

    errors = jsonschema.Draft202012Validator(build_schema(Kind.PROJECT)).iter_errors(values)
    assert [error.message for error in errors] == []


def test_new_uses_the_first_destination_and_its_own_name(run: Run, fresh: Path) -> None:
    run("new", "crm", "--source", "rest_api")

    assert load_project(fresh).connector("crm").target == "lake.crm"


@pytest.mark.parametrize(
    ("given", "target"), [("lake.sales", "lake.sales"), ("lake", "lake.crm")], ids=["both", "name"]
)
def test_new_takes_a_destination(run: Run, fresh: Path, given: str, target: str) -> None:
    run("new", "crm", "--source", "rest_api", "--destination", given)

    assert load_project(fresh).connector("crm").target == target


def test_new_says_that_the_tap_is_to_be_added(run: Run, fresh: Path) -> None:
    before = run("new", "crm", "--engine", "meltano", "--source", "tap-x", "--json").json["next"]
    (fresh / "meltano.yml").write_text("plugins: {extractors: [{name: tap-x}]}")
    after = run("new", "erp", "--engine", "meltano", "--source", "tap-x", "--json").json["next"]

    assert before[0] == "meltano add extractor tap-x"
    assert after[0] == "edit connectors/erp.yaml"


def test_new_keeps_a_python_module(run: Run, fresh: Path) -> None:
    (fresh / "crm.py").write_text("# mine")

    ran = run("new", "crm", "--source", "python:crm:fetch", "--json")

    assert (fresh / "crm.py").read_text() == "# mine"
    assert ran.json["made"] == ["connectors/crm.yaml"]
    assert "write fetch() in crm.py" in ran.json["next"]


@pytest.mark.integration
def test_new_python_module_works(run: Run, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from connector_assets.engines.sources import build_source

    run("new", "crm", "--source", "python:sources_of_crm.crm:fetch")
    monkeypatch.syspath_prepend(fresh)

    rows = list(build_source(load_project(fresh).connector("crm"), secrets={}))

    assert [row["id"] for row in rows] == [1, 2, 3]
    sys.modules.pop("sources_of_crm.crm", None)


@pytest.mark.parametrize(
    ("words", "problem", "fix"),
    [
        (("Shop", "--source", "rest_api"), "cannot be called 'Shop'", "lower-case"),
        (("crm", "--source", "rest-api"), "'rest-api' is no source", "Did you mean 'rest_api'?"),
        (
            ("crm", "--engine", "dlt", "--source", "tap-x"),
            "'tap-x' is no source of dlt",
            "Valid: rest_api",
        ),
        (("crm", "--engine", "meltano", "--source", "rest_api"), "is no extractor", "engine: dlt"),
        (("crm", "--source", "python:crm"), "is no source of dlt", "python:package.module"),
        (("crm", "--source", "python:../x:y"), "is no source of dlt", "python:package.module"),
        (
            ("crm", "--source", "rest_api", "--destination", "lak.crm"),
            "no destination 'lak'",
            "Did you mean 'lake'?",
        ),
        (
            ("crm", "--source", "rest_api", "--destination", "lake.lake"),
            "has the name of its destination",
            "call the dataset otherwise",
        ),
    ],
    ids=[
        *("name", "near", "tap_with_dlt", "dlt_with_meltano", "no_function", "path"),
        *("destination", "dataset"),
    ],
)
def test_new_refuses_and_writes_nothing(
    run: Run, fresh: Path, words: tuple[str, ...], problem: str, fix: str
) -> None:
    before = sorted(fresh.rglob("*"))

    ran = run("new", *words, "--json")

    assert ran.code == 3
    assert problem in ran.error["problem"]
    assert fix in ran.error["fix"]
    assert sorted(fresh.rglob("*")) == before


def test_new_refuses_a_name_that_is_taken(run: Run, fresh: Path) -> None:
    run("new", "crm", "--source", "rest_api")
    (fresh / "connectors" / "crm.yaml").rename(fresh / "connectors" / "other.yaml")

    ran = run("new", "crm", "--source", "rest_api", "--json")

    assert ran.code == 3
    assert ran.error["place"] == "connectors/other.yaml"


def test_new_refuses_a_file_that_exists(run: Run, fresh: Path) -> None:
    run("new", "crm", "--source", "rest_api")
    file = fresh / "connectors" / "crm.yaml"
    file.write_text(file.read_text().replace("name: crm", "name: other"))

    assert "the file exists already" in run("new", "crm", "--source", "rest_api").err


def test_new_refuses_another_connector_s_dataset(run: Run, fresh: Path) -> None:
    run("new", "crm", "--source", "rest_api")

    ran = run("new", "erp", "--source", "rest_api", "--destination", "lake.crm")

    assert "'crm' loads into lake.crm already" in ran.err


def test_new_works_beside_a_broken_connector(run: Run, fresh: Path) -> None:
    (fresh / "connectors" / "broken.yaml").write_text("name: broken")

    assert run("new", "crm", "--source", "rest_api").code == 0
