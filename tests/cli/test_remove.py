"""``connectors remove``: what it refuses, what it asks, and what it says comes next."""

from __future__ import annotations

import base64
import json
import os
import pty
import subprocess
import sys
import zlib
from pathlib import Path

import duckdb
import pytest

from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict

from .conftest import Close, Run

LOADED = """\
CREATE SCHEMA stock;
CREATE TABLE stock.items AS SELECT 1 AS id UNION ALL SELECT 2;
CREATE TABLE stock._connectors_state AS SELECT 'stock' AS connector, 1::BIGINT AS state_version,
  's' AS sync_id, 'p' AS package_id, now() AS changed_at;
CREATE TABLE stock._connectors_loads AS SELECT 'p' AS package_id, 's' AS sync_id,
  'stock' AS connector;
CREATE TABLE stock._dlt_pipeline_state AS SELECT 'stock' AS pipeline_name, '{state}' AS state,
  1 AS version, now() AS created_at;
CREATE TABLE stock._dlt_version AS SELECT 'singer' AS schema_name, '{schema}' AS schema,
  now() AS inserted_at;
"""


def load_by_hand(project: Path) -> None:
    """Give the file destination what a load of ``stock`` leaves."""
    (project / "data").mkdir()
    state = base64.b64encode(zlib.compress(json.dumps({"schema_names": ["singer"]}).encode()))
    schema = json.dumps({"tables": {"items": {}, "_dlt_loads": {}}})
    with duckdb.connect(str(project / "data" / "file.duckdb")) as database:
        database.execute(LOADED.format(state=state.decode(), schema=schema))


def test_unknown_name_is_refused_with_those_that_project_and_ledger_know(
    run: Run, close: Close
) -> None:
    close("a1", Verdict.SUCCEEDED, connector="gone")

    refused = run("remove", "shpo", "--json")

    assert refused.code == 3
    assert "neither the project nor the ledger of dev" in refused.error["problem"]
    assert refused.error["fix"] == "Did you mean 'shop'? Valid: shop, stock, gone."


def test_one_that_others_depend_on_is_refused_with_their_files(
    run: Run, project: Path, ledger: Ledger
) -> None:
    stock = project / "connectors" / "stock.yaml"
    stock.write_text(stock.read_text() + "depends_on: [shop]\n")

    refused = run("remove", "shop", "--json")

    assert (refused.code, refused.error["place"]) == (3, "connectors/stock.yaml")
    assert "other connectors depend on shop: stock" in refused.error["problem"]
    assert (project / "connectors" / "shop.yaml").exists()


def test_never_synced_one_is_removed_without_a_question(
    run: Run, project: Path, ledger: Ledger
) -> None:
    removed = run("remove", "shop", "--tables", "drop", "--json")

    assert removed.code == 0
    assert removed.json["deleted"] == ["connectors/shop.yaml"]
    assert removed.json["rows"] == {}
    assert removed.json["unused_secrets"] == ["env:SHOP_PASSWORD", "command:vault ..."]
    assert not (project / "connectors" / "shop.yaml").exists()
    assert run("remove", "shop").code == 3


def test_rows_are_asked_about_and_without_a_terminal_nothing_goes(
    run: Run, project: Path, ledger: Ledger
) -> None:
    load_by_hand(project)

    refused = run("remove", "stock", "--tables", "drop", "--json")

    assert refused.code == 3
    assert refused.error["place"] == "connectors remove stock --tables drop"
    assert "file.stock in dev loses items (2 rows)" in refused.error["fix"]
    assert (project / "connectors" / "stock.yaml").exists()


@pytest.mark.integration
@pytest.mark.parametrize(("said", "code"), [("n", 130), ("y", 0)])
def test_person_at_a_terminal_is_asked(project: Path, ledger: Ledger, said: str, code: int) -> None:
    load_by_hand(project)
    words = ("remove", "stock", "--tables", "archive")
    ours, theirs = pty.openpty()
    os.write(ours, f"{said}\n".encode())

    done = subprocess.run(
        [sys.executable, "-m", "connector_assets.cli", *words],
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(ours)
    os.close(theirs)

    assert done.returncode == code
    assert "file.stock in dev gets other names for items (2 rows)" in done.stderr
    assert (project / "connectors" / "stock.yaml").exists() == (said == "n")


def test_dropped_tables_are_named_and_what_comes_next(
    run: Run, project: Path, ledger: Ledger
) -> None:
    load_by_hand(project)
    (project / "dags" / "connectors").mkdir(parents=True)
    (project / "dags" / "connectors" / "stock.json").write_text("{}")

    removed = run("remove", "stock", "--tables", "drop", "--yes")

    assert removed.code == 0, removed.err
    assert removed.out.splitlines() == [
        "removed  stock  file.stock in dev",
        "  dropped  items (2 rows)",
        "  dropped  dataset stock",
        "  state version 2: nothing is gone on from",
        "  deleted  connectors/stock.yaml",
        "git has the files, if they were committed",
        "Dagster shows it until its code location is loaded again",
        "next: connectors bridge compile",
    ]
    with duckdb.connect(str(project / "data" / "file.duckdb")) as database:
        found = database.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = 'stock'")
        assert found.fetchall() == []


@pytest.mark.parametrize("words", [("--keep-file",), ("--keep-file", "--tables", "keep")])
def test_removal_that_would_remove_nothing_is_refused(
    run: Run, ledger: Ledger, words: tuple[str, ...]
) -> None:
    refused = run("remove", "shop", *words, "--json")

    assert (refused.code, refused.error["place"]) == (3, "--keep-file")


def test_file_that_is_kept_leaves_the_connector_to_the_others(
    run: Run, project: Path, ledger: Ledger
) -> None:
    load_by_hand(project)

    removed = run("remove", "stock", "--tables", "archive", "--keep-file", "--yes", "--json")

    assert (removed.code, removed.json["deleted"]) == (0, [])
    assert list(removed.json["renamed"]) == ["items"]
    assert (project / "connectors" / "stock.yaml").exists()
