"""What a staged package shows the audit gate: the profile of each stream, and how it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from connector_assets.audit.profile import StreamProfile, parse_profiles, render_profiles
from connector_assets.engines.dlt import Staged
from connector_assets.engines.profile import profile_tables
from connector_assets.model import Connector, Engine, Stream
from connector_assets.naming import column_name, snake_case
from connector_assets.singer.nesting import parse_descriptions, parse_nesting

#: Sources that say which columns there are: one that does not come has been removed.
_DECLARING = ("sql_database",)


def describe_batch(
    connector: Connector,
    package: Path,
    *,
    positions: Mapping[str, Any],
    staged: Staged | None = None,
) -> dict[str, Any]:
    """Return what the gate judges of a package, as JSON values: ``profiles`` and ``full`` reads.

    ``seconds`` tells how long that took. ``positions`` are the cursors that the batch started from,
    by stream. Without ``staged`` the package is taken to be the first of its connector: everything
    in it is of this batch.
    """
    began = monotonic()
    declares = connector.engine is Engine.MELTANO or connector.source in _DECLARING
    tables = profile_tables(package)
    roots = {stream.table: stream for stream in connector.streams}
    profiles = {}
    for table, profile in tables.items():
        stream = roots.get(table)
        # Where nothing was staged there is no file, and no word of the source on its columns.
        seen = replace(profile, declared=declares and bool(profile.columns))
        if staged:
            seen = _add_words(seen, staged, table=table)
        if stream is None:
            profiles[table] = seen
        else:
            profiles[stream.name] = _describe(seen, stream)
    gone = staged.gone if staged else ()
    offered = staged.offered if staged else None
    read = [stream.name for stream in connector.streams if stream.name not in gone]
    return {
        "profiles": render_profiles(profiles),
        "full": {name: name not in positions for name in read},
        "gone": sorted(gone),
        "offered": None if offered is None else sorted(offered),
        "seconds": round(monotonic() - began, 4),
    }


def _add_words(profile: StreamProfile, staged: Staged, *, table: str) -> StreamProfile:
    """Return a profile with what the source said, beside the files that it gave."""
    seen = _drop_unseen(profile, staged.fields.get(table) or set())
    nested = sorted(snake_case(one) for one in staged.nested.get(table, ()) if one.strip())
    return replace(
        describe_columns(seen, staged.schemas.get(table, {})),
        primary_key=staged.keys.get(table, ()),
        nested=tuple(nested),
    )


def combine_batches(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two packages of one sync show together, as :func:`describe_batch` tells it."""
    profiles = parse_profiles(before["profiles"])
    for name, profile in parse_profiles(now["profiles"]).items():
        profiles[name] = profiles[name].add(profile) if name in profiles else profile
    return {
        **now,
        "profiles": render_profiles(profiles),
        "full": {**before["full"], **now["full"]},
        "seconds": round(before["seconds"] + now["seconds"], 4),
    }


def describe_columns(profile: StreamProfile, schema: Mapping[str, Any]) -> StreamProfile:
    """Return a profile with what a SCHEMA says of its columns, and of the fields inside them."""
    columns = dict(profile.columns)
    for name, text in parse_descriptions(schema).items():
        if name in columns:
            columns[name] = replace(columns[name], description=text)
    for name, fields in parse_nesting(schema).items():
        if name in columns and columns[name].type == "json":
            columns[name] = replace(columns[name], fields=fields)
    return replace(profile, columns=columns)


def _describe(profile: StreamProfile, stream: Stream) -> StreamProfile:
    """Return a profile with the key and the cursor that the batch really has.

    A key or cursor that is missing in a row is none.
    """
    rows, columns = profile.rows, profile.columns
    held = all(name in columns and columns[name].filled == rows for name in profile.primary_key)
    cursor = column_name(stream.cursor)
    # Of a path into a list nobody knows which column it becomes.
    unclear = not rows or "[" in stream.cursor
    followed = unclear or (cursor in columns and columns[cursor].filled > 0)
    return replace(
        profile,
        primary_key=profile.primary_key if held or not rows else (),
        cursor=cursor if followed else "",
    )


def _drop_unseen(profile: StreamProfile, fields: set[str]) -> StreamProfile:
    """Leave out columns that only the table has: files of rows have every column that it knows."""
    if not fields:
        return profile
    names = {snake_case(field) for field in fields if field.strip()}
    columns = {
        name: column
        for name, column in profile.columns.items()
        if column.filled or column.variants or name in names or name.partition("__")[0] in names
    }
    return replace(profile, columns=columns)
