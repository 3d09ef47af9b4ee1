"""``connectors logs``: what the platform, the engine, the tap and the target said in a sync."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from connector_assets.cli.output import Output
    from connector_assets.ledger.records import SyncRow
    from connector_assets.ledger.store import Ledger
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How much of a log is read."""

    lines: Annotated[
        int | None, typer.Option("--lines", "-n", min=0, metavar="N", help="Only the last N.")
    ] = None
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", metavar="", help="Go on until the sync has ended."),
    ] = False


@app.command()
@unpacked
def logs(
    sync: Annotated[
        str,
        typer.Argument(
            metavar="SYNC", help="A sync's id, its first characters, or a connector's name."
        ),
    ] = "",
    *,
    reading: Reading,
    usual: Usual,
) -> None:
    """Print the log of a sync: what the platform, the engine and the tap said.

    Without a name it is the newest sync's. With --json the lines come as they are stored, one
    JSON object each.
    """
    from connector_assets.cli.context import load, open_ledger
    from connector_assets.cli.log_lines import print_lines

    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger:
        row = find_sync(project, ledger, sync)
        if not usual.json:
            _print_headline(usual.output, row)
        lines = _read(project, ledger, row, reading=reading)
        count = print_lines(lines, as_json=usual.json)
    if not (count or usual.json):
        usual.output.print("(nothing was logged)")


def find_sync(project: Project, ledger: Ledger, sync: str) -> SyncRow:
    """Return the sync that a word means: its id, the beginning of it, or a connector's newest.

    Raises:
        ConfigError: It means none.
    """
    from connector_assets.cli.context import list_names
    from connector_assets.errors import ConfigError

    names = list_names(project)
    environment = project.environment
    rows = ledger.history.recent(environment=environment, connector=sync or None, limit=1)
    # A connector that was removed has a name still.
    if sync and not rows and sync not in names:
        try:
            return ledger.history.find(sync)
        except ConfigError as error:
            if "no sync starts" not in error.problem:
                raise
            raise ConfigError(
                f"{sync!r} is neither a connector nor the start of a sync's id",
                place=error.place,
                value=sync,
                valid=names,
            ) from error
    if not rows:
        what = f"the connector {sync!r} was" if sync else "no connector was ever"
        never = f"{what} never synced" if sync else f"{what} synced"
        raise ConfigError(
            f"{never} in the environment {environment!r}",
            place=ledger.place,
            fix=f"Sync it: connectors sync {sync or 'NAME'}",
        )
    return rows[0]


def _read(project: Project, ledger: Ledger, row: SyncRow, *, reading: Reading) -> Iterable[str]:
    from connector_assets.artifacts import log_file, read_log
    from connector_assets.cli.log_lines import follow, last_lines

    artifacts, work, sync_id = project.artifacts, project.work, row.sync_id
    local = log_file(artifacts, connector=row.called, sync_id=sync_id, work=work)
    running = row.verdict is None
    if reading.follow and (running or local.is_file()):

        def has_ended() -> bool:
            return ledger.history.find(sync_id).verdict is not None

        return follow(local, has_ended=has_ended, count=reading.lines)
    if running and not local.is_file():
        return []
    lines = read_log(artifacts, connector=row.called, sync_id=sync_id, work=work)
    return last_lines(lines, reading.lines)


def _print_headline(output: Output, row: SyncRow) -> None:
    from rich.text import Text

    from connector_assets.cli.status_table import render_verdict
    from connector_assets.cli.times import render_utc

    output.print(
        Text.assemble(
            (row.connector, "bold"),
            f"  sync {row.sync_id}  attempt {row.attempt}  {render_utc(row.started_at)}  ",
            render_verdict(row.verdict),
        )
    )
