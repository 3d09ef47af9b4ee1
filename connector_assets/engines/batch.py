"""What a staged package shows the audit gate: the profile of each stream, and how it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from connector_assets.audit.profile import StreamProfile, render_profiles
from connector_assets.engines.dlt import Staged
from connector_assets.engines.profile import profile_tables
from connector_assets.model import Connector, Engine, Stream
from connector_assets.naming import snake_case

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
            fields = staged.fields.get(table) or set()
            seen = replace(_drop_unseen(seen, fields), primary_key=staged.keys.get(table, ()))
        if stream is None:
            profiles[table] = seen
        else:
            profiles[stream.name] = _describe(seen, stream)
    full = {stream.name: stream.name not in positions for stream in connector.streams}
    seconds = round(monotonic() - began, 4)
    return {"profiles": render_profiles(profiles), "full": full, "seconds": seconds}


def _describe(profile: StreamProfile, stream: Stream) -> StreamProfile:
    """Return a profile with the key and the cursor that the batch really has.

    A key or cursor that is missing in a row is none.
    """
    rows, columns = profile.rows, profile.columns
    held = all(name in columns and columns[name].filled == rows for name in profile.primary_key)
    cursor = snake_case(stream.cursor) if stream.cursor else ""
    followed = not rows or (cursor in columns and columns[cursor].filled > 0)
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
