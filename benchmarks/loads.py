"""The rows that load a million: Singer, PostgreSQL, CSV, dicts, Arrow; ours first, then peers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from benchmarks.data import write_csv, write_messages
from benchmarks.measure import Aim, Row, Subject, Target
from benchmarks.peers import install_peer
from benchmarks.postgres import serve_postgres
from benchmarks.run import Command
from benchmarks.subjects import (
    BIN,
    DESTINATIONS,
    Place,
    bare,
    count_file,
    count_ours,
    in_lake,
    ingestr,
    make_project,
    meltano,
    remove,
    sync,
)

MILLION = 1_000_000
_TYPES = {
    "id": "bigint",
    "customer": "bigint",
    "total": "decimal(12,2)",
    "paid": "bool",
    "created_at": "timestamp",
}


def singer(place: Place) -> Row:
    """Singer records through connector-target."""
    rows = place.rows(MILLION)
    messages = write_messages(place.folder / "messages.jsonl", rows=rows)
    targets = (
        Target(aim=Aim.RATIO, value=2.5, peer="DuckDB read_json"),
        Target(aim=Aim.SPEED, value=12, peer="target-duckdb 0.8.0"),
    )
    return Row(
        key="singer_1m",
        title=f"{rows:,} Singer records x 8 through connector-target",
        subjects=(
            *(target(place.make(kind), messages, to=kind) for kind in DESTINATIONS),
            bare("read_json", place.make("bare"), str(messages), name="DuckDB read_json"),
            _target_duckdb(place.make("peer"), messages),
        ),
        rows=rows,
        targets=targets,
    )


def target(folder: Path, messages: Path, *, to: str) -> Subject:
    """Return connector-target that appends messages to a new destination."""
    # A project of the same destination: its rows are counted by that.
    make_project(folder, to=to, connector={"source": "rest_api", "streams": {"orders": {}}})
    given = DESTINATIONS[to]
    lake = {"destination": f"ducklake:{given.get('catalog')}", "data_path": given.get("data_path")}
    file = {"destination": f"duckdb:///{given.get('path')}"}
    config = lake if to == "DuckLake" else file
    words = {**config, "dataset": "shop", "default_write": "append"}
    (folder / "config.json").write_text(json.dumps(words))

    def reset() -> None:
        remove(folder, "data")
        (folder / "data").mkdir()

    return Subject(
        name=f"connector-target, {to}",
        ours=True,
        command=Command(
            argv=(str(BIN / "connector-target"), "--config", "config.json"),
            cwd=folder,
            stdin=messages,
        ),
        reset=reset,
        count=lambda: count_ours(folder, table="orders"),
    )


def _target_duckdb(folder: Path, messages: Path) -> Subject:
    peer, file = install_peer("target-duckdb"), folder / "peer.duckdb"
    words = {"path": str(file), "default_target_schema": "shop"}
    (folder / "config.json").write_text(json.dumps(words))
    return Subject(
        name="target-duckdb 0.8.0",
        command=Command(
            argv=(str(peer.programs / "target-duckdb"), "--config", "config.json"),
            cwd=folder,
            stdin=messages,
        ),
        reset=lambda: remove(folder, "*.duckdb*"),
        count=lambda: count_file(file, "shop.orders"),
        slow=True,
        problem=peer.problem,
    )


def postgres(place: Place) -> Row:
    """A table of PostgreSQL."""
    rows = place.rows(MILLION)
    url = place.stack.enter_context(serve_postgres(rows=rows))
    driver = url.replace("postgresql://", "postgresql+psycopg://")
    connector = {
        "source": "sql_database",
        "config": {"credentials": driver, "schema": "public"},
        "streams": {"orders": {}},
    }
    return Row(
        key="postgres_1m",
        title=f"{rows:,} rows x 8 of PostgreSQL, a numeric(12,2) among them",
        subjects=(
            *_ours(place, connector),
            bare("scan_postgres", place.make("limit"), url, name="DuckDB's postgres extension"),
            ingestr(place.make("ingestr"), source=url, table="public.orders"),
            _slow_bare("sql_defaults", place.make("dlt"), driver),
            _tap_postgres(place.make("meltano"), url=url),
        ),
        rows=rows,
        targets=(Target(aim=Aim.SPEED, value=2, peer="ingestr 0.14.155"),),
    )


def _tap_postgres(folder: Path, *, url: str) -> Subject:
    peers = {name: install_peer(name) for name in ("tap-postgres", "target-duckdb")}
    # It wants host and password; the socket's folder, in the query, is what counts.
    full = sa.make_url(url).set(host="localhost", password="-")  # noqa: S106 # it has none
    tap = {
        "name": "tap-postgres",
        "namespace": "tap_postgres",
        "executable": str(peers["tap-postgres"].programs / "tap-postgres"),
        "capabilities": ["catalog", "discover", "state"],
        "settings": [{"name": "sqlalchemy_url"}, {"name": "filter_schemas", "kind": "array"}],
        "config": {
            "sqlalchemy_url": full.render_as_string(hide_password=False),
            "filter_schemas": ["public"],
        },
        "select": ["public-orders.*"],
    }
    subject = meltano(folder, tap=tap, peers=peers)
    count = _counter(folder / "peer.duckdb", "orders")
    return replace(
        subject, name="meltano run tap-postgres, target-duckdb 0.8.0", count=count, slow=True
    )


def _counter(file: Path, table: str) -> Callable[[], int]:
    """Return what counts a table of any schema, whatever stands before its name."""

    def count() -> int:
        with duckdb.connect(str(file)) as connection:
            query = "SELECT schema_name, table_name FROM duckdb_tables() WHERE table_name LIKE ?"
            found = connection.execute(query, [f"%{table}"]).fetchone()
        return count_file(file, '"{}"."{}"'.format(*(found or ("main", table))))

    return count


def csv(place: Place) -> Row:
    """A CSV file."""
    rows = place.rows(MILLION)
    file = write_csv(place.folder / "orders.csv", rows=rows)
    where = {"bucket_url": str(file.parent), "file_glob": file.name, "types": _TYPES}
    connector = {"source": "filesystem", "streams": {"orders": {"config": where}}}
    return Row(
        key="csv_1m",
        title=f"{rows:,} rows x 8 of a CSV file, a decimal(12,2) among them",
        subjects=(
            *_ours(place, connector),
            bare("read_csv", place.make("limit"), str(file), name="DuckDB read_csv"),
            _slow_bare("csv_defaults", place.make("dlt"), str(file), "orders"),
            replace(
                ingestr(place.make("ingestr"), source=f"csv://{file}", table="orders"), slow=True
            ),
        ),
        rows=rows,
        targets=(Target(aim=Aim.RATIO, value=2.5, peer="DuckDB read_csv"),),
    )


def arrow(place: Place) -> Row:
    """Arrow tables of a Python source."""
    rows = place.rows(MILLION)
    ours = _ours(place, python("orders", rows=rows))
    plain = bare("bulk", place.make("bare"), str(rows), name="the same dlt pipeline, bare")
    folder = place.make("bare_lake")
    lake = bare("bulk", folder, str(rows), name="the same dlt pipeline, bare")
    bares = (plain, in_lake(lake, folder, home=place.make("home")))
    return Row(
        key="dlt_1m",
        title=f"{rows:,} rows x 8 as Arrow tables of a Python source",
        subjects=(*ours, *bares),
        rows=rows,
        targets=each_by_its_own(ours, bares, aim=Aim.RATIO, value=1.1),
    )


def gate(place: Place) -> Row:
    """The same without the seconds of the audit gate."""
    rows = place.rows(MILLION)
    project = make_project(place.make("project"), connector=python("orders", rows=rows))
    ours = sync(project, to="DuckDB")
    return Row(
        key="gate",
        title=f"what the audit gate takes of a sync of {rows:,} rows",
        subjects=(ours,),
        rows=rows,
        part="gate",
        targets=(Target(aim=Aim.RATIO, value=1.02, peer=f"{ours.name} without its gate"),),
    )


def dicts(place: Place) -> Row:
    """Nested dicts of a Python source: two tables."""
    rows = place.rows(MILLION)
    peer = "the same dlt pipeline, bare"
    return Row(
        key="nested_1m",
        title=f"{rows:,} nested dicts of a Python source, each with two children",
        subjects=(
            *(replace(one, slow=True) for one in _ours(place, python("nested", rows=rows))),
            replace(bare("nested", place.make("bare"), str(rows), name=peer), slow=True),
        ),
        rows=rows,
    )


def python(source: str, *, rows: int) -> dict[str, Any]:
    """Return a connector that reads a function of benchmarks/data.py."""
    return {
        "source": f"python:benchmarks.data:{source}",
        "config": {"rows": rows},
        "streams": {"orders": {}},
    }


def each_by_its_own(
    ours: Sequence[Subject], bares: Sequence[Subject], *, aim: Aim, value: float
) -> tuple[Target, ...]:
    """Return a target for each of ours, against the bare one of the same destination."""
    return tuple(
        Target(aim=aim, value=value, peer=peer.name, ours=one.name)
        for one, peer in zip(ours, bares, strict=True)
    )


def _ours(place: Place, connector: dict[str, Any]) -> list[Subject]:
    return [
        sync(make_project(place.make(kind), to=kind, connector=connector), to=kind)
        for kind in DESTINATIONS
    ]


def _slow_bare(what: str, folder: Path, *arguments: str) -> Subject:
    return replace(bare(what, folder, *arguments, name="plain dlt, its defaults"), slow=True)
