"""``connectors list``: the connectors of the project, broken ones too."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from connector_assets.cli.options import Usual, unpacked
from connector_assets.cli.output import WIDE
from connector_assets.cli.pause import render_pause

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from connector_assets.ledger.alert_records import Pause
    from connector_assets.model import Connector, Schedule
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)
_HEADERS = ("connector", "source", "destination", "streams", "schedule", "owner")
_LONGEST_WORD = 20
_SHORT_SCHEDULE = len("30 12 * * * UTC")


@app.command("list")
@unpacked
def list_connectors(*, usual: Usual) -> None:
    """List the connectors: from where, to where, when, and whose.

    A file that cannot be used is listed too, with how many errors it has.
    """
    from connector_assets.cli.context import load

    project = load(usual.project, usual.env, tolerate=True)
    pauses = _read_pauses(project)
    if usual.json:
        good = [_render(one, paused=pauses.get(one.name)) for one in project.connectors]
        usual.output.print_json([*good, *_render_broken(project)])
        return
    if project.connectors or project.broken:
        usual.output.print(_fit(project, usual.output.console, paused=pauses.keys()))
    else:
        usual.output.print("no connectors yet")
        usual.output.print_next("connectors new NAME --source SOURCE")
    if project.broken:
        usual.output.print_next("connectors validate")


def _read_pauses(project: Project) -> Mapping[str, Pause]:
    """Return which connectors are paused; a ledger that is not there yet is not made for it."""
    from connector_assets.cli.context import has_ledger, open_ledger
    from connector_assets.errors import ConnectorError

    if not has_ledger(project):
        return {}
    try:
        with open_ledger(project) as ledger:
            return ledger.pauses.active(environment=project.environment)
    except ConnectorError:
        # What the files say can be listed without it; `status` tells what is wrong with it.
        return {}


def _render(connector: Connector, *, paused: Pause | None) -> dict[str, Any]:
    schedule = connector.schedule
    return {
        "name": connector.name,
        "engine": str(connector.engine),
        "source": connector.source,
        "destination": connector.target,
        "streams": [stream.name for stream in connector.streams],
        "schedule": {"cron": schedule.cron, "timezone": schedule.timezone} if schedule else None,
        "paused": render_pause(paused),
        "owner": connector.owner,
        "depends_on": [*connector.depends_on],
        "file": connector.file.as_posix(),
        "errors": [],
    }


def _render_broken(project: Project) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "file": one.file.as_posix(),
            "errors": [error.to_record() for error in one.errors],
        }
        for one in project.broken
    ]


def _fit(project: Project, console: Console, *, paused: Collection[str]) -> Table:
    """Return the table; on a narrow terminal in more lines, without the count of streams."""
    from rich.measure import Measurement

    table = _build_table(project, narrow=False, paused=paused)
    wanted = Measurement.get(console, console.options.update(max_width=WIDE), table).maximum
    if wanted <= console.width:
        return table
    return _build_table(project, narrow=True, paused=paused)


def _build_table(project: Project, *, narrow: bool, paused: Collection[str]) -> Table:
    from rich.table import Table

    rows = [_cells(one, paused=one.name in paused) for one in project.connectors]
    headers = [one for one in _HEADERS if not (narrow and one == "streams")]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for header in headers:
        table.add_column(
            header,
            justify="right" if header == "streams" else "left",
            style="bold" if header == "connector" else "",
            overflow="fold",
            width=_narrow_width(header, rows) if narrow else None,
        )
    for row in rows:
        table.add_row(*(row[header] for header in headers))
    for broken in project.broken:
        errors = f"{len(broken.errors)} error{'' if len(broken.errors) == 1 else 's'}"
        table.add_row(broken.name or "?", broken.file.as_posix(), errors, style="bold red")
    return table


def _narrow_width(header: str, rows: Sequence[Mapping[str, str]]) -> int | None:
    """Return the width at which a column's lines break between words, None where they do not."""
    if header == "schedule":
        # The five fields stay in one line, with a zone as short as UTC.
        parts = [part for row in rows for part in row[header].rpartition(" ")]
        return max([_SHORT_SCHEDULE, *map(len, parts)])
    if header == "source":
        words = [word for row in rows for word in row[header].split()]
        return min(_LONGEST_WORD, max(map(len, [header, *words])))
    return None


def _cells(connector: Connector, *, paused: bool) -> dict[str, str]:
    schedule = render_schedule(connector.schedule)
    return {
        "connector": connector.name,
        "source": f"{connector.engine} {connector.source}",
        "destination": connector.target,
        "streams": str(len(connector.streams)),
        "schedule": f"paused ({schedule})" if paused else schedule,
        "owner": connector.owner,
    }


def render_schedule(schedule: Schedule | None) -> str:
    """Return a schedule in one line; without one a connector is synced by hand."""
    return f"{schedule.cron} {schedule.timezone}" if schedule else "by hand"
