"""Replays what a file says: a source that is another one at the next sync.

Config: ``file`` names JSON with ``properties``, ``key`` and ``rows`` of the one stream ``orders``,
read anew by each discovery and each sync; ``asked`` a file that gets a letter for each sync.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from _tap import parse_arguments, send


def main() -> None:
    options = parse_arguments()
    content = json.loads(Path(options.config["file"]).read_text(encoding="utf-8"))
    schema = {"type": "object", "properties": content["properties"]}
    if options.discover:
        facts = {"inclusion": "available", "table-key-properties": content["key"]}
        stream = {
            "tap_stream_id": "orders",
            "stream": "orders",
            "schema": schema,
            "key_properties": content["key"],
            "metadata": [{"breadcrumb": [], "metadata": facts}],
        }
        json.dump({"streams": [stream]}, sys.stdout)
        return
    with Path(options.config["asked"]).open("a", encoding="utf-8") as asked:
        asked.write("x")
    send(type="SCHEMA", stream="orders", schema=schema, key_properties=content["key"])
    for row in content["rows"]:
        send(type="RECORD", stream="orders", record=row)


if __name__ == "__main__":
    main()
