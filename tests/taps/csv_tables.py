"""A tap over CSV files with typed columns; "NA" is null.

Config: ``tables_file`` names a JSON file: stream -> ``file``, ``key`` and ``columns``, which maps
each name to BIGINT, DOUBLE, VARCHAR or TIMESTAMPTZ.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _tap import parse_arguments

TYPES: dict[str, dict[str, Any]] = {
    "BIGINT": {"type": ["integer", "null"]},
    "DOUBLE": {"type": ["number", "null"]},
    "VARCHAR": {"type": ["string", "null"]},
    "TIMESTAMPTZ": {"type": ["string", "null"], "format": "date-time"},
}
PARSERS: dict[str, Callable[[str], Any]] = {"BIGINT": int, "DOUBLE": float}


def main() -> None:
    options = parse_arguments()
    tables: dict[str, Any] = json.loads(Path(options.config["tables_file"]).read_text())
    if options.discover:
        json.dump(
            {"streams": [describe(name, table) for name, table in tables.items()]}, sys.stdout
        )
        return
    for entry in options.catalog["streams"]:
        if any(each["metadata"].get("selected") for each in entry["metadata"]):
            read(entry["tap_stream_id"], tables[entry["tap_stream_id"]])


def describe(name: str, table: dict[str, Any]) -> dict[str, Any]:
    root = {"breadcrumb": [], "metadata": {"table-key-properties": table["key"]}}
    columns = [
        {"breadcrumb": ["properties", column], "metadata": {"inclusion": "available"}}
        for column in table["columns"]
    ]
    return {
        "tap_stream_id": name,
        "stream": name,
        "key_properties": table["key"],
        "schema": schema(table),
        "metadata": [root, *columns],
    }


def schema(table: dict[str, Any]) -> dict[str, Any]:
    properties = {name: TYPES[kind] for name, kind in table["columns"].items()}
    return {"type": "object", "properties": properties}


def read(name: str, table: dict[str, Any]) -> None:
    write(type="SCHEMA", stream=name, schema=schema(table), key_properties=table["key"])
    parsers = {column: PARSERS.get(kind, str) for column, kind in table["columns"].items()}
    with Path(table["file"]).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            record = {
                column: None if row[column] == "NA" else parse(row[column])
                for column, parse in parsers.items()
            }
            write(type="RECORD", stream=name, record=record)


def write(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")


if __name__ == "__main__":
    main()
