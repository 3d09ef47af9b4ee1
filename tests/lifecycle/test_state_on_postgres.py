"""The commands that change a state, with ledger and catalog on PostgreSQL, asked at a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector_assets.destinations.connect import connected
from connector_assets.project import load_project

pytestmark = pytest.mark.integration
PROJECT = """\
version: 1
project_id: shop
ledger: "{url}"
defaults: {{owner: team, primary_key: id, cursor: id, retries: {{max: 0}}}}
destinations:
  lake: {{type: ducklake, catalog: "{url}", data_path: data/lake}}
"""
CONNECTOR = """\
name: shop
engine: dlt
source: python:rows_source:source
destination: lake.shop_data
streams: {orders: {write: append}}
"""
SOURCE = """\
import dlt, pathlib

@dlt.source
def source():
    @dlt.resource(name="orders")
    def rows():
        yield [{"id": number + 1} for number in range(int(pathlib.Path("rows").read_text()))]
    return [rows]
"""


class Shop:
    """A project whose commands are run as a person would."""

    def __init__(self, root: Path, *, url: str) -> None:
        self.root = root
        (root / "connectors").mkdir()
        (root / "connectors.yaml").write_text(PROJECT.format(url=url))
        (root / "connectors" / "shop.yaml").write_text(CONNECTOR)
        (root / "rows_source.py").write_text(SOURCE)

    def run(self, *words: str, code: int = 0, stdin: int | None = None) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "connector_assets.cli", *words, "--json"],
            cwd=self.root,
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stderr if code else json.loads(done.stdout)

    def sync(self, rows: int) -> None:
        (self.root / "rows").write_text(str(rows))
        self.run("sync", "shop")

    def ids(self) -> list[int]:
        with connected(load_project(self.root).destination("lake"), secrets={}) as connection:
            found = connection.execute("SELECT id FROM lake.shop_data.orders ORDER BY id")
            return [number for (number,) in found.fetchall()]


@pytest.fixture
def shop(tmp_path: Path, new_postgres_database: Callable[[], str]) -> Shop:
    return Shop(tmp_path, url=new_postgres_database())


def answer(shop: Shop, word: str, *, code: int = 0) -> Any:
    """Clear the connector at a terminal at which somebody types a word."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{word}\n".encode())
        return shop.run("clear", "shop", code=code, stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def test_restore_set_and_clear_change_destination_and_ledger_together(shop: Shop) -> None:
    shop.sync(2)
    shop.sync(4)
    restored = shop.run("state", "restore", "shop", "1", "--why", "rows were wrong")
    shop.run("state", "set", "shop", "orders.id=4", "--why", "once more")
    shop.sync(5)

    assert restored["version"] == 3
    assert shop.ids() == [1, 2, 3, 4, 4, 5]
    whys = [one["why"] for one in shop.run("state", "log", "shop")]
    assert whys[1] == "once more"
    assert whys[2].startswith("rows were wrong")

    refused = answer(shop, "n", code=130)
    assert "orders (6 rows)" in refused
    assert len(shop.ids()) == 6
    assert answer(shop, "y")["cleared"] == {"orders": 6}
    assert shop.ids() == []
