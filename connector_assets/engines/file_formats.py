"""Reads one file, value by value as it is or not at all: CSV, JSON lines, Parquet.

Other readers guess the types of a CSV file batch by batch (007 becomes 7, and NA is no longer a
text), and round numbers in JSON. Here a column of a CSV file is text unless ``types`` say
otherwise, in dlt's words; an empty field is NULL, a quoted one is an empty text.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from connector_assets.engines.arrow_batches import build_empty, gather
from connector_assets.errors import BadRecord, ConfigError
from connector_assets.singer.literals import parse_json
from connector_assets.singer.messages import mask

_BATCH_ROWS = 50_000
#: Bytes of a CSV file that are parsed at once, and no line can be longer; Arrow reads 32 of them
#: ahead, so that it is also a matter of memory.
_BLOCK = 1024 * 1024
_MOST_DIGITS = 38
_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "json": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
    "date": pa.date32(),
    "time": pa.time64("us"),
}
_DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_VALUE = re.compile(r"'(.*)'", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFormat:
    """How a CSV file is written; ``types`` maps some of its columns to Arrow's types."""

    delimiter: str = ","
    quote_char: str = '"'
    encoding: str = "utf-8"
    null_values: tuple[str, ...] = ("",)
    types: Mapping[str, pa.DataType] = field(default_factory=dict)


#: What may be said of a CSV file, beside where it is.
CSV_KEYS = ("delimiter", "quote_char", "encoding", "null_values", "types")


def parse_format(options: Mapping[str, Any]) -> CsvFormat:
    """Return the format that ``options`` describe.

    Raises:
        ConfigError: A type is unknown.
    """
    given = dict(options)
    types = {str(name): _parse_type(str(word)) for name, word in (given.pop("types", {})).items()}
    if "null_values" in given:
        given["null_values"] = tuple(map(str, given["null_values"]))
    return CsvFormat(**given, types=types)


def read_csv(file: IO[bytes], *, place: str, style: CsvFormat) -> Iterator[pa.Table]:
    """Yield an empty table with the file's columns, then its rows.

    Raises:
        BadRecord: The file is not written as it is declared.
    """
    try:
        names = _read_header(file, style)
        types = {name: style.types.get(name, pa.string()) for name in names}
        _check_names(names, style)
        yield build_empty(pa.schema(list(types.items())))
        # The parser takes a file without rows for a mistake.
        if file.read(1):
            file.seek(-1, 1)
            yield from _parse_csv(file, style, types=types)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        reason = _VALUE.sub(lambda found: repr(mask(found[1])), str(error))
        raise BadRecord(
            f"the file cannot be read as it is declared: {reason}",
            place=place,
            fix="Correct the file, or the stream's `types`, `delimiter` or `encoding`.",
        ) from error


def read_jsonl(file: IO[bytes], *, place: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the objects of a file, some thousands at a time; blank lines are passed over.

    Raises:
        BadRecord: A line is no JSON object, or has a number that would be rounded.
    """
    lines = enumerate(iter(file.readline, b""), start=1)
    rows = (_parse_line(line, place=f"{place}:{at}") for at, line in lines if line.strip())
    while batch := list(islice(rows, _BATCH_ROWS)):
        yield batch


def read_parquet(file: IO[bytes], *, place: str) -> Iterator[pa.Table]:
    """Yield an empty table with the file's columns, then its rows.

    Raises:
        BadRecord: It is no Parquet file, or a column's decimals are too wide.
    """
    try:
        content = pq.ParquetFile(file)
        _check_digits(content.schema_arrow, place=place)
        yield build_empty(content.schema_arrow)
        yield from gather(content.iter_batches(batch_size=_BATCH_ROWS))
    except pa.ArrowInvalid as error:
        problem = f"the file cannot be read: {str(error).split(':')[0]}"
        raise BadRecord(problem, place=place) from error


def _check_digits(schema: pa.Schema, *, place: str) -> None:
    for column in schema:
        if pa.types.is_decimal(column.type) and column.type.precision > _MOST_DIGITS:
            problem = f"column {column.name!r} is {column.type}; DuckDB has {_MOST_DIGITS} digits"
            raise BadRecord(problem, place=place, fix="Write the column as a text.")


def _parse_type(word: str) -> pa.DataType:
    if found := _DECIMAL.fullmatch(word):
        return pa.decimal128(int(found[1]), int(found[2]))
    if word not in _TYPES:
        valid = (*_TYPES, "decimal(12,2)")
        raise ConfigError(f"{word!r} is no column type", value=word, valid=valid)
    return _TYPES[word]


def _read_header(file: IO[bytes], style: CsvFormat) -> list[str]:
    lines = (line.decode(style.encoding) for line in iter(file.readline, b""))
    header = next(csv.reader(lines, delimiter=style.delimiter, quotechar=style.quote_char), None)
    if not header:
        raise pa.ArrowInvalid("there is no line with the names of columns")
    return [header[0].removeprefix("\ufeff"), *header[1:]]


def _check_names(names: list[str], style: CsvFormat) -> None:
    if len(names) != len(set(names)):
        raise pa.ArrowInvalid("two columns have one name")
    if missing := sorted(style.types.keys() - set(names)):
        raise pa.ArrowInvalid(f"there is no column {missing[0]}")


def _parse_csv(
    file: IO[bytes], style: CsvFormat, *, types: Mapping[str, pa.DataType]
) -> Iterator[pa.Table]:
    reader = pc.open_csv(
        file,
        read_options=pc.ReadOptions(
            column_names=list(types), encoding=style.encoding, block_size=_BLOCK
        ),
        parse_options=pc.ParseOptions(
            delimiter=style.delimiter, quote_char=style.quote_char, newlines_in_values=True
        ),
        convert_options=pc.ConvertOptions(
            column_types=types,
            null_values=list(style.null_values),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    for table in gather(reader):
        # The parser does not compare decimals with their precision.
        table.validate(full=True)
        yield table


def _parse_line(line: bytes, *, place: str) -> dict[str, Any]:
    try:
        row = parse_json(line)
    except ValueError as error:
        reason = str(error).split(":")[0]
        raise BadRecord(f"the line is not JSON: {reason}", place=place) from error
    if not isinstance(row, dict):
        raise BadRecord("the line is JSON, but no object", place=place)
    if _has_decimal(row):
        raise BadRecord(
            "a number has more digits than an integer of 64 bits or a double can hold",
            place=place,
            fix="Let the source write it as a text.",
        )
    return row


def _has_decimal(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_decimal, value.values()))
    if isinstance(value, list):
        return any(map(_has_decimal, value))
    return isinstance(value, Decimal)
