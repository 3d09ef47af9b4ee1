"""A tap of a REST API that says itself which streams it has, and which fields they have.

Config: ``url`` of the index. Discovery asks the index; a sync reads the pages of the streams that
the catalog selects, from the bookmark on (excluded) where a stream is read by its cursor, and
sends the SCHEMA that the catalog has. A stream without a key or a cursor has none in its SCHEMA.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

from _tap import parse_arguments, root_metadata, send


def main() -> None:
    options = parse_arguments()
    url = options.config["url"]
    if options.discover:
        streams = [describe(one) for one in fetch(url)["streams"]]
        json.dump({"streams": streams}, sys.stdout)
        return
    bookmarks: dict[str, Any] = dict(options.state.get("bookmarks", {}))
    for entry in options.catalog["streams"]:
        facts = root_metadata(entry)
        if facts.get("selected"):
            cursor = facts.get("replication-key") or ""
            name = entry["tap_stream_id"]
            keys = entry["key_properties"]
            send(type="SCHEMA", stream=name, schema=entry["schema"], key_properties=keys)
            bookmarks[name] = read(url, name, cursor=cursor, since=bookmarks.get(name))
            send(type="STATE", value={"bookmarks": bookmarks})


def read(url: str, name: str, *, cursor: str, since: int | None) -> int | None:
    """Send the rows of a stream; return its new bookmark."""
    newest = since
    for row in rows(f"{url}/{name}", since=since if cursor else None):
        send(type="RECORD", stream=name, record=row)
        if cursor and row.get(cursor) is not None:
            newest = max(row[cursor], newest or 0)
    return newest


def rows(url: str, *, since: int | None) -> Iterator[dict[str, Any]]:
    following: str | None = url if since is None else f"{url}?since={since}"
    while following:
        page = fetch(following)
        yield from page["data"]
        following = page["next"]


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def describe(stream: dict[str, Any]) -> dict[str, Any]:
    root = {"inclusion": "available", "table-key-properties": stream["key"]}
    if stream["cursor"]:
        root["valid-replication-keys"] = [stream["cursor"]]
    return {
        "tap_stream_id": stream["name"],
        "stream": stream["name"],
        "key_properties": stream["key"],
        "schema": {"type": "object", "properties": stream["fields"]},
        "metadata": [{"breadcrumb": [], "metadata": root}],
    }


if __name__ == "__main__":
    main()
