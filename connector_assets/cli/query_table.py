"""An answer as people see it: a table that fits, or a few rows one below the other."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from connector_assets.cli.output import clean

if TYPE_CHECKING:
    from rich.console import Console

    from connector_assets.destinations.query import Answer

GAP = 2
# A column may be cut down to this before others are left out.
NARROW = 12
STANDING_ROWS = 3


def print_answer(console: Console, answer: Answer) -> None:
    """Print the rows, how many there are, and what is not shown of them."""
    cells = [[render_value(value) for value in row] for row in answer.rows]
    widths = _measure(answer, cells)
    shown = _count_fitting(widths, width=console.width)
    if shown < len(answer.columns) and len(cells) <= STANDING_ROWS:
        for row in cells:
            console.print(_render_standing(answer, row))
        shown = len(answer.columns)
    else:
        console.print(_render_table(answer, cells, widths=widths[:shown]))
    console.print(Text(_describe(answer, shown=shown), style="dim"), soft_wrap=True)


def render_value(value: Any) -> Text:
    """Return a JSON value as text in one line; NULL is told from the text NULL by its style."""
    if value is None:
        return Text("NULL", style="dim italic")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Text(clean(text).replace("\n", "\\n").replace("\t", "\\t"))


def _measure(answer: Answer, cells: list[list[Text]]) -> list[int]:
    """Return how wide each column must at least be."""
    return [
        min(NARROW, max([cell_len(clean(name)), *(row[number].cell_len for row in cells)]))
        for number, name in enumerate(answer.columns)
    ]


def _count_fitting(widths: list[int], *, width: int) -> int:
    """Return how many columns, from the first, fit side by side; at least one."""
    ends = accumulate(widths, lambda end, each: end + GAP + each)
    return max(1, sum(end <= width for end in ends))


def _render_table(answer: Answer, cells: list[list[Text]], *, widths: list[int]) -> Table:
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for name, numeric, width in zip(answer.columns, answer.numeric, widths, strict=False):
        table.add_column(
            Text(clean(name)),
            justify="right" if numeric else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=width,
        )
    for row in cells:
        table.add_row(*row[: len(widths)])
    return table


def _render_standing(answer: Answer, row: list[Text]) -> Table:
    grid = Table(box=None, show_header=False, padding=(0, GAP, 0, 0), pad_edge=False)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in zip(answer.columns, row, strict=True):
        grid.add_row(Text(clean(name)), value)
    grid.add_row("", "")
    return grid


def _describe(answer: Answer, *, shown: int) -> str:
    count = len(answer.rows)
    rows = f"{count:,} row{'' if count == 1 else 's'}"
    if answer.cut:
        rows = f"the first {rows}, there are more: --limit N"
    if shown < len(answer.columns):
        left_out = len(answer.columns) - shown
        rows += f"; {left_out} more columns: select fewer, or --json, or --csv"
    return rows
