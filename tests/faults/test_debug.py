"""What `connectors debug` says of each fault of docs/debugging.md, made with the real systems."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import pytest

from connector_assets.errors import ConnectorError
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.bundle import write_bundle
from connector_assets.lifecycle.debugging import examine

from .debug_cases import CASES, ROWS, TABLE, TAP, Shop

pytestmark = [pytest.mark.integration, pytest.mark.fault]
DOCUMENT = Path(__file__).parents[2] / "docs" / "debugging.md"


@dataclass(frozen=True)
class Told:
    """What `debug` says: the first broken check, the cause, what a retry would be."""

    layer: str
    cause: str
    retry: str


#: Made by tests of their own below.
OTHERS = (
    "plugin of another version than the project says",
    "disk full",
    "ledger down",
    "zero rows",
)


@pytest.fixture
def shop(tmp_path: Path, declare_taps: Callable[[Path], None]) -> Iterator[Shop]:
    url = f"sqlite:///{tmp_path / '.connectors' / 'ledger.db'}"
    (tmp_path / ".connectors").mkdir()
    with Ledger.open(url) as ledger:
        yield Shop(tmp_path, ledger, declare_taps)


def read_table() -> dict[str, Told]:
    rows = {}
    for line in DOCUMENT.read_text().splitlines():
        fault, *cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if len(cells) == 3 and set(fault) != {"-"} and fault != "fault":
            rows[fault] = Told(*cells)
    return rows


def tell(examination: dict[str, Any]) -> Told:
    cause = examination["cause"] or {"id": "none"}
    return Told(examination["layer"] or "none", cause["id"], examination["retry"]["action"])


def test_table_has_all_faults() -> None:
    assert set(read_table()) == {*CASES, *OTHERS}


@pytest.mark.parametrize("fault", CASES)
def test_fault_is_named_as_the_table_says(
    shop: Shop, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_id = CASES[fault](shop, monkeypatch)

    examination = shop.examine(sync_id)

    assert astuple(tell(examination)) == astuple(read_table()[fault]), examination
    assert "a-token-of-the-shop" not in json.dumps(examination)
    # What it has told already is no next step, nor is a log that is not there.
    assert not [one for one in examination["next"] if one.startswith("connectors debug")]
    assert not (examination["log"] and f"connectors logs {sync_id[:8]}" in examination["next"])
    assert "Errno" not in examination["log"]


def test_zero_rows_of_a_full_read_are_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.fill(TABLE, ROWS % "1,2")
    file = shop.root / "connectors" / "shop.yaml"
    shop.sync()
    file.write_text(file.read_text().replace("merge, primary_key: id, cursor: id", "replace"))
    with closing(sqlite3.connect(shop.root / "source.sqlite")) as database, database:
        database.execute("DELETE FROM orders")

    examination = shop.examine(shop.sync())

    assert tell(examination) == read_table()["zero rows"], examination


def test_plugin_of_another_version_is_named(
    shop: Shop, declare_tap_postgres: Callable[..., None]
) -> None:
    declare_tap_postgres(shop.root, pip_url="meltanolabs-tap-postgres==0.9.9")
    shop.write(TAP % ("tap-postgres", 60))

    examination = shop.examine(shop.sync())

    expected = read_table()["plugin of another version than the project says"]
    assert tell(examination) == expected, examination


def test_full_disk_is_named(shop: Shop) -> None:
    shop.fill(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, note BLOB)",
        "INSERT INTO orders SELECT value, randomblob(3000000) FROM json_each('[1,2,3,4]')",
    )
    (shop.root / "data").mkdir()
    words = (
        f"mount -t tmpfs -o size=4m tmpfs {shop.root}/data && "
        f"{sys.executable} -m connector_assets.cli sync shop > /dev/null 2>&1; "
        f"exec {sys.executable} -m connector_assets.cli debug shop --json"
    )
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", words]

    done = subprocess.run(command, cwd=shop.root, capture_output=True, text=True, check=False)

    examination = json.loads(done.stdout)
    assert tell(examination) == read_table()["disk full"], examination


def test_ledger_that_is_down_is_told_by_every_command(shop: Shop) -> None:
    """Without the ledger there is no evidence to walk through: its absence is the cause."""
    shop.fill(TABLE)
    env = {**os.environ, "LEDGER": "postgresql+psycopg://nobody@127.0.0.1:1/ledger"}
    file = shop.root / "connectors.yaml"
    file.write_text(f"{file.read_text()}ledger: env:LEDGER\n")
    command = [sys.executable, "-m", "connector_assets.cli", "debug", "shop", "--json"]

    done = subprocess.run(
        command, cwd=shop.root, env=env, capture_output=True, text=True, check=False
    )

    told = json.loads(done.stdout or done.stderr)
    kind = told.get("error", told)["type"]
    assert kind == "LedgerUnreachable", told
    assert read_table()["ledger down"] == Told("ledger", "ledger_down", "replay")


def test_bundle_holds_no_secret_wherever_one_stood(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_id = CASES["wrong token (401)"](shop, monkeypatch)
    setting = shop.setting()
    (log,) = (tmp_path / ".connectors").rglob(f"{sync_id}.jsonl")
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"event": "sent Bearer a-token-of-the-shop"}) + "\n")

    written = write_bundle(setting, examine(setting, sync_id), to=tmp_path / "bundle")

    with zipfile.ZipFile(written) as bundle:
        contents = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert "sent Bearer ***" in contents["log.jsonl"]
    assert not [name for name, text in contents.items() if "a-token-of-the-shop" in text]


def test_sync_that_went_well_has_no_cause(shop: Shop) -> None:
    shop.fill(TABLE, ROWS % "1,2")

    examination = shop.examine(shop.sync())

    assert tell(examination) == Told("none", "none", "nothing")
    assert [one["ok"] for one in examination["checks"]] == [True] * 5


def test_error_of_no_sync_is_a_config_error(shop: Shop) -> None:
    shop.fill(TABLE)

    with pytest.raises(ConnectorError, match="no sync starts"):
        shop.examine("ffffffff")
