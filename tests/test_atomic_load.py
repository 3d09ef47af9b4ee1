"""The atomic load on real DuckDB files and DuckLakes: complete or not at all, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from connector_assets.destinations.connect import connected
from connector_assets.destinations.load import LoadTarget, load_package
from connector_assets.destinations.package import Package, StagedStream
from connector_assets.destinations.refusals import explain
from connector_assets.engines.staging import open_pipeline, stage
from connector_assets.errors import CountMismatch, LeaseLost, OutOfMemory, StateDivergence
from connector_assets.model import Destination, DestinationKind, WriteDisposition

pytestmark = pytest.mark.integration
KINDS = [DestinationKind.DUCKDB, DestinationKind.DUCKLAKE]


@pytest.fixture(params=KINDS, ids=str)
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Destination:
    return Destination(
        name="lake",
        kind=request.param,
        path=str(tmp_path / "data" / "file.duckdb"),
        catalog=f"sqlite:///{tmp_path / 'data' / 'catalog.sqlite'}",
        data_path=str(tmp_path / "data" / "files"),
    )


def staged(
    folder: Path, destination: Destination, *, write: str, rows: int, package_id: str, base: int = 0
) -> Package:
    data = [{"id": i, "name": f"u{i}", "tags": [{"t": 1}]} for i in range(rows)]
    disposition: Any = write
    users = dlt.resource(data, name="users", write_disposition=disposition, primary_key="id")

    pipeline = open_pipeline(folder, connector="shop", dataset="shop", kind=destination.kind)
    counts = stage(pipeline, users)
    stream = StagedStream(
        stream="users",
        table="users",
        write=WriteDisposition(write),
        primary_key=("id",),
        emitted=rows,
        staged=counts["users"],
    )
    return Package(
        package_id=package_id,
        sync_id="s1",
        connector="shop",
        dataset="shop",
        folder=folder,
        base_version=base,
        state_version=base + 1,
        streams=(stream,),
    )


def rows_of(destination: Destination, table: str) -> int | None:
    with connected(destination, secrets={}) as connection:
        found = connection.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [table]
        ).fetchone()
        if found is None or found[0] == 0:
            return None
        row = connection.execute(f"SELECT count(*) FROM shop.{table}").fetchone()
        return int(row[0]) if row else None


@pytest.mark.parametrize("write", ["append", "replace", "merge"])
def test_load_commits_tables_state_and_record_together(
    destination: Destination, tmp_path: Path, write: str
) -> None:
    package = staged(tmp_path / "p", destination, write=write, rows=5, package_id="p1")

    record = load_package(
        package, LoadTarget(destination=destination, secrets={}, scratch=tmp_path / "l")
    )

    assert record.streams[0].in_destination == 5
    assert [rows_of(destination, t) for t in ("users", "users__tags", "_connectors_loads")] == [
        5,
        5,
        1,
    ]
    assert rows_of(destination, "_dlt_pipeline_state") == 1


def test_load_refused_before_commit_leaves_nothing_and_loads_later(
    destination: Destination, tmp_path: Path
) -> None:
    package = staged(tmp_path / "p", destination, write="append", rows=5, package_id="p1")

    def refuse() -> None:
        raise LeaseLost("the lease went to s2")

    with pytest.raises(LeaseLost):
        load_package(
            package,
            LoadTarget(
                destination=destination, secrets={}, scratch=tmp_path / "l", may_commit=refuse
            ),
        )
    tables = ("users", "users__tags", "_dlt_loads", "_dlt_pipeline_state", "_connectors_loads")
    assert [rows_of(destination, table) for table in tables] == [None] * 5

    load_package(package, LoadTarget(destination=destination, secrets={}, scratch=tmp_path / "l"))
    assert rows_of(destination, "users") == 5


def test_load_of_the_same_package_twice_adds_nothing(
    destination: Destination, tmp_path: Path
) -> None:
    package = staged(tmp_path / "p", destination, write="append", rows=5, package_id="p1")

    first = load_package(
        package, LoadTarget(destination=destination, secrets={}, scratch=tmp_path / "l")
    )
    second = load_package(
        package, LoadTarget(destination=destination, secrets={}, scratch=tmp_path / "l")
    )

    assert first == second
    assert rows_of(destination, "users") == 5


def test_load_from_a_state_that_moved_is_refused(destination: Destination, tmp_path: Path) -> None:
    first = staged(tmp_path / "p1", destination, write="append", rows=5, package_id="p1")
    stale = staged(tmp_path / "p2", destination, write="append", rows=5, package_id="p2")
    load_package(first, LoadTarget(destination=destination, secrets={}, scratch=tmp_path / "l"))

    with pytest.raises(StateDivergence, match="state version 1"):
        load_package(stale, LoadTarget(destination=destination, secrets={}, scratch=tmp_path / "l"))

    assert rows_of(destination, "users") == 5


def test_load_that_would_lose_a_row_is_rolled_back(
    destination: Destination, tmp_path: Path
) -> None:
    package = staged(tmp_path / "p", destination, write="append", rows=5, package_id="p1")
    (stream,) = package.streams
    lying = Package(
        package_id="p1",
        sync_id="s1",
        connector="shop",
        dataset="shop",
        folder=package.folder,
        base_version=0,
        state_version=1,
        streams=(
            StagedStream(
                stream=stream.stream, table=stream.table, write=stream.write, emitted=6, staged=6
            ),
        ),
    )

    with pytest.raises(CountMismatch, match="6 rows were staged"):
        load_package(lying, LoadTarget(destination=destination, secrets={}, scratch=tmp_path / "l"))

    assert rows_of(destination, "users") is None


def test_load_that_its_memory_is_not_enough_for_is_tried_with_more(
    destination: Destination, tmp_path: Path
) -> None:
    package = staged(tmp_path / "p", destination, write="merge", rows=20_000, package_id="p1")
    looks: list[int] = []
    target = LoadTarget(
        destination=destination,
        secrets={},
        scratch=tmp_path / "l",
        memory=1_000_000,
        may_commit=lambda: looks.append(1),
    )

    record = load_package(package, target)

    # The tries before it ran out of memory before their commit.
    assert looks == [1]
    assert record.streams[0].in_destination == rows_of(destination, "users") == 20_000


def test_load_that_needs_more_memory_than_there_is_is_refused_with_what_to_do(
    tmp_path: Path,
) -> None:
    destination = Destination(name="lake", kind=DestinationKind.DUCKDB, path=str(tmp_path / "x"))
    with connected(destination, secrets={}) as connection:
        connection.execute("SET memory_limit = '1 MB'")
        connection.execute("SET temp_directory = ''")
        with pytest.raises(duckdb.OutOfMemoryException) as caught:
            connection.execute("SELECT list(i) FROM range(10_000_000) t(i)").fetchall()

    error = explain(caught.value, destination=destination, secrets={})

    assert isinstance(error, OutOfMemory)
    assert "commit: {every_rows: N}" in error.fix
