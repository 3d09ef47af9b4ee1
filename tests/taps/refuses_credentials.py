"""A tap whose source refuses the credentials; config: ``in_discovery``, ``message``."""

from __future__ import annotations

import sys

from _tap import parse_arguments, serve_discovery

MESSAGE = "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://x/orders"

options = parse_arguments()
if not options.config.get("in_discovery"):
    serve_discovery(options, "orders")
sys.stderr.write(options.config.get("message", MESSAGE) + "\n")
sys.exit(1)
