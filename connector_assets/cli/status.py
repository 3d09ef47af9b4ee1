"""``connectors status``: how the last sync of each connector ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.options import Usual, unpacked
from connector_assets.cli.times import render_ago, render_duration, render_short_utc
from connector_assets.lifecycle.advice import suggest_next
from connector_assets.model import Verdict

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from connector_assets.ledger.records import SyncRow
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)
SHORT_ID = 8
_STYLES = {
    None: "cyan",
    Verdict.SUCCEEDED: "green",
    Verdict.SUCCEEDED_EMPTY: "green",
    Verdict.SUCCEEDED_WITH_DRIFT: "yellow",
    Verdict.SKIPPED: "yellow",
    Verdict.CANCELLED: "yellow",
    Verdict.UNKNOWN: "magenta",
}


@app.command()
@unpacked
def status(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One connector; else all.")] = "",
    *,
    usual: Usual,
) -> None:
    """Show how the last sync of each connector ended.

    Reads the ledger and opens no destination, so it never stands in a sync's way. With --json it
    prints a list with one object per connector that was ever synced.
    """
    from connector_assets.cli.context import load, open_ledger
    from connector_assets.cli.sync_json import render_sync

    project = load(usual.project, usual.env, tolerate=True)
    names = _pick(project, name)
    with open_ledger(project) as ledger:
        rows = ledger.history.last(environment=project.environment, connectors=names)
    if usual.output.as_json:
        usual.output.print_json([render_sync(row) for row in rows])
        return
    if not names:
        usual.output.print("no connectors yet")
        usual.output.print_next("connectors new NAME --source SOURCE")
        return
    by_name = {row.connector: row for row in rows}
    usual.output.print(_render_table(project, names, rows=by_name), *_explain(rows))
    usual.output.print(f"environment {project.environment}, ledger {ledger.place}")


def _pick(project: Project, name: str) -> list[str]:
    """Return the names to show; a broken file does not hide how its connector's syncs ended."""
    from connector_assets.cli.context import list_names

    names = list_names(project)
    if name and name not in names:
        project.connector(name)
    return [name] if name else names


def _render_table(project: Project, names: Sequence[str], *, rows: Mapping[str, SyncRow]) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for header in ("connector", "engine", "verdict", "ended", "", "rows", "sync"):
        table.add_column(header, justify="right" if header == "rows" else "left")
    engines = {one.name: one.engine for one in project.connectors}
    for name in names:
        never = (engines.get(name, ""), "never synced")
        table.add_row(name, *(_cells(rows[name]) if name in rows else never))
    return table


def _cells(row: SyncRow) -> Iterator[str | Text]:
    yield row.engine
    yield render_verdict(row.verdict)
    now = datetime.now(UTC)
    if row.ended_at is None:
        yield f"for {render_duration((now - row.started_at).total_seconds()) or 'seconds'}"
        yield render_short_utc(row.started_at, now=now)
    else:
        yield render_ago(row.ended_at, now=now)
        yield render_short_utc(row.ended_at, now=now)
    yield _render_rows(row)
    yield row.sync_id[:SHORT_ID]


def render_verdict(verdict: Verdict | None) -> Text:
    """Return a verdict in words and in its colour; one that is not there yet is ``running``."""
    from rich.text import Text

    words = "running" if verdict is None else verdict.replace("_", " ")
    return Text(words, style=_STYLES.get(verdict, "bold red"))


def _render_rows(row: SyncRow) -> str:
    counts = [each.get("in_destination") for each in row.result.get("streams", ())]
    known = [count for count in counts if count is not None]
    return f"{sum(known):,}" if known and len(known) == len(counts) else "?"


def _explain(rows: Sequence[SyncRow]) -> Iterator[Text]:
    """Yield why each sync that is not simply well ended as it did, and what to do about it."""
    from rich.text import Text

    plain = (None, Verdict.SUCCEEDED, Verdict.SUCCEEDED_EMPTY)
    for row in rows:
        if row.verdict not in plain:
            fix = row.result.get("error", {}).get("fix", "")
            cause = row.cause.partition("\n")[0]
            yield Text.assemble("\n", (row.connector, "bold"), f"  {cause}")
            for line in (*fix.splitlines(), *suggest_next(row)):
                yield Text(f"    {line}", style="dim")
