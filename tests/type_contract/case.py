"""What one case of the type contract is: values as each engine gets them, and what arrives."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from connector_assets.model import NaiveTimes


class Way(StrEnum):
    """How values come: from a tap's JSON, or from a dlt resource, in one of two forms."""

    TAP = "a Singer tap"
    ROWS = "dlt, rows"
    TABLE = "dlt, Arrow tables"


@dataclass(frozen=True, slots=True)
class Arrives:
    """The column's type in DuckDB, and the values read back, row by row.

    ``column`` is another one than the case's name; ``[]`` at its end means the values of a child
    table, by way of its column ``value``.
    """

    type: str
    values: tuple[Any, ...]
    column: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """What the error says; ``masked`` is the value as it is shown, empty where a name is wrong."""

    reason: str
    masked: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """The values of some rows: JSON text of a tap, Python's objects, an Arrow array.

    ``kind`` is the property's JSON Schema, or dlt's hints of the column.
    """

    values: Any
    outcome: Arrives | Refused
    kind: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case; ``name`` is the column, ``names`` are several that get the same values."""

    section: str
    name: str
    title: str
    sent: dict[Way, Sent]
    naive_times: NaiveTimes | None = None
    names: tuple[str, ...] = field(default=())

    @property
    def columns(self) -> tuple[str, ...]:
        """The names that the source has for it."""
        return self.names or (self.name,)

    @property
    def stream(self) -> str:
        """The stream that it is a column of where it arrives: one for each policy."""
        return str(self.naive_times or "unsaid")
