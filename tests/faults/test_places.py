"""Places that fail a sync: a file somebody has open, a full disk, a ledger or lake that is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connector_assets.model import Verdict

from .conftest import NewShop
from .killing import count_rows
from .processes import wait_until_none
from .shop import Shop, end, hold
from .small_disk import LARGE

pytestmark = pytest.mark.fault
ALL = {"shop_data.orders": 4, "shop_data.orders__items": 8, "shop_data.visits": 3}
#: Keeps a DuckDB file open until it is told to end, as a query tool does.
_HOLDER = """
import sys, duckdb
with duckdb.connect(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""

LOCAL = {
    "duckdb": {"type": "duckdb", "path": "data/shop.duckdb"},
    "ducklake-sqlite": {
        "type": "ducklake",
        "catalog": "sqlite:///data/catalog.sqlite",
        "data_path": "data/files",
    },
}


def on_small_disk(shop: Shop, *, place: str) -> dict[str, Any]:
    """Run small_disk.py in a mount namespace of its own; return what it found."""
    space = ("unshare", "--user", "--map-root-user", "--mount")
    allowed = subprocess.run([*space, "true"], capture_output=True, text=True, check=False)
    if allowed.returncode:
        pytest.skip(f"no mount namespace may be made here: {allowed.stderr.strip()}")
    script = (sys.executable, "-m", "tests.faults.small_disk", str(shop.root), place)
    destination = json.dumps(dict(shop.destination))
    done = subprocess.run(
        [*space, *script, destination], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def held_open(file: Path) -> Iterator[int]:
    """Have another process keep a DuckDB file open; yield its pid."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        yield holder.pid


def test_open_file_names_its_holder_and_nothing_is_extracted(new_shop: NewShop) -> None:
    shop = new_shop()
    with held_open(shop.root / "data" / "shop.duckdb") as pid:
        code, row = end(shop.start(CONNECTORS_LOCK_WAIT="1"))

    assert (code, row["verdict"]) == (7, "failed")
    assert row["error"]["type"] == "FileLocked"
    assert row["error"]["connector"] == "shop"
    assert "destination lake" in row["error"]["place"]
    assert f"process {pid} " in row["error"]["problem"]
    assert shop.reads() == []
    wait_until_none(shop.root)
    assert shop.sync().verdict is Verdict.SUCCEEDED


def test_file_that_is_opened_while_it_extracts_fails_the_load_and_keeps_the_package(
    new_shop: NewShop,
) -> None:
    shop = new_shop()
    sync, worker = hold(shop, point="end_of_extract", CONNECTORS_LOCK_WAIT="1")
    with held_open(shop.root / "data" / "shop.duckdb") as pid:
        worker.resume()
        code, row = end(sync)

    assert (code, row["verdict"]) == (10, "unknown")
    assert row["error"]["type"] == "FileLocked"
    assert f"process {pid} " in row["error"]["problem"]
    # Whether it arrived could not be read either; the next start settles that.
    assert shop.sync().verdict is Verdict.SUCCEEDED
    assert shop.verdict_of(row["sync_id"]) == "failed"
    assert count_rows(shop) == ALL


def test_file_that_is_closed_in_time_is_waited_for(new_shop: NewShop) -> None:
    shop = new_shop()
    with held_open(shop.root / "data" / "shop.duckdb"):
        sync = shop.start()
        assert sync.stderr is not None
        assert any("waiting" in line for line in iter(sync.stderr.readline, ""))

    assert end(sync)[0] == 0
    assert count_rows(shop) == ALL


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("work", "duckdb"),
        ("data", "ducklake-sqlite"),
        pytest.param("data", "duckdb", marks=pytest.mark.full),
        pytest.param("project", "duckdb", marks=pytest.mark.full),
        pytest.param("work", "ducklake-sqlite", marks=pytest.mark.full),
    ],
)
def test_full_disk_is_told_and_leaves_everything_as_it_was(
    place: str, kind: str, new_shop: NewShop
) -> None:
    shop = new_shop(kind, destination=LOCAL[kind], write="append")

    told = on_small_disk(shop, place=place)

    assert told["seed"] == "succeeded"
    assert told["unchanged"]
    assert told["left"] == []
    assert told["code"] == 8
    assert told["error"]["type"] == "FatalSyncError"
    assert "the disk is full" in told["error"]["problem"]
    assert told["error"]["connector"] == "shop"
    # With room again, the same rows arrive once.
    assert told["freed"] == "succeeded_with_drift"
    assert told["rows"]["shop_data.orders"] == 4 + LARGE
