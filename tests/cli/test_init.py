"""A project folder, made or added to."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector_assets.cli.init import make_project_id
from connector_assets.engines.meltano_project import load_meltano_project
from connector_assets.project import load_project
from tests.cli.conftest import Run

MADE = {
    ".gitignore",
    "connectors.yaml",
    "connectors/.gitkeep",
    "locks/.gitkeep",
    "meltano.yml",
    "schemas/connector.schema.json",
    "schemas/project.schema.json",
}


def test_init_makes_a_project_that_loads_in_each_environment(run: Run, tmp_path: Path) -> None:
    ran = run("init", tmp_path / "My Shop", "--json")

    assert ran.code == 0
    assert set(ran.json["made"]) == MADE
    root = tmp_path / "My Shop"
    projects = [load_project(root, environment=name) for name in (None, "dev", "prod")]
    assert [one.environment for one in projects] == ["dev", "dev", "prod"]
    assert {one.id for one in projects} == {"my-shop"}
    assert len({one.destination("lake").catalog for one in projects}) == 2
    assert load_meltano_project(root).extractors == {}


def test_init_says_what_it_made_and_what_next(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    ran = run("init", "shop")

    assert "shop/connectors.yaml" in ran.out
    assert ran.out.splitlines()[-2:] == [
        "next: cd shop",
        "      connectors new NAME --source rest_api",
    ]


def test_init_refuses_a_project_and_touches_nothing(run: Run, project: Path) -> None:
    before = sorted(project.rglob("*"))

    ran = run("init")

    assert ran.code == 3
    assert "this is a project already" in ran.err
    assert str(project / "connectors.yaml") in ran.err
    assert sorted(project.rglob("*")) == before


def test_init_keeps_a_meltano_project_as_it_is(run: Run, tmp_path: Path) -> None:
    meltano, ignore = tmp_path / "meltano.yml", tmp_path / ".gitignore"
    meltano.write_text("version: 1\nplugins: {extractors: [{name: tap-x}]}\n")
    ignore.write_text(".meltano\n.env")

    ran = run("init", tmp_path, "--json")

    assert ran.json["kept"] == ["meltano.yml"]
    assert meltano.read_text() == "version: 1\nplugins: {extractors: [{name: tap-x}]}\n"
    assert ignore.read_text() == ".meltano\n.env\n/.connectors/\n/data/\n"


def test_init_in_a_file_is_a_clear_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    ran = run("init", tmp_path / "file")

    assert ran.code == 3
    assert "cannot be made" in ran.err


@pytest.mark.parametrize(
    ("folder", "project_id"),
    [
        ("shop", "shop"),
        ("My Shop (2)", "my-shop-2"),
        ("__x__", "x"),
        ("Über", "ber"),
        ("---", "connectors"),
        ("a" * 80, "a" * 64),
    ],
)
def test_project_id_is_valid(folder: str, project_id: str) -> None:
    assert make_project_id(folder) == project_id
