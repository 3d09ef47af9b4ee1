"""Reads monthly flight files into typed records; knows nothing of Singer."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

TEXT_COLUMNS = ("carrier", "tailnum", "origin", "dest", "time_hour")
INTEGER_COLUMNS = (
    "year",
    "month",
    "day",
    "dep_time",
    "sched_dep_time",
    "dep_delay",
    "arr_time",
    "sched_arr_time",
    "arr_delay",
    "flight",
    "air_time",
    "distance",
    "hour",
    "minute",
)
MISSING = "NA"

Row = dict[str, str | int | None]


class SourceError(Exception):
    """The source folder does not hold what the tap reads; the message says what to do."""


def read_rows(folder: Path, *, start: str = "", end: str = "") -> Iterator[Row]:
    """Yield the flights of ``folder`` in order of their date.

    ``folder`` holds one file per month, ``2013-01.csv``; each is in order of its days. Both
    bounds are ISO dates and inclusive; empty is unbounded. "NA" becomes None. A ``date``
    column (``2013-01-31``, local time of departure) is added as a position to resume from.

    Raises:
        SourceError: The folder has no file, or a file lacks a column or has a ragged line.
    """
    files = sorted(folder.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9].csv"))
    if not files:
        raise SourceError(f"no monthly files (2013-01.csv) in {folder}; run prepare.py first")
    for path in files:
        if path.stem >= start[:7] and (not end or path.stem <= end[:7]):
            yield from _read_month(path, start=start, end=end)


def _read_month(path: Path, *, start: str, end: str) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        names = next(lines, [])
        _check_header(names, path=path)
        for fields in lines:
            row = _parse(names, fields, path=path, line=lines.line_num)
            date = str(row["date"])
            if end and date > end:
                return
            if date >= start:
                yield row


def _check_header(names: list[str], *, path: Path) -> None:
    missing = sorted({*TEXT_COLUMNS, *INTEGER_COLUMNS} - set(names))
    if missing:
        raise SourceError(f"{path}:1: no column {', '.join(missing)}")


def _parse(names: list[str], fields: list[str], *, path: Path, line: int) -> Row:
    try:
        row: Row = {
            name: None if value == MISSING else value if name in TEXT_COLUMNS else int(value)
            for name, value in zip(names, fields, strict=True)
        }
        row["date"] = f"{row['year']:04d}-{row['month']:02d}-{row['day']:02d}"
    except (TypeError, ValueError) as error:
        raise SourceError(f"{path}:{line}: {error}") from error
    return row
