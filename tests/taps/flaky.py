"""A tap whose source is not available, until the file in config ``until`` exists."""

from __future__ import annotations

import sys
from pathlib import Path

from _tap import parse_arguments, send_record, send_schema, send_state, serve_discovery

MESSAGE = "requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: https://x"

options = parse_arguments()
serve_discovery(options, "orders")
send_schema("orders")
for number in range(1, 11):
    send_record("orders", number)
until = options.config.get("until")
if not (until and Path(until).exists()):
    sys.stderr.write(MESSAGE + "\n")
    sys.exit(1)
send_state(orders={"id": 10})
