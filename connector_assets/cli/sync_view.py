"""Shows a sync while it runs: a line per step, progress in between, the verdict at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.padding import Padding
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from connector_assets.cli.sync_lines import BAD, GOOD, Line, describe_step
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.advice import suggest_next, tell_data
from connector_assets.lifecycle.setting import Observer
from connector_assets.model import Connector, Step, Verdict

_WIDTH = 96
_STYLES = {GOOD: "green", BAD: "bold red"}
_TELL_EVERY = 10.0


class SyncView(Observer):
    """Prints to ``console`` what an observer is told; a terminal gets a moving progress line.

    Without a terminal the progress comes as a line every ten seconds. ``verbose`` prints the
    sync's log too.
    """

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        self._console = console
        self._verbose = verbose
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("")
        self._step: Step | None = None
        self._rows: dict[str, int] = {}
        self._since = self._told = time.monotonic()
        self._reason = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def headline(self, connector: Connector, *, sync_id: str, environment: str) -> None:
        """Print what is synced, from where to where."""
        line = Text.assemble(
            (connector.name, "bold"),
            f"  {connector.engine}/{connector.source} -> {connector.target}   sync ",
            (sync_id, "cyan"),
            f"  env {environment}",
        )
        self._console.print(line, soft_wrap=True)

    def place(self, page: str) -> None:
        """Print the page of the run that is followed; whole, to be clicked."""
        self._console.print(f"    {page}", style="dim", markup=False, soft_wrap=True)

    def began(self, step: Step) -> None:
        """Show that a step is running."""
        self._step, self._rows, self._since = step, {}, time.monotonic()
        self._describe("")

    def progressed(self, event: Mapping[str, Any]) -> None:
        """Show phase, stream, rows and rate."""
        phase, stream, rows = event.get("phase", ""), event.get("stream", ""), event.get("rows", 0)
        if not stream:
            if phase == "extract":
                self._since = time.monotonic()
            self._describe(f"{phase}")
            return
        self._rows[stream] = rows
        total, took = sum(self._rows.values()), time.monotonic() - self._since
        rate = f", {total / took:,.0f} rows/s" if phase == "extract" and took > 0.5 else ""
        self._describe(f"{phase}  {stream} {rows:,} rows{rate}")

    def waits(self, reason: str) -> None:
        """Say once what is waited for."""
        if reason != self._reason:
            self._reason = reason
            self._print(Line(mark="..", label="waiting", text=reason.partition("\n")[0]))

    def notes(self, text: str) -> None:
        """Print what a person should do later."""
        self._print(Line(mark="..", label="note", text=text))

    def logged(self, line: Mapping[str, Any]) -> None:
        """Print a line of the log, where all of them are wanted."""
        if self._verbose:
            text = f"    {line.get('source', '')}: {line.get('event', '')}"
            self._console.print(text, style="dim", markup=False, soft_wrap=True)

    def ended(self, step: Step, *, seconds: float, layers: Mapping[str, Any]) -> None:
        """Print the lines of a step."""
        self._describe("")
        for line in describe_step(step, layers, seconds=seconds):
            self._print(line)

    def verdict(self, row: SyncRow) -> None:
        """Print how the sync ended: the verdict, the counts or the cause, and what to do next."""
        verdict = row.verdict or Verdict.UNKNOWN
        mark = GOOD if verdict.good else BAD
        text = verdict.replace("_", " ").upper()
        self._print(Line(mark=mark, label=Step.STATUS.value, text=text))
        if verdict.good:
            self._console.print(Padding(_render_counts(row), (0, 0, 0, 4), expand=False))
        else:
            self._console.print(_indent(row.cause, label="Cause"), markup=False, soft_wrap=True)
            fix = row.result.get("error", {}).get("fix", "")
            if fix:
                self._console.print(_indent(fix, label="Fix"), markup=False, soft_wrap=True)
            self._console.print(_indent(tell_data(row), label="Data"), soft_wrap=True)
        for number, command in enumerate(suggest_next(row)):
            self._console.print(f"{'next: ' if number == 0 else '      '}{command}", soft_wrap=True)

    def _describe(self, what: str) -> None:
        label = f"{self._step.value if self._step else '':<13} {what}"
        self._progress.update(self._task, description=label)
        if not self._console.is_terminal and what and time.monotonic() - self._told > _TELL_EVERY:
            self._told = time.monotonic()
            self._print(Line(mark="..", label=str(self._step), text=what))

    def _print(self, line: Line) -> None:
        grid = Table.grid(padding=(0, 1), expand=False)
        width = min(_WIDTH, self._console.width)
        grid.add_column(width=3, justify="right")
        grid.add_column(width=13)
        grid.add_column(width=max(20, width - 29), overflow="fold")
        grid.add_column(width=9, justify="right")
        style = _STYLES.get(line.mark, "")
        took = "" if line.seconds is None else f"{line.seconds:.1f} s"
        bold = style if line.label == Step.STATUS.value or line.mark == BAD else ""
        grid.add_row(
            Text(line.mark, style=style), line.label, Text(line.text, style=bold), Text(took)
        )
        self._console.print(grid)


def _render_counts(row: SyncRow) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("stream")
    for name in ("emitted", "staged", "in destination", "table total"):
        table.add_column(name, justify="right")
    for each in row.result["streams"]:
        counts = (each.get(key) for key in ("emitted", "staged", "in_destination", "total"))
        table.add_row(each["stream"], *("?" if one is None else f"{one:,}" for one in counts))
    return table


def _indent(text: str, *, label: str) -> str:
    return f"    {label:<6} " + text.replace("\n", "\n           ")
