"""The files that a BATCH message names, read as runs of bare records.

The message and both forms are those of https://sdk.meltano.com/en/latest/batch.html. A parquet
file's rows become JSON lines first, so that the same rules decide on all values.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO, Any

import fsspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connector_assets.errors import BadRecord, ConfigError, FatalSyncError
from connector_assets.singer.lines import Block, RecordRun, read_blocks
from connector_assets.singer.literals import dump_json
from connector_assets.singer.messages import Message

_ROWS = 20_000
_FIX = "The sync has loaded nothing. Sync again; if it comes back, look at the tap's storage."


def read_files(message: Message) -> Iterator[RecordRun]:
    """Yield the records of a BATCH, file by file, in bounded memory; the files stay.

    Raises:
        BadRecord: A file is not what its message says, or holds what is no record.
        FatalSyncError: A file is not there.
        ConfigError: An extra is missing that reads from there.
    """
    encoding = message.content["encoding"]
    for url in message.content["manifest"]:
        # The query of a signed URL is a secret.
        source = url.partition("?")[0]
        try:
            for block in _read_blocks(url, encoding=encoding):
                numbers = range(block.first, block.first + block.rows)
                version = message.content.get("version")
                yield RecordRun(message.stream, block.data, numbers, source, version)
        except BadRecord as error:
            error.stream = message.stream
            error.place = f"{source}, {error.place}" if error.place else source
            raise
        except FileNotFoundError as error:
            problem = "the tap sent a BATCH with a file that is not there"
            raise FatalSyncError(problem, place=source, stream=message.stream, fix=_FIX) from error
        except ImportError as error:
            raise ConfigError(
                f"a BATCH file cannot be read: {error}",
                place=source,
                stream=message.stream,
                fix="Install connector-assets[s3] for S3, or write batches to another storage.",
            ) from error


def _read_blocks(url: str, *, encoding: dict[str, Any]) -> Iterator[Block]:
    parquet = encoding["format"] == "parquet"
    # In a parquet file the columns are compressed, not the file.
    packed = encoding.get("compression") == "gzip" and not parquet
    try:
        with fsspec.open(url, "rb", compression="gzip" if packed else None) as file:
            yield from _read_rows(file) if parquet else read_blocks(_Source(file))
    except (pa.ArrowInvalid, EOFError, zlib.error) as error:
        _refuse(f"the file is no whole {encoding['format']} file: {error}", cause=error)
    except OSError as error:
        # What is broken in gzip or parquet has no number; S3 has none either.
        if error.errno is not None or isinstance(error, PermissionError | FileNotFoundError):
            raise
        _refuse(f"the file is no whole {encoding['format']} file: {error}", cause=error)


class _Source:
    """A file of fsspec's as lines are read from; not all of them have ``read1``."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read1(self, size: int = -1, /) -> bytes:
        return self._file.read(size)


def _read_rows(file: IO[bytes]) -> Iterator[Block]:
    first = 1
    for batch in pq.ParquetFile(file).iter_batches(batch_size=_ROWS):
        if not batch.num_rows:
            continue
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if not _is_finite(column):
                _refuse(f"property {name!r} has NaN or infinity, which are not JSON")
        try:
            rows = _to_microseconds(batch).to_pylist()
            data = "".join(dump_json(row) + "\n" for row in rows).encode()
        except (TypeError, ValueError, orjson.JSONEncodeError) as error:
            _refuse(f"a value has no form in JSON: {error}", cause=error)
        yield Block(data, first, len(rows))
        first += len(rows)


def _to_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch whose times have Python's precision; finer ones are an error."""
    types = (
        pa.timestamp("us", field.type.tz) if pa.types.is_timestamp(field.type) else field.type
        for field in batch.schema
    )
    fields = [field.with_type(kind) for field, kind in zip(batch.schema, types, strict=True)]
    return batch.cast(pa.schema(fields))


def _is_finite(array: pa.Array) -> bool:
    """Tell whether no number in an array, at any depth, is NaN or infinite."""
    kind = array.type
    if pa.types.is_floating(kind):
        return bool(pc.all(pc.is_finite(array), min_count=0).as_py())
    if pa.types.is_struct(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inside = array.flatten()
        return all(map(_is_finite, inside if isinstance(inside, list) else [inside]))
    return True


def _refuse(problem: str, *, cause: BaseException | None = None) -> None:
    raise BadRecord(problem, fix=_FIX) from cause
