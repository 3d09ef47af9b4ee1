"""Counts and a checksum per column: of the source files, and the SQL that asks a destination.

DuckDB reads the source files itself here, so neither Meltano nor dlt nor the platform has touched
what the destinations are compared with. A checksum does not depend on the order of the rows; the
entry ``*`` is over whole rows, so that values that moved between rows are found too.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

INTEGER, DOUBLE, TEXT, DATE, INSTANT = "BIGINT", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMPTZ"
WHOLE_ROW = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One stream: its source files, where it is loaded, and the kind of each column."""

    files: str
    destination: str
    table: str
    columns: dict[str, str]
    derived: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one column holds; ``filled`` counts the rows that are not null."""

    rows: int
    filled: int
    least: str | None
    greatest: str | None
    checksum: str


def _columns(**names: str) -> dict[str, str]:
    return {name: kind for kind, listed in names.items() for name in listed.split()}


FLIGHTS = _columns(
    BIGINT="year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay "
    "flight air_time distance hour minute",
    VARCHAR="carrier tailnum origin dest",
    TIMESTAMPTZ="time_hour",
)
WEATHER = _columns(
    BIGINT="year month day hour wind_dir",
    DOUBLE="temp dewp humid wind_speed wind_gust precip pressure visib",
    VARCHAR="origin",
    TIMESTAMPTZ="time_hour",
)
AIRPORTS = _columns(BIGINT="alt tz", DOUBLE="lat lon", VARCHAR="faa name dst tzone")
PLANES = _columns(
    BIGINT="year engines seats speed", VARCHAR="tailnum type manufacturer model engine"
)
AIRLINES = _columns(VARCHAR="carrier name")


def tables(package_data: Path, *, folder: Path) -> dict[str, Table]:
    """Return every stream; the published flights are in ``folder``, the rest in the package."""
    dates = {"date": "make_date(year, month, day)"}

    def table(name: str, target: str, columns: dict[str, str]) -> Table:
        destination, _, dataset = target.partition(".")
        flights = name == "flights"
        return Table(
            files=str(folder / "flights" / "*.csv" if flights else package_data / f"{name}.csv"),
            destination=destination,
            table=f"{dataset}.{name}",
            columns=columns,
            derived=dates if flights else {},
        )

    return {
        "flights": table("flights", "lake.nyc", FLIGHTS),
        "airports": table("airports", "lake.geography", AIRPORTS),
        "airlines": table("airlines", "warehouse.operations", AIRLINES),
        "planes": table("planes", "warehouse.operations", PLANES),
        "weather": table("weather", "warehouse.operations", WEATHER),
    }


def profile_query(table: Table, *, relation: str = "") -> str:
    """Return the SQL with one row per column: column, rows, filled, least, greatest, checksum.

    Without ``relation`` it asks the destination's table.
    """
    kinds = table.columns | dict.fromkeys(table.derived, DATE)
    values = {name: _canonical(name, kind) for name, kind in sorted(kinds.items())}
    whole_row = f"hash({', '.join(values.values())})"
    parts = [
        f'SELECT \'{name}\' AS "column", count(*) AS "rows", count(v) AS filled, '
        "min(v)::VARCHAR AS least, max(v)::VARCHAR AS greatest, "
        "coalesce(sum(hash(v)) FILTER (v IS NOT NULL), 0)::VARCHAR AS checksum "
        f"FROM (SELECT {value} AS v FROM {relation or table.table})"
        for name, value in (values | {WHOLE_ROW: whole_row}).items()
    ]
    return " UNION ALL ".join(parts)


def _canonical(name: str, kind: str) -> str:
    # An instant may be stored with or without a zone; as microseconds both are the same.
    return f'epoch_us("{name}")' if kind == INSTANT else f'CAST("{name}" AS {kind})'


def profile_source(table: Table) -> dict[str, Profile]:
    """Return the profile of each column, read from the source files."""
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in table.columns.items())
    derived = "".join(f", {value} AS {name}" for name, value in table.derived.items())
    files = table.files.replace("'", "''")
    reader = f"read_csv('{files}', nullstr='NA', header=true, types={{{types}}})"
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE source AS SELECT *{derived} FROM {reader}")
        found = connection.execute(profile_query(table, relation="source")).fetchall()
    return {
        name: Profile(rows=rows, filled=filled, least=least, greatest=greatest, checksum=checksum)
        for name, rows, filled, least, greatest, checksum in found
    }


def describe_sources(package_data: Path, *, folder: Path) -> dict[str, dict[str, object]]:
    """Return per stream: destination, table, rows, the profile of each column, and the SQL."""
    described: dict[str, dict[str, object]] = {}
    for stream, table in tables(package_data, folder=folder).items():
        profiles = profile_source(table)
        described[stream] = {
            "destination": table.destination,
            "table": table.table,
            "rows": profiles[WHOLE_ROW].rows,
            "columns": {name: asdict(profile) for name, profile in profiles.items()},
            "query": profile_query(table),
        }
    return described


def main() -> None:
    """Print all streams as one JSON object."""
    from prepare import find_data

    parser = argparse.ArgumentParser(description="Print counts and checksums of the source data.")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "source")
    options = parser.parse_args()
    print(json.dumps(describe_sources(find_data(), folder=options.folder), indent=1))


if __name__ == "__main__":
    main()
