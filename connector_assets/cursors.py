"""The position of each stream, read out of a connector's state for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connector_assets.model import Connector

# dlt marks values of types that JSON lacks by one character of a private use area before them.
_MARKS = range(0xF026, 0xF03A)


def find_cursors(state: Mapping[str, Any], connector: Connector) -> dict[str, Any]:
    """Return the cursor's last value by stream; streams without one are left out.

    ``state`` is dlt's, as the ledger keeps it: incrementals of its resources, or the bookmarks of
    a Singer tap inside of it. A stream that has a bookmark is not left out, in whatever form: it
    is not read from its beginning.
    """
    followed = {stream.name: stream.cursor for stream in connector.streams if stream.cursor}
    found = dict(_dlt_cursors(state)) | dict(_singer_cursors(state, followed))
    return {name: value for name, value in found.items() if name in followed and value is not None}


def plain_value(value: Any) -> Any:
    """Return a value as people read it: without the character that marks its type."""
    if isinstance(value, str) and value and ord(value[0]) in _MARKS:
        return value[1:]
    return value


def _dlt_cursors(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for source in state.get("sources", {}).values():
        for name, resource in source.get("resources", {}).items():
            for incremental in resource.get("incremental", {}).values():
                yield name, plain_value(incremental.get("last_value"))


def _singer_cursors(
    state: Mapping[str, Any], followed: Mapping[str, str]
) -> Iterator[tuple[str, Any]]:
    for source in state.get("sources", {}).values():
        kept = source.get("singer_state") or {}
        # The specification leaves the form to the tap: the oldest have no `bookmarks` around it.
        bookmarks = kept.get("bookmarks") or kept
        for name, cursor in followed.items():
            if name in bookmarks:
                yield name, _read_bookmark(bookmarks[name], cursor=cursor)


def _read_bookmark(bookmark: Any, *, cursor: str) -> Any:
    """Return the value in a bookmark: the SDK's, one by the cursor's name, the only one, or all."""
    if not isinstance(bookmark, Mapping):
        return bookmark
    given = {key: value for key, value in bookmark.items() if value is not None}
    for key in ("replication_key_value", cursor):
        if key in given:
            return given[key]
    return next(iter(given.values())) if len(given) == 1 else given or None
