"""Files as dlt resources, read value by value as they are or not at all.

dlt's own readers would guess the types of a CSV file batch by batch (007 becomes 7, and NA is no
longer a text), round numbers in JSON, and take times without a zone for UTC. Here a column of a CSV
file is text unless the stream's ``types`` say otherwise, in dlt's words; an empty field is NULL, a
quoted one is an empty text.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

import dlt
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from dlt.sources import filesystem as files

from connector_assets.errors import BadRecord, ConfigError
from connector_assets.model import Stream
from connector_assets.singer.literals import parse_json
from connector_assets.singer.messages import mask

FORMATS = ("csv", "jsonl", "parquet")
#: A stream with this cursor reads the files that are new or changed.
MODIFIED = "modification_date"
_BATCH_ROWS = 50_000
_CSV_KEYS = ("delimiter", "quote_char", "encoding", "null_values", "types")
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

    stream: str
    delimiter: str = ","
    quote_char: str = '"'
    encoding: str = "utf-8"
    null_values: tuple[str, ...] = ("",)
    types: Mapping[str, pa.DataType]


def build_files(item: Stream, *, options: Mapping[str, Any]) -> Any:
    """Return the resource of one stream; ``options`` are dlt's, with ``format`` and its own.

    Raises:
        ConfigError: The format or a type is unknown, or a local folder has no such file.
    """
    given = dict(options)
    kind = given.pop("format", "csv")
    if kind not in FORMATS:
        raise ConfigError(f"{kind!r} is no file format", value=str(kind), valid=FORMATS)
    special = {key: given.pop(key) for key in _CSV_KEYS if kind == "csv" and key in given}
    _check_local(given)
    found = files.filesystem(**given).with_name(f"{item.name}_files")
    if item.cursor == MODIFIED:
        found.apply_hints(incremental=dlt.sources.incremental(MODIFIED))
    if kind == "csv":
        return (found | _build_csv(special, stream=item.name)).with_name(item.name)
    reader = _read_jsonl if kind == "jsonl" else _read_parquet
    return (found | dlt.transformer(reader)()).with_name(item.name)


def _build_csv(special: Mapping[str, Any], *, stream: str) -> Any:
    reader = dlt.transformer(_read_csv)(_parse_format(special, stream=stream))
    json: Any = {name: {"data_type": "json"} for name, word in _words(special) if word == "json"}
    return reader.apply_hints(columns=json) if json else reader


def _check_local(options: Mapping[str, Any]) -> None:
    """A glob without a match is no error to dlt; for files of this machine it is one."""
    url = str(options.get("bucket_url") or "")
    if "://" in url and not url.startswith("file://"):
        return
    folder = Path(unquote(urlsplit(url).path) if url.startswith("file://") else url)
    pattern = str(options.get("file_glob") or "*")
    if url and not any(folder.glob(pattern)):
        raise ConfigError(
            f"no file matches {pattern!r} in {folder}",
            fix="Correct `bucket_url` or `file_glob`; ** goes through folders.",
        )


def _words(special: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((str(name), str(word)) for name, word in (special.get("types") or {}).items())


def _parse_format(special: Mapping[str, Any], *, stream: str) -> CsvFormat:
    types = {name: _parse_type(word) for name, word in _words(special)}
    rest = {key: value for key, value in special.items() if key != "types"}
    if "null_values" in rest:
        rest["null_values"] = tuple(map(str, rest["null_values"]))
    return CsvFormat(**rest, stream=stream, types=types)


def _parse_type(word: str) -> pa.DataType:
    if found := _DECIMAL.fullmatch(word):
        return pa.decimal128(int(found[1]), int(found[2]))
    if word not in _TYPES:
        valid = (*_TYPES, "decimal(12,2)")
        raise ConfigError(f"{word!r} is no column type", value=word, valid=valid)
    return _TYPES[word]


def _read_csv(items: list[Any], style: CsvFormat) -> Iterator[Any]:
    for item in items:
        with item.open() as file:
            try:
                yield from map(_keep_naive, _parse_csv(file, style))
            except (pa.ArrowInvalid, UnicodeDecodeError) as error:
                raise _refuse(error, style=style, file=item["file_name"]) from error


def _parse_csv(file: IO[bytes], style: CsvFormat) -> Iterator[pa.Table]:
    names = _read_header(file, style)
    types = {name: style.types.get(name, pa.string()) for name in names}
    schema = pa.schema(list(types.items()))
    if len(names) != len(types):
        raise pa.ArrowInvalid("two columns have one name")
    if missing := sorted(style.types.keys() - types):
        raise pa.ArrowInvalid(f"there is no column {missing[0]}")
    yield schema.empty_table()
    if not file.read(1):
        return
    file.seek(-1, 1)
    reader = pc.open_csv(
        file,
        read_options=pc.ReadOptions(column_names=names, encoding=style.encoding),
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
    for batch in reader:
        table = pa.Table.from_batches([batch])
        # The parser does not compare decimals with their precision.
        table.validate(full=True)
        yield table


def _read_header(file: IO[bytes], style: CsvFormat) -> list[str]:
    lines = (line.decode(style.encoding) for line in iter(file.readline, b""))
    header = next(csv.reader(lines, delimiter=style.delimiter, quotechar=style.quote_char), None)
    if not header:
        raise pa.ArrowInvalid("there is no line with the names of columns")
    return [header[0].removeprefix("\ufeff"), *header[1:]]


def _read_parquet(items: list[Any]) -> Iterator[Any]:
    for item in items:
        with item.open() as file:
            content = pq.ParquetFile(file)
            yield _keep_naive(content.schema_arrow.empty_table())
            for batch in content.iter_batches(batch_size=_BATCH_ROWS):
                yield _keep_naive(pa.Table.from_batches([batch]))


def _read_jsonl(items: list[Any]) -> Iterator[list[dict[str, Any]]]:
    for item in items:
        with item.open() as file:
            lines = enumerate(iter(file.readline, b""), start=1)
            rows = (
                _parse_line(line, place=f"{item['file_name']}:{number}")
                for number, line in lines
                if line.strip()
            )
            while batch := list(islice(rows, _BATCH_ROWS)):
                yield batch


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


def _keep_naive(table: pa.Table) -> Any:
    """Mark the columns with times of no zone, which dlt would take for UTC."""
    naive: Any = {
        field.name: {"data_type": "timestamp", "timezone": False}
        for field in table.schema
        if pa.types.is_timestamp(field.type) and field.type.tz is None
    }
    if not naive:
        return table
    return dlt.mark.with_hints(table, dlt.mark.make_hints(columns=naive))


def _refuse(error: Exception, *, style: CsvFormat, file: str) -> BadRecord:
    reason = _VALUE.sub(lambda found: repr(mask(found[1])), str(error))
    return BadRecord(
        f"the file cannot be read as it is declared: {reason}",
        place=file,
        stream=style.stream,
        fix="Correct the file, or the stream's `types`, `delimiter` or `encoding`.",
    )
