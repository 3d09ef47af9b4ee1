"""A tap as it should be: catalog, selection, bookmarks.

Config: ``streams`` maps names to their rows (default: 10 orders, 5 customers); ``pause`` is a
number of seconds to wait after each hundredth record; ``say`` goes to standard error. A stream is
read from its bookmark on (excluded) where its replication method is INCREMENTAL.
"""

from __future__ import annotations

import sys
from typing import Any

from tap import (
    parse_arguments,
    root_metadata,
    selected_properties,
    send_record,
    send_schema,
    send_state,
    serve_discovery,
    wait,
)

ROWS = {"orders": 10, "customers": 5}


def main() -> None:
    options = parse_arguments()
    rows: dict[str, int] = options.config.get("streams") or ROWS
    serve_discovery(options, *rows)
    sys.stderr.write(f"config {sorted(options.config)} {options.config.get('say', '')}\n")
    bookmarks: dict[str, Any] = dict((options.state or {}).get("bookmarks", {}))
    for entry in options.catalog["streams"]:
        facts = root_metadata(entry)
        if not facts.get("selected"):
            continue
        name = entry["tap_stream_id"]
        incremental = facts.get("replication-method") == "INCREMENTAL"
        first = int(bookmarks.get(name, {}).get("id", 0)) if incremental else 0
        names = frozenset(selected_properties(entry))
        read(name, first=first, last=rows[name], names=names, pause=options.config.get("pause", 0))
        bookmarks[name] = {"id": rows[name], "facts": facts} if incremental else {}
        send_state(**bookmarks)


def read(name: str, *, first: int, last: int, names: frozenset[str], pause: float) -> None:
    send_schema(name)
    for number in range(first + 1, last + 1):
        send_record(name, number, names=names)
        if number % 100 == 0:
            wait(pause)


if __name__ == "__main__":
    main()
