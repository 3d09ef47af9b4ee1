"""Where a Singer stream is cut so that what was read so far can be committed by itself.

Only at a STATE whose position covers every record before it and none after: the next sync, should
this one fail, goes on from there, and an appended row that it sent again would be there twice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from connector_assets.commit import Commit
from connector_assets.errors import ConfigError
from connector_assets.model import Stream, WriteDisposition


class Checkpoints:
    """Counts the records since the last cut, and says at which STATE the next one is."""

    def __init__(self, commit: Commit | None = None) -> None:
        """Without ``commit`` nothing is cut."""
        self._commit = commit
        self._read: Counter[str] = Counter()
        self._appended: set[str] = set()
        self._began = time.monotonic()
        self._exact = False

    def begin(self) -> None:
        """Begin a part."""
        self._read.clear()
        self._appended.clear()
        self._began = time.monotonic()
        self._exact = False

    def count(self, stream: Stream, *, rows: int) -> None:
        """Add records that were read."""
        self._read[stream.name] += rows
        if stream.write is WriteDisposition.APPEND:
            self._appended.add(stream.name)

    def keep_order(self, held: int) -> bool:
        """Tell whether a STATE must not be moved behind the records after it; ``held`` are read.

        From the first yes on it is yes until the cut.
        """
        if self._commit is not None and not self._exact:
            rows = self._read.total() + held
            seconds = time.monotonic() - self._began
            self._exact = self._commit.is_due(rows=rows, seconds=seconds)
        return self._exact

    def cuts_at(self, state: Mapping[str, Any]) -> bool:
        """Tell whether the part ends with this STATE."""
        return self._exact and self._read.total() > 0 and self._covers(state)

    def refuse_versions(self, stream: str) -> None:
        """Refuse a tap that replaces a table by a new version of it.

        Raises:
            ConfigError: Where there are checkpoints: half of a version would take the old one away.
        """
        if self._commit is not None:
            raise ConfigError(
                "the tap replaces the table by ACTIVATE_VERSION, which is only whole at its end",
                stream=stream,
                fix="Move the stream into another connector, or remove `commit:`.",
            )

    def _covers(self, state: Mapping[str, Any]) -> bool:
        """Tell whether a state says of each appended stream how far it was read.

        ``progress_markers`` are what the Singer SDK writes of a stream whose rows come unsorted:
        they are no position until it ends.
        """
        bookmarks = state.get("bookmarks")
        if not self._appended:
            return True
        if not isinstance(bookmarks, Mapping):
            return False
        marks = [bookmarks.get(name) for name in self._appended]
        return all(isinstance(one, Mapping) and _is_position(one) for one in marks)


def _is_position(mark: Mapping[str, Any]) -> bool:
    return not mark.get("progress_markers") and any(
        value not in (None, "") for key, value in mark.items() if key != "replication_key"
    )
