"""What the test taps share: arguments, messages, a catalog. Standard library only."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": ["string", "null"]},
        "updated_at": {"type": ["string", "null"], "format": "date-time"},
        "price": {"type": ["number", "null"], "multipleOf": 0.01},
    },
}


def parse_arguments() -> argparse.Namespace:
    """Return the arguments of a tap; each file is read as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=_read, default={})
    parser.add_argument("--state", type=_read, default={})
    parser.add_argument("--catalog", type=_read, default={})
    parser.add_argument("--discover", action="store_true")
    return parser.parse_args()


def send(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def send_schema(stream: str) -> None:
    send(type="SCHEMA", stream=stream, schema=SCHEMA, key_properties=["id"])


def send_record(stream: str, number: int, *, names: frozenset[str] | None = None) -> None:
    record = {
        "id": number,
        "name": f"{stream} {number}",
        "updated_at": (FIRST + timedelta(seconds=number)).isoformat(),
        "price": number / 100,
    }
    chosen = {name: value for name, value in record.items() if names is None or name in names}
    send(type="RECORD", stream=stream, record=chosen)


def send_state(**bookmarks: Any) -> None:
    send(type="STATE", value={"bookmarks": bookmarks})


def discover(*streams: str) -> None:
    """Print the catalog, as a tap does for ``--discover``."""
    json.dump({"streams": [_describe(stream) for stream in streams]}, sys.stdout)


def serve_discovery(options: argparse.Namespace, *streams: str) -> None:
    """Print the catalog and end, where it is asked for."""
    if options.discover:
        discover(*streams)
        sys.exit(0)


def wait(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)


def root_metadata(entry: dict[str, Any]) -> dict[str, Any]:
    return next(
        (dict(each["metadata"]) for each in entry["metadata"] if not each["breadcrumb"]), {}
    )


def selected_properties(entry: dict[str, Any]) -> Iterator[str]:
    for each in entry["metadata"]:
        if each["breadcrumb"]:
            chosen = each["metadata"].get("selected")
            if chosen or each["metadata"].get("inclusion") == "automatic":
                yield each["breadcrumb"][1]


def _describe(stream: str) -> dict[str, Any]:
    root = {"table-key-properties": ["id"], "valid-replication-keys": ["updated_at"]}
    automatic = {"breadcrumb": ["properties", "id"], "metadata": {"inclusion": "automatic"}}
    others = [
        {"breadcrumb": ["properties", name], "metadata": {"inclusion": "available"}}
        for name in ("name", "updated_at", "price")
    ]
    return {
        "tap_stream_id": stream,
        "stream": stream,
        "key_properties": ["id"],
        "schema": SCHEMA,
        "metadata": [{"breadcrumb": [], "metadata": root}, automatic, *others],
    }


def _read(name: str) -> Any:
    return json.loads(Path(name).read_text(encoding="utf-8"))
