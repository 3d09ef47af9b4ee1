"""The progress file: one JSON line per phase and stream, at most one a second."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path


class Progress:
    """Appends ``{"at", "phase", "stream", "rows"}`` lines; ``rows`` is the stream's total so far.

    Without a path it writes nothing. A line is one write, so a reader never sees half of one.
    """

    def __init__(self, path: Path | None, *, interval: float = 1.0) -> None:
        """Append to ``path``; ``interval`` is in seconds."""
        self._path = path
        self._interval = interval
        self._rows: Counter[str] = Counter()
        self._phase = ""
        self._written = 0.0

    def enter(self, phase: str) -> None:
        """Note that ``phase`` begins, after what the one before it reached."""
        if self._phase:
            for stream, rows in self._rows.items():
                self._write(self._phase, stream, rows)
        self._phase = phase
        self._write(phase, "", 0)

    def advance(self, phase: str, stream: str, *, rows: int) -> None:
        """Add ``rows`` to ``stream``; written at most once an interval."""
        self._phase = phase
        self._rows[stream] += rows
        if time.monotonic() - self._written >= self._interval:
            self._write(phase, stream, self._rows[stream])

    def _write(self, phase: str, stream: str, rows: int) -> None:
        if self._path is None:
            return
        at = datetime.now(UTC).isoformat()
        line = json.dumps({"at": at, "phase": phase, "stream": stream, "rows": rows})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._written = time.monotonic()
