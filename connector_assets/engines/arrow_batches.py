"""How much of a source is in memory at once: tables of whole batches, one read ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa

_Item = TypeVar("_Item")
#: Rows of a table: a row group of the staged file then is one of DuckDB's.
MOST_ROWS = 122_880
#: Bytes of a table, where its rows are wide.
MOST_BYTES = 32 * 1024 * 1024
_END = object()


def build_empty(schema: pa.Schema) -> pa.Table:
    """Return a table without rows; a schema's own way to one imports pandas, where it is there."""
    return pa.Table.from_batches([], schema=schema)


def gather(
    batches: Iterable[pa.RecordBatch], *, most_bytes: int = MOST_BYTES
) -> Iterator[pa.Table]:
    """Yield the rows of ``batches`` as tables of up to ``MOST_ROWS`` and about ``most_bytes``.

    Batches are divided where a table is full. Without rows there is no table.
    """
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        left = batch
        while left.num_rows:
            part = left.slice(0, MOST_ROWS - rows)
            left = left.slice(part.num_rows)
            held.append(part)
            rows += part.num_rows
            size += part.nbytes
            if rows == MOST_ROWS or size >= most_bytes:
                yield pa.Table.from_batches(held)
                held, rows, size = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)


def read_ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """Yield what ``items`` gives; its next item is made in a thread while one is worked on.

    It is closed with this generator, in that thread too. What it raises comes after its last item.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as pool:
        coming = pool.submit(next, items, _END)
        try:
            while (item := coming.result()) is not _END:
                coming = pool.submit(next, items, _END)
                yield item  # type: ignore[misc] # only the end is no item
        finally:
            if close := getattr(items, "close", None):
                pool.submit(close)
