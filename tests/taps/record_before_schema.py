"""A tap that sends a RECORD before the SCHEMA of its stream."""

from __future__ import annotations

from _tap import parse_arguments, send_record, send_schema, serve_discovery

options = parse_arguments()
serve_discovery(options, "orders")
send_record("orders", 1)
send_schema("orders")
