"""The rules of `commit:`: what can be committed on the way, and what only as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from connector_assets.config import ConnectorFile
from connector_assets.errors import ConfigError
from connector_assets.model import DLT_ASSETS, PYTHON_SOURCES, Engine, Stream, WriteDisposition
from connector_assets.yaml_marks import Document


def check_commit(
    file: ConnectorFile, *, streams: Sequence[Stream], document: Document
) -> Iterator[ConfigError]:
    """Yield what keeps a connector with `commit:` from being committed on the way.

    A table that is replaced would be half old and half new; a source without a position, or whose
    rows come in any order, could not go on where it stopped.
    """
    if file.commit is None:
        return
    place = document.place(("commit",))
    if (file.commit.every_rows is None) == (file.commit.every is None):
        fix = "Write `commit: {every_rows: 1000000}` or `commit: {every: 15m}`."
        yield ConfigError("`commit` is one of `every_rows` and `every`", place=place, fix=fix)
    for stream in streams:
        if stream.write is WriteDisposition.REPLACE:
            yield ConfigError(
                f"the stream {stream.name!r} is replaced: it can only be committed as a whole",
                place=place,
                stream=stream.name,
                fix="Move it into another connector, or remove `commit:`.",
            )
    if file.engine is Engine.DLT:
        yield from _source(file, streams=streams, place=place)


def _source(file: ConnectorFile, *, streams: Sequence[Stream], place: str) -> Iterator[ConfigError]:
    kind = file.source.partition(":")[0]
    if kind == DLT_ASSETS:
        problem = "a source of Dagster's `@dlt_assets` is committed as a whole"
        yield ConfigError(problem, place=place, fix="Remove `commit:`.")
    # Of Python only its resources tell, when they are made.
    elif kind not in PYTHON_SOURCES and not any(_is_ordered(one, kind=kind) for one in streams):
        fix = "Add `incremental: {row_order: asc}` to the config of a stream that comes in order."
        if kind == "sql_database":
            fix = "Add a `cursor:` to a stream."
        yield ConfigError(f"no stream of {kind} could go on where it stopped", place=place, fix=fix)


def _is_ordered(stream: Stream, *, kind: str) -> bool:
    """Tell whether rows come in the order of a cursor: of a database we ask for that."""
    incremental = stream.config.get("incremental")
    said = isinstance(incremental, Mapping) and incremental.get("row_order") == "asc"
    return said or (kind == "sql_database" and bool(stream.cursor))
