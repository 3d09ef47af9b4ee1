"""A tap as it should be: catalog, selection, bookmarks.

Config: ``streams`` maps names to their rows (default: 10 orders, 5 customers); ``streams_file``
names a JSON file that does, where Meltano would split the names; ``pause`` is a number of seconds
to wait after each hundredth record. A stream is read from its bookmark on (excluded) where its
replication method is INCREMENTAL. The STATE also repeats the metadata of the streams, and the
configuration goes to standard error.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from _tap import (
    parse_arguments,
    root_metadata,
    selected_properties,
    send,
    send_record,
    send_schema,
    serve_discovery,
    wait,
)

ROWS = {"orders": 10, "customers": 5}


def main() -> None:
    options = parse_arguments()
    rows: dict[str, int] = options.config.get("streams") or ROWS
    if file := options.config.get("streams_file"):
        rows = json.loads(Path(file).read_text(encoding="utf-8"))
    serve_discovery(options, *rows)
    sys.stderr.write(f"config {json.dumps(options.config)}\n")
    bookmarks: dict[str, Any] = dict(options.state.get("bookmarks", {}))
    seen: dict[str, Any] = {}
    for entry in options.catalog["streams"]:
        facts = root_metadata(entry)
        if not facts.get("selected"):
            continue
        name = entry["tap_stream_id"]
        incremental = facts.get("replication-method") == "INCREMENTAL"
        first = int(bookmarks.get(name, {}).get("id", 0)) if incremental else 0
        names = frozenset(selected_properties(entry))
        read(name, first=first, last=rows[name], names=names, pause=options.config.get("pause", 0))
        bookmarks[name] = {"id": rows[name]} if incremental else {}
        seen[name] = facts
        send(type="STATE", value={"bookmarks": bookmarks, "facts": seen})


def read(name: str, *, first: int, last: int, names: frozenset[str], pause: float) -> None:
    send_schema(name)
    for number in range(first + 1, last + 1):
        send_record(name, number, names=names)
        if number % 100 == 0:
            wait(pause)


if __name__ == "__main__":
    main()
