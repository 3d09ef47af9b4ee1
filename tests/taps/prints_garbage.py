"""A tap that prints a line that is not JSON among its records."""

from __future__ import annotations

import sys

from _tap import parse_arguments, send_record, send_schema, send_state, serve_discovery

options = parse_arguments()
serve_discovery(options, "orders")
send_schema("orders")
send_record("orders", 1)
sys.stdout.write("Retrying request to server7 in 3 seconds\n")
send_record("orders", 2)
send_state(orders={"id": 2})
