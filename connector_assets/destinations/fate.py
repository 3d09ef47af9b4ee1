"""What becomes of the tables of a connector that is removed."""

from __future__ import annotations

from enum import StrEnum


class TableFate(StrEnum):
    """What becomes of tables: they stay, get another name, or go."""

    KEEP = "keep"
    ARCHIVE = "archive"
    DROP = "drop"
