"""The file lock: one process at a time, a bounded wait, a holder with a name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from connector_assets.destinations.locks import file_lock, lock_file
from connector_assets.errors import FileLocked
from connector_assets.model import Destination, DestinationKind

HOLD = """
import sys, time
from connector_assets.destinations.locks import file_lock
from connector_assets.model import Destination, DestinationKind
destination = Destination(name="w", kind=DestinationKind.DUCKDB, path=sys.argv[1])
with file_lock(destination, purpose="sync 7f3a of shop"):
    print("held", flush=True)
    time.sleep(60)
"""


def duckdb_file(path: Path) -> Destination:
    return Destination(name="w", kind=DestinationKind.DUCKDB, path=str(path))


def hold(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.stdout.close()
    return process


def test_lock_of_two_names_of_one_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.duckdb").touch()
    (tmp_path / "b.duckdb").symlink_to(tmp_path / "a.duckdb")

    locks = {lock_file(duckdb_file(tmp_path / name)) for name in ("a.duckdb", "b.duckdb")}

    assert len(locks) == 1


def test_lock_is_not_needed_for_a_server_catalog() -> None:
    lake = Destination(
        name="lake", kind=DestinationKind.DUCKLAKE, catalog="postgresql://host/lake", data_path="x"
    )

    assert lock_file(lake) is None


@pytest.mark.integration
def test_lock_held_elsewhere_names_the_holder(tmp_path: Path) -> None:
    holder = hold(tmp_path / "w.duckdb")

    with (
        pytest.raises(FileLocked, match=rf"sync 7f3a of shop \(process {holder.pid}"),
        file_lock(duckdb_file(tmp_path / "w.duckdb"), purpose="mine", wait=0.2),
    ):
        pass
    holder.kill()
    holder.wait()


@pytest.mark.fault
def test_lock_of_a_killed_holder_is_free(tmp_path: Path) -> None:
    holder = hold(tmp_path / "w.duckdb")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()

    with file_lock(duckdb_file(tmp_path / "w.duckdb"), purpose="mine", wait=1):
        assert lock_file(duckdb_file(tmp_path / "w.duckdb"))
