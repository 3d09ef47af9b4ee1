"""The data that is measured with, made once per session, and the sources that give it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "customer": {"type": ["integer", "null"]},
        "name": {"type": ["string", "null"]},
        "email": {"type": ["string", "null"]},
        "total": {"type": ["number", "null"]},
        "paid": {"type": ["boolean", "null"]},
        "created_at": {"type": ["string", "null"], "format": "date-time"},
        "note": {"type": ["string", "null"]},
    },
}
BATCH = 50_000
_PAGE = 1_000


def write_messages(path: Path, *, rows: int) -> Path:
    """Write a Singer stream of ``rows`` records with eight properties, and one STATE."""
    with path.open("w", encoding="utf-8") as file:
        head = {"type": "SCHEMA", "stream": "orders", "schema": SCHEMA, "key_properties": ["id"]}
        file.write(json.dumps(head) + "\n")
        for number in range(rows):
            file.write(_record(number))
        state = {"bookmarks": {"orders": {"replication_key_value": rows}}}
        file.write(json.dumps({"type": "STATE", "value": state}) + "\n")
    return path


def write_csv(path: Path, *, rows: int) -> Path:
    """Write a CSV file of ``rows`` rows with eight columns; ``total`` has two digits."""
    import pyarrow.csv as pc

    with path.open("wb") as file:
        for start in range(0, rows, BATCH):
            batch = _arrow(start, min(rows, start + BATCH))
            pc.write_csv(batch, file, pc.WriteOptions(include_header=not start))
    return path


def write_parquet(path: Path, *, rows: int, note: str = "") -> Path:
    """Write the rows of :func:`orders` into one parquet file."""
    import pyarrow.parquet as pq

    pq.write_table(_arrow(0, rows, note=note), path)
    return path


def orders(rows: int = 1_000_000, note: str = "") -> Any:
    """Return a dlt resource of ``rows`` rows with eight columns, as Arrow tables of 50,000.

    ``note``, if not the variable BENCH_NOTE, is what makes the rows others: those of a change.
    """
    import dlt

    word = note or os.environ.get("BENCH_NOTE", "")
    number = int(os.environ.get("BENCH_ROWS", rows))

    @dlt.resource(name="orders", write_disposition="append")
    def resource() -> Iterator[Any]:
        for start in range(0, number, BATCH):
            yield _arrow(start, min(number, start + BATCH), note=word)

    return resource()


def nested(rows: int = 1_000_000) -> Any:
    """Return a dlt resource of ``rows`` dicts, each with an object and a list of two objects."""
    import dlt

    @dlt.resource(name="orders", write_disposition="append")
    def resource() -> Iterator[Any]:
        for start in range(0, rows, _PAGE):
            yield [_nested(number) for number in range(start, min(rows, start + _PAGE))]

    return resource()


def nothing_new(rows: int = 1000) -> Any:
    """Return a dlt resource to be read by the cursor ``id``: the same rows at every run."""
    import dlt

    @dlt.resource(name="orders", write_disposition="append")
    def resource() -> Iterator[Any]:
        yield from ({"id": number, "name": f"order {number}"} for number in range(rows))

    return resource()


def _nested(number: int) -> dict[str, Any]:
    items = [{"sku": f"sku-{number % 97 + at}", "quantity": at + 1} for at in range(2)]
    customer = {"name": f"customer {number % 9973}", "address": {"city": f"city {number % 31}"}}
    return {"id": number, "total": number / 4, "customer": customer, "items": items}


def _record(number: int) -> str:
    return (
        '{"type":"RECORD","stream":"orders","record":'
        f'{{"id":{number},"customer":{number % 9973},"name":"order {number}",'
        f'"email":"user{number % 9973}@example.com","total":{number % 1000}.25,'
        f'"paid":{"true" if number % 3 else "false"},'
        f'"created_at":"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}T12:{number % 60:02d}:00Z",'
        f'"note":"some words about order {number}"}}}}\n'
    )


def _arrow(start: int, end: int, *, note: str = "") -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = pa.array(range(start, end), type=pa.int64())
    text = pc.cast(ids, pa.string())
    stamps = pc.cast(pc.multiply(ids, 1_000_000), pa.timestamp("us", tz="UTC"))
    return pa.table(
        {
            "id": ids,
            "customer": pc.bit_wise_and(ids, 8191),
            "name": pc.binary_join_element_wise("order ", text, ""),
            "email": pc.binary_join_element_wise("user", text, "@example.com", ""),
            "total": pc.divide(pc.cast(ids, pa.float64()), 4.0),
            "paid": pc.equal(pc.bit_wise_and(ids, 1), 1),
            "created_at": stamps,
            "note": pc.binary_join_element_wise(f"{note or 'some words'} about order ", text, ""),
        }
    )
