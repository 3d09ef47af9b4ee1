"""A tap that waits half-way, as long as the file in config ``hold`` exists; ``rows`` are its rows.

It is read from its bookmark on, excluded. While it waits there is a file beside ``hold``, with
``.held`` at its end.
"""

from __future__ import annotations

import time
from pathlib import Path

from _tap import parse_arguments, send_record, send_schema, send_state, serve_discovery

options = parse_arguments()
serve_discovery(options, "orders")
rows, hold = int(options.config["rows"]), Path(options.config["hold"])
bookmark = (options.state or {}).get("bookmarks", {}).get("orders", {})
first = int(bookmark.get("replication_key_value", 0)) + 1
send_schema("orders")
for number in range(first, rows + 1):
    send_record("orders", number)
    if number == (first + rows) // 2 and hold.exists():
        held = hold.with_name(f"{hold.name}.held")
        held.touch()
        while hold.exists():
            time.sleep(0.05)
        held.unlink()
send_state(orders={"replication_key": "id", "replication_key_value": rows})
