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
    a Singer tap inside of it.
    """
    found = dict(_dlt_cursors(state)) | dict(_singer_cursors(state))
    names = {stream.name for stream in connector.streams if stream.cursor}
    return {name: value for name, value in found.items() if name in names and value is not None}


def _dlt_cursors(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for source in state.get("sources", {}).values():
        for name, resource in source.get("resources", {}).items():
            for incremental in resource.get("incremental", {}).values():
                yield name, _plain(incremental.get("last_value"))


def _singer_cursors(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for source in state.get("sources", {}).values():
        bookmarks = (source.get("singer_state") or {}).get("bookmarks", {})
        for name, bookmark in bookmarks.items():
            if isinstance(bookmark, Mapping):
                yield name, bookmark.get("replication_key_value")


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value and ord(value[0]) in _MARKS:
        return value[1:]
    return value
