"""A tap that sends a record and then nothing more, deaf to SIGTERM."""

from __future__ import annotations

import signal
import time

from _tap import parse_arguments, send_record, send_schema, serve_discovery

options = parse_arguments()
serve_discovery(options, "orders")
signal.signal(signal.SIGTERM, signal.SIG_IGN)
send_schema("orders")
send_record("orders", 1)
time.sleep(86_400)
