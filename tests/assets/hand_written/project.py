"""The project of docs/dagster.md with its hand-written assets, as its blocks have it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs" / "dagster.md"
PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, retries: {max: 1, wait: 0}}
destinations:
  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
  warehouse: {type: duckdb, path: data/warehouse.duckdb}
"""
# Its rows stand in a file, and it fails as often as another one says.
SOURCE = """\
import json
import pathlib
import time

import dlt


def read(name):
    return json.loads(pathlib.Path("rows.json").read_text())[name]


@dlt.source
def github(repository):
    @dlt.resource
    def issues(updated=dlt.sources.incremental("updated")):
        fails = pathlib.Path("fails.txt")
        kind, _, left = fails.read_text().partition(" ") if fails.exists() else ("", "", "0")
        if int(left) > 0:
            fails.write_text(f"{kind} {int(left) - 1}")
            raise ConnectionError("it is gone") if kind == "transient" else ValueError("odd")
        yield [row | {"repository": repository} for row in read("issues")]
        while pathlib.Path("wait").exists():
            pathlib.Path("waits").touch()
            time.sleep(0.05)

    @dlt.resource
    def labels():
        yield read("labels")

    return issues, labels
"""
ISSUES = [
    {"id": 1, "updated": 10, "title": "a", "stars": 1},
    {"id": 2, "updated": 20, "title": "b", "stars": 2},
]


def read_blocks() -> dict[str, str]:
    """Return the files that the page shows, by name."""
    blocks = re.findall(r"```(?:yaml|python)\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return dict(blocks)


def write_project(root: Path) -> None:
    """Write the page's files, and what they stand on."""
    (root / "connectors").mkdir()
    for name, text in {
        **read_blocks(),
        "connectors.yaml": PROJECT,
        "github_source.py": SOURCE,
    }.items():
        (root / name).write_text(text)
    write_rows(root, ISSUES)


def write_rows(root: Path, issues: list[dict[str, Any]]) -> None:
    """Write what the source has."""
    (root / "rows.json").write_text(json.dumps({"issues": issues, "labels": [{"id": 7}]}))


def edit(file: Path, old: str, new: str) -> None:
    """Change a file that has the old text."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def command(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the platform in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "connector_assets.cli", *words, "--json", "--project", str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
