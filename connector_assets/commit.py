"""Checkpoints: when a sync commits what it has read so far, and goes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """After how many rows, or seconds, a sync commits; one of the two is None."""

    every_rows: int | None = None
    every: float | None = None

    def is_due(self, *, rows: int, seconds: float) -> bool:
        """Tell whether what was read since the last commit is enough for one; no rows never are."""
        if self.every_rows is not None:
            return rows >= self.every_rows
        return rows > 0 and self.every is not None and seconds >= self.every
