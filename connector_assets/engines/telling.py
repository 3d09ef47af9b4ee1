"""Lines that a worker adds to the log of its sync."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def tell(text: str, *, source: str, level: str = "info") -> None:
    """Write one line of the log: what happened, and who says so; the run step redacts it."""
    content = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "event": text,
        "source": source,
    }
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()
