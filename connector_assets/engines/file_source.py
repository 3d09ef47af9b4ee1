"""Files as dlt resources: which are read, and how dlt gets what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dlt
import pyarrow as pa
from dlt.sources import filesystem as files

from connector_assets.engines.arrow_batches import read_ahead
from connector_assets.engines.file_formats import (
    CSV_KEYS,
    parse_format,
    read_csv,
    read_jsonl,
    read_parquet,
)
from connector_assets.errors import ConfigError
from connector_assets.model import Stream

#: A stream with this cursor reads the files that are new or changed.
MODIFIED = "modification_date"
_READERS: dict[str, Callable[..., Iterator[Any]]] = {
    "csv": read_csv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
}
#: A look at the structure reads so many files, and so many batches of each.
_SAMPLE_FILES, _SAMPLE_BATCHES = 10, 2


def build_files(item: Stream, *, options: Mapping[str, Any], sample: bool = False) -> Any:
    """Return the resource of one stream; ``options`` are dlt's, with ``format`` and its own.

    A ``sample`` is the beginning of the first files.

    Raises:
        ConfigError: The format or a type is unknown, or a local folder has no such file.
    """
    given = dict(options)
    kind = given.pop("format", "csv")
    if kind not in _READERS:
        raise ConfigError(f"{kind!r} is no file format", value=str(kind), valid=_READERS)
    reader, columns = _READERS[kind], dict[str, Any]()
    if kind == "csv":
        special = {key: given.pop(key) for key in CSV_KEYS if key in given}
        reader = partial(read_csv, style=parse_format(special))
        json = (name for name, word in special.get("types", {}).items() if word == "json")
        columns = {name: {"data_type": "json"} for name in json}
    _check_local(given)
    found = _list_files(item, given, sample=sample)

    def open_each(listed: list[Any]) -> Iterator[Any]:
        for each in listed:
            with each.open() as file:
                batches = reader(file, place=each["file_name"])
                yield from map(_keep_naive, islice(batches, _SAMPLE_BATCHES if sample else None))

    def read(listed: list[Any]) -> Iterator[Any]:
        return read_ahead(open_each(listed))

    resource = dlt.transformer(read, name=item.name)
    if columns:
        resource.apply_hints(columns=columns)
    return found | resource


def name_listing(item: Stream) -> str:
    """Return the name of the resource that lists a stream's files, which has the cursor."""
    return f"{item.name}_files"


def _list_files(item: Stream, options: Mapping[str, Any], *, sample: bool) -> Any:
    few = {"files_per_page": _SAMPLE_FILES} if sample else {}
    found = files.filesystem(**{**options, **few}).with_name(name_listing(item))
    if item.cursor == MODIFIED:
        found.apply_hints(incremental=dlt.sources.incremental(MODIFIED))
    return found.add_limit(1) if sample else found


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


def _keep_naive(batch: Any) -> Any:
    """Mark the columns of a table with times of no zone, which dlt would take for UTC."""
    if not isinstance(batch, pa.Table):
        return batch
    naive: Any = {
        field.name: {"data_type": "timestamp", "timezone": False}
        for field in batch.schema
        if pa.types.is_timestamp(field.type) and field.type.tz is None
    }
    if not naive:
        return batch
    return dlt.mark.with_hints(batch, dlt.mark.make_hints(columns=naive))
