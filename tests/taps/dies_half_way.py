"""A tap that sends records and a STATE, and then ends with exit code 3 (config: ``rows``)."""

from __future__ import annotations

import sys

from _tap import parse_arguments, send_record, send_schema, send_state, serve_discovery

options = parse_arguments()
serve_discovery(options, "orders")
rows = int(options.config.get("rows", 10))
send_schema("orders")
for number in range(1, rows + 1):
    send_record("orders", number)
send_state(orders={"id": rows})
sys.stderr.write("Traceback (most recent call last):\nKeyError: 'next_page'\n")
sys.exit(3)
