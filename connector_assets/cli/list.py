"""``connectors list``: the connectors of the project, broken ones too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from rich.table import Table

    from connector_assets.model import Connector, Schedule
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)


@app.command("list")
@unpacked
def list_connectors(*, usual: Usual) -> None:
    """List the connectors: from where, to where, when, and whose.

    A file that cannot be used is listed too, with how many errors it has.
    """
    from connector_assets.cli.context import load

    project = load(usual.project, usual.env, tolerate=True)
    if usual.json:
        usual.output.print_json([*map(_render, project.connectors), *_render_broken(project)])
        return
    if project.connectors or project.broken:
        usual.output.print(_build_table(project))
    else:
        usual.output.print("no connectors yet")
        usual.output.print_next("connectors new NAME --source SOURCE")
    if project.broken:
        usual.output.print_next("connectors validate")


def _render(connector: Connector) -> dict[str, Any]:
    schedule = connector.schedule
    return {
        "name": connector.name,
        "engine": str(connector.engine),
        "source": connector.source,
        "destination": connector.target,
        "streams": [stream.name for stream in connector.streams],
        "schedule": {"cron": schedule.cron, "timezone": schedule.timezone} if schedule else None,
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


def _build_table(project: Project) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("connector", style="bold")
    for header in ("source", "destination"):
        table.add_column(header, overflow="fold")
    table.add_column("streams", justify="right")
    for header in ("schedule", "owner"):
        table.add_column(header, overflow="fold")
    for one in project.connectors:
        source = f"{one.engine} {one.source}"
        count = str(len(one.streams))
        table.add_row(one.name, source, one.target, count, render_schedule(one.schedule), one.owner)
    for broken in project.broken:
        errors = f"{len(broken.errors)} error{'' if len(broken.errors) == 1 else 's'}"
        table.add_row(broken.name or "?", broken.file.as_posix(), errors, style="bold red")
    return table


def render_schedule(schedule: Schedule | None) -> str:
    """Return a schedule in one line; without one a connector is synced by hand."""
    return f"{schedule.cron} {schedule.timezone}" if schedule else "by hand"
