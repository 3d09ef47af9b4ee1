"""A tap that declares an integer and sends what it is told to (config: ``amount``)."""

from __future__ import annotations

import json
import sys

from _tap import parse_arguments, send

SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "amount": {"type": ["integer", "null"]}},
}

options = parse_arguments()
if options.discover:
    breadcrumbs: list[list[str]] = [[], ["properties", "id"], ["properties", "amount"]]
    metadata = [{"breadcrumb": each, "metadata": {"selected": True}} for each in breadcrumbs]
    stream = {"tap_stream_id": "orders", "stream": "orders", "key_properties": ["id"]}
    json.dump({"streams": [{**stream, "schema": SCHEMA, "metadata": metadata}]}, sys.stdout)
    sys.exit(0)
send(type="SCHEMA", stream="orders", schema=SCHEMA, key_properties=["id"])
for number, amount in enumerate((1, float(options.config.get("amount", 1)), 3), start=1):
    send(type="RECORD", stream="orders", record={"id": number, "amount": amount})
