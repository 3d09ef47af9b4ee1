"""A dlt connector end to end: restore, stage, load; then again with nothing new."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from connector_assets.destinations.bookkeeping import LoadRecord
from connector_assets.destinations.connect import connected
from connector_assets.destinations.load import LoadTarget, load_package
from connector_assets.destinations.package import Package
from connector_assets.destinations.restore import restore
from connector_assets.engines.dlt import stage_dlt
from connector_assets.engines.staging import open_pipeline
from connector_assets.model import (
    Connector,
    Destination,
    DestinationKind,
    Engine,
    Stream,
    WriteDisposition,
)

pytestmark = pytest.mark.integration


def sync(declared: Connector, *, folder: Path, number: int) -> LoadRecord:
    staged = folder / f"staged-{number}"
    pipeline = open_pipeline(
        staged,
        connector=declared.name,
        dataset=declared.dataset,
        kind=declared.destination.kind,
    )
    base = restore(pipeline, destination=declared.destination, secrets={}, connector=declared.name)
    package = Package(
        package_id=f"p{number}",
        sync_id=f"s{number}",
        connector=declared.name,
        dataset=declared.dataset,
        folder=staged,
        base_version=base,
        state_version=base + 1,
        streams=stage_dlt(declared, pipeline=pipeline, secrets={}).streams,
    )
    return load_package(
        package,
        LoadTarget(destination=declared.destination, secrets={}, scratch=folder / f"load-{number}"),
    )


@pytest.mark.parametrize("kind", list(DestinationKind), ids=str)
@pytest.mark.parametrize("write", [WriteDisposition.APPEND, WriteDisposition.MERGE], ids=str)
def test_incremental_connector_loads_only_what_is_new(
    tmp_path: Path, kind: DestinationKind, write: WriteDisposition
) -> None:
    file = tmp_path / "shop.sqlite"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, updated INTEGER)")
        database.execute("INSERT INTO orders VALUES (1, 10), (2, 20)")
    declared = Connector(
        name="shop",
        owner="team",
        engine=Engine.DLT,
        source="sql_database",
        config={"credentials": f"sqlite:///{file}"},
        destination=Destination(
            name="lake",
            kind=kind,
            path=str(tmp_path / "d" / "w.duckdb"),
            catalog=f"sqlite:///{tmp_path / 'd' / 'c.sqlite'}",
            data_path=str(tmp_path / "d" / "files"),
        ),
        dataset="shop_data",
        streams=(
            Stream(
                name="orders", table="orders", write=write, primary_key=("id",), cursor="updated"
            ),
        ),
    )

    first = sync(declared, folder=tmp_path, number=1)
    again = sync(declared, folder=tmp_path, number=2)
    with sqlite3.connect(file) as database:
        database.execute("INSERT INTO orders VALUES (3, 30)")
    third = sync(declared, folder=tmp_path, number=3)

    arrived = [record.streams[0].in_destination for record in (first, again, third)]
    assert arrived == [2, 0, 1]
    assert [record.state_version for record in (first, again, third)] == [1, 2, 3]
    with connected(declared.destination, secrets={}) as connection:
        rows = connection.execute("SELECT id FROM lake.shop_data.orders ORDER BY id").fetchall()
    assert rows == [(1,), (2,), (3,)]


def test_key_that_only_the_source_names_decides_what_arrives(tmp_path: Path) -> None:
    (tmp_path / "shop_source.py").write_text(
        "import dlt\n\n"
        "@dlt.resource(name='orders', primary_key='orderId')\n"
        "def orders():\n"
        "    yield from ({'orderId': number % 3, 'total': number} for number in range(9))\n"
    )
    sys.path.append(str(tmp_path))
    declared = Connector(
        name="shop",
        owner="team",
        engine=Engine.DLT,
        source="python:shop_source:orders",
        destination=Destination(
            name="lake", kind=DestinationKind.DUCKDB, path=str(tmp_path / "w.duckdb")
        ),
        dataset="shop_data",
        streams=(Stream(name="orders", table="orders", write=WriteDisposition.MERGE),),
    )

    (counts,) = sync(declared, folder=tmp_path, number=1).streams

    sys.path.remove(str(tmp_path))
    assert (counts.emitted, counts.staged, counts.in_destination) == (9, 9, 3)
