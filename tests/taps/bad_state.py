"""A tap whose STATE cannot be kept; config ``kind``: ``cut``, ``text``, ``none``, ``digits``."""

from __future__ import annotations

import sys

from _tap import parse_arguments, send_record, send_schema, serve_discovery

STATES = {
    "cut": '{"type": "STATE", "value": {"bookmarks": ',
    "text": '{"type": "STATE", "value": "2024-01-01"}',
    "none": '{"type": "STATE"}',
    "digits": '{"type": "STATE", "value": {"at": 0.12345678901234567890123}}',
}

options = parse_arguments()
serve_discovery(options, "orders")
send_schema("orders")
send_record("orders", 1)
sys.stdout.write(STATES[options.config.get("kind", "cut")] + "\n")
