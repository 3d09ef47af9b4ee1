"""Lines that an engine process adds to the log of its sync."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def print_event(text: str, *, level: str = "info", source: str = "engine") -> None:
    """Write one line of the sync's log to standard output; the run step redacts it."""
    content = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "event": text,
        "source": source,
    }
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()
