"""Compares what the sources hold with what the destinations hold, column by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

WHOLE_ROW = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One stream: rows at both ends, and how many of its columns are equal."""

    stream: str
    table: str
    source_rows: int
    destination_rows: int
    columns: int
    different: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether every column, and every row as a whole, is the source's."""
        return not self.different


def compare_stream(
    stream: str, *, source: Mapping[str, Any], found: Sequence[Mapping[str, Any]]
) -> Comparison:
    """Compare a stream of source_counts.py with the answer that its query got.

    ``source`` has ``destination``, ``table``, ``rows`` and ``columns``; ``found`` one mapping per
    column. The entry ``*`` is over whole rows and counts as different, not as a column.
    """
    wanted = {**source["columns"]}
    answers = {row["column"]: {**row} for row in found}
    different = [
        name for name, profile in wanted.items() if answers.get(name) != {"column": name, **profile}
    ]
    return Comparison(
        stream=stream,
        table=f"{source['destination']}.{source['table']}",
        source_rows=source["rows"],
        destination_rows=int(answers.get(WHOLE_ROW, {}).get("rows", 0)),
        columns=len(wanted.keys() - {WHOLE_ROW}),
        different=tuple(sorted(different)),
    )


def render_comparisons(comparisons: Iterable[Comparison]) -> Table:
    """Return both ends side by side, one line per stream."""
    table = Table("stream", "table", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for header in ("source rows", "destination rows", "columns equal"):
        table.add_column(header, justify="right")
    for one in comparisons:
        equal = one.columns - len(set(one.different) - {WHOLE_ROW})
        style = "" if one.equal else "red"
        counts = (f"{one.source_rows:,}", f"{one.destination_rows:,}")
        table.add_row(one.stream, one.table, *counts, f"{equal} of {one.columns}", style=style)
    return table
