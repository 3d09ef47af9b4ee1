"""Each dlt source kind stages its streams from a connector's config, and loads them atomically."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from connector_assets.credentials.references import fill_references
from connector_assets.engines.sources import build_source
from connector_assets.engines.staging import open_pipeline, stage
from connector_assets.errors import ConfigError
from connector_assets.model import (
    Connector,
    Destination,
    DestinationKind,
    Engine,
    Stream,
    WriteDisposition,
)


def connector(source: str, config: dict[str, Any], *streams: Stream) -> Connector:
    return Connector(
        name="shop",
        owner="team",
        engine=Engine.DLT,
        source=source,
        config=config,
        destination=Destination(name="lake", kind=DestinationKind.DUCKDB),
        dataset="shop_data",
        streams=streams,
    )


def stream(name: str, **options: Any) -> Stream:
    return Stream(name=name, table=name, write=WriteDisposition.APPEND, **options)


def staged_rows(declared: Connector, folder: Path, **secrets: str) -> dict[str, int]:
    pipeline = open_pipeline(
        folder, connector=declared.name, dataset="shop_data", kind=DestinationKind.DUCKDB
    )
    counts = stage(pipeline, build_source(declared, secrets=secrets))
    return {table: rows for table, rows in counts.items() if not table.startswith("_dlt")}


def test_fill_replaces_known_names_at_every_depth() -> None:
    config = {"auth": {"token": "${token}"}, "list": ["a ${token}"], "n": 1, "other": "${cursor}"}

    filled = fill_references(config, values={"token": "t0"})

    assert filled == {"auth": {"token": "t0"}, "list": ["a t0"], "n": 1, "other": "${cursor}"}


@pytest.mark.integration
def test_sql_database_stages_the_tables_named_by_streams(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.sqlite") as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total NUMERIC)")
        database.execute("INSERT INTO orders VALUES (1, 2.5), (2, 3)")
    declared = connector("sql_database", {"credentials": "${dsn}"}, stream("orders"))

    rows = staged_rows(declared, tmp_path / "w", dsn=f"sqlite:///{tmp_path / 'shop.sqlite'}")

    assert rows == {"orders": 2}


@pytest.mark.integration
def test_filesystem_stages_files_by_format(tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("w") as file:
        file.write('{"id": 1}\n{"id": 2}\n{"id": 3}\n')
    config = {"bucket_url": tmp_path.as_uri(), "file_glob": "*.jsonl"}
    declared = connector("filesystem", config, stream("items", config={"format": "jsonl"}))

    assert staged_rows(declared, tmp_path / "w") == {"items": 3}


@pytest.mark.integration
def test_source_kind_unknown_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'sql_database'"):
        build_source(connector("sql_databse", {}, stream("a")), secrets={})


@pytest.mark.integration
def test_python_source_that_cannot_be_imported_is_refused() -> None:
    declared = connector("python:no_such_module:thing", {}, stream("a"))

    with pytest.raises(ConfigError, match="cannot be imported"):
        build_source(declared, secrets={})
