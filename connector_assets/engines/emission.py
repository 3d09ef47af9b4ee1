"""What a dlt resource gives, watched row by row: how many, which fields, and its key and cursor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector_assets.audit.drift import Drift
from connector_assets.errors import ConfigError, DriftBlocked, FatalSyncError
from connector_assets.model import DriftKind, Stream
from connector_assets.naming import column_name, snake_case

_ONE_ROW = (1,)
_NESTED = frozenset((dict, list))


class Emission:
    """What one resource gave so far.

    ``fields`` are those that its rows or Arrow tables had, ``nested`` those of them that came as
    objects or lists. ``known`` tells whether the stream was read before, ``follows`` whether rows
    without its cursor are let through.
    """

    def __init__(self, stream: Stream, *, known: bool = False, follows: bool = False) -> None:
        """Watch the rows of ``stream``."""
        self.rows = 0
        self.fields: set[str] = set()
        self.nested: set[str] = set()
        self._stream = stream
        self._known = known
        self._cursor = stream.cursor if follows else ""
        self._followed = 0
        #: The field of each part of the key that the connector declares, once it was seen.
        self._key: list[str] | None = None

    def take(self, item: Any) -> int:
        """Take note of one item and return its rows: Arrow tables come whole, others row by row.

        Raises:
            DriftBlocked: A row has no key, and the stream had one.
            ConfigError: A row has no key, and nobody knows whether any ever had.
        """
        rows: int = getattr(item, "shape", _ONE_ROW)[0]
        self.rows += rows
        if isinstance(item, dict):
            self._take_row(item)
        elif columns := getattr(item, "column_names", None):
            self.fields.update(columns)
        return rows

    def check_cursor(self) -> None:
        """Check that all rows had the cursor, or none: what that means is for the gate to say.

        Raises:
            FatalSyncError: Some rows had none; they would be missed, or come again and again.
        """
        missing = self.rows - self._followed
        if self._cursor and self._followed and missing:
            raise FatalSyncError(
                f"{missing:,} of {self.rows:,} rows have no value in {self._cursor!r}, which is the"
                " stream's cursor",
                stream=self._stream.name,
                fix="Follow a field that every row has, or read the stream as a whole.",
            )

    def _take_row(self, row: dict[str, Any]) -> None:
        self.fields.update(row)
        if not _NESTED.isdisjoint(map(type, row.values())):
            self.nested.update(name for name, value in row.items() if type(value) in _NESTED)
        if self._cursor and row.get(self._cursor) is not None:
            self._followed += 1
        if self._key is None:
            self._key = [self._find_key(name, row) for name in self._stream.primary_key]
        for field in self._key:
            # Empty: inside of another field, where only the table shows it.
            if field and row.get(field) is None:
                self._refuse_key(field)

    def _find_key(self, name: str, row: Mapping[str, Any]) -> str:
        if name in row:
            return name
        column = column_name(name)
        for field in filter(str.strip, row):
            if snake_case(field) == column:
                return field
            if column.startswith(f"{snake_case(field)}__"):
                return ""
        return name

    def _refuse_key(self, field: str) -> None:
        name, key = self._stream.name, self._stream.primary_key
        problem = f"a row has no value in {field!r}, which is part of the stream's primary key"
        fix = "Nothing was loaded. Give the stream another `primary_key:`"
        if not self._known:
            raise ConfigError(problem, stream=name, fix=f"{fix}.", valid=sorted(self.fields))
        error = DriftBlocked(problem, stream=name, fix=f"{fix}, or correct the source.")
        old = sorted(map(column_name, key))
        error.found = (Drift(kind=DriftKind.KEY_REMOVED, stream=name, old=old),)
        raise error
