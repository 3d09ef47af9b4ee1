"""The kill matrix of the dlt engine: its cases, how each is killed, and what must hold after."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector_assets.destinations.connect import connected
from connector_assets.destinations.readback import read_position
from connector_assets.faults import POINTS
from connector_assets.ledger.records import SyncRow
from connector_assets.model import Verdict

from .content import check_consistent, logical
from .pairs import list_cases, select_pairwise
from .processes import find_guard, wait_for, wait_until_none
from .shop import DATASET, LATER, Shop

FACTORS = {
    "point": POINTS,
    "destination": ("ducklake", "duckdb"),
    "write": ("append", "replace", "merge"),
    "killed": ("worker", "step", "guard"),
    "history": ("later", "first"),
}
#: A worker that is killed here has committed.
COMMITTED = "after_commit"


def list_parameters(destination: str) -> list[Any]:
    """Return the cases of a destination; those that `make test` leaves out are marked ``full``."""
    # At start there is neither a worker nor a guard.
    cases = list_cases(
        FACTORS, allowed=lambda case: case["point"] != "start" or case["killed"] == "step"
    )
    selected = select_pairwise(cases)
    return [
        pytest.param(
            case,
            id="-".join(value for name, value in case.items() if name != "destination"),
            marks=() if case in selected else (pytest.mark.full,),
        )
        for case in cases
        if case["destination"] == destination
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undisturbed:
    """A shop that was synced once, and what a run that nobody disturbs has after each sync."""

    shop: Shop
    first: Mapping[str, Any]
    later: Mapping[str, Any]

    def copy(self, root: Path, *, copy_database: Callable[[str], str]) -> Shop:
        """Return a copy of the shop, whose source has changed since, on a destination of its own.

        The copies of a DuckLake share a folder of data files, whose names never come twice.
        """
        shutil.copytree(self.shop.root, root)
        destination = dict(self.shop.destination)
        if "catalog" in destination:
            destination["catalog"] = copy_database(destination["catalog"])
        copied = replace(self.shop, root=root, destination=destination)
        copied.declare()
        copied.offer(LATER)
        return copied


def build_undisturbed(
    shop: Shop, *, twin: Path, copy_database: Callable[[str], str]
) -> Undisturbed:
    """Sync a new shop once, and a copy of it once more."""
    assert shop.sync().verdict is Verdict.SUCCEEDED
    made = Undisturbed(shop=shop, first=describe(shop), later={})
    other = made.copy(twin, copy_database=copy_database)
    assert other.sync().verdict is Verdict.SUCCEEDED
    return replace(made, later=describe(other))


def copy_database(url: str, *, name: str) -> str:
    """Return the URL of a copy of a PostgreSQL database that nobody is connected to."""
    plain = sa.make_url(url)
    server = plain.set(drivername="postgresql+psycopg", database="postgres")
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {plain.database}")
    return plain.set(database=name).render_as_string(hide_password=False)


def describe(shop: Shop) -> dict[str, Any]:
    """Return what a shop's destination holds, as it can be compared with another's."""
    connector = shop.load().connector("shop")
    with connected(connector.destination, secrets={}) as connection:
        _, state = read_position(connection, connector)
    dump = shop.dump()
    check_consistent(dump, dataset=DATASET)
    return {"rows": logical(dump), "state": state["sources"]}


def kill(shop: Shop, *, point: str, killed: str) -> None:
    """Sync, and kill a process at a point; return when nothing of the sync is left."""
    if killed == "worker" or point == "start":
        sync = shop.start(fault=f"{point}:kill")
        expected = _end_of_killed_worker(point)
    else:
        sync = shop.start(fault=f"{point}:sleep")
        wait_for(lambda: f"fault point {point}: sleep" in shop.log())
        step = killed == "step"
        (sync if step else find_guard(sync.pid)).send_signal(signal.SIGKILL)
        expected = -signal.SIGKILL if step else _end_of_killed_worker(point)
    output, errors = sync.communicate(timeout=120)
    assert sync.returncode == expected, output + errors
    wait_until_none(shop.root)


def _end_of_killed_worker(point: str) -> int:
    """Return the exit code of a sync: it lives on, asks the destination, and tells the truth."""
    return {"start": -signal.SIGKILL, COMMITTED: 0}.get(point, 8)


def check_ledger(shop: Shop, killed: SyncRow, *, arrived: bool) -> None:
    """Make sure that the ledger tells what became of a killed sync, and holds nothing back."""
    with shop.ledger() as ledger:
        row = ledger.history.find(killed.sync_id)
        assert row.verdict is (Verdict.SUCCEEDED if arrived else Verdict.FAILED)
        assert row.result["arrival"] == ("confirmed" if arrived else "absent")
        layers = ledger.syncs.evidence(killed.sync_id)
        assert layers["destination"]["arrival"] == row.result["arrival"]
        assert ledger.leases.holder("shop", environment="dev") is None
        assert not ledger.history.unsettled(environment="dev")


def live_version(shop: Shop) -> int:
    """Return the state version of the destination; 0 where there is none."""
    dump = shop.dump()
    stamps = dump.get(f"{DATASET}._connectors_state", [])
    return int(stamps[0]["state_version"] or 0) if stamps else 0


def count_rows(shop: Shop) -> dict[str, int]:
    """Return the rows of the streams' tables, after a look whether all tables tell one story."""
    dump = shop.dump()
    check_consistent(dump, dataset=DATASET)
    return {name: len(rows) for name, rows in logical(dump).items() if "_staging." not in name}


def check_killed(shop: Shop, case: Mapping[str, str], *, expected: Mapping[str, Any]) -> None:
    """Kill a sync as the case says; check what it left, and that the next one makes it complete."""
    first, arrived = case["history"] == "first", case["point"] == COMMITTED
    before = {} if first else shop.dump()
    version = 0 if first else live_version(shop)

    kill(shop, point=case["point"], killed=case["killed"])
    killed = shop.last()
    if arrived:
        assert describe(shop) == expected
    else:
        assert shop.dump() == before
    assert killed.verdict is not Verdict.UNKNOWN

    assert shop.sync().verdict is Verdict.SUCCEEDED
    assert describe(shop) == expected
    assert live_version(shop) == version + 1 + arrived
    check_ledger(shop, killed, arrived=arrived)
    assert list((shop.root / ".connectors" / "work").iterdir()) == []
