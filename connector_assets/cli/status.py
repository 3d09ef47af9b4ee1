"""``connectors status``: how each connector stands: set up, last sync, in time."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.options import Usual, unpacked
from connector_assets.cli.status_json import render_standing

if TYPE_CHECKING:
    from rich.console import RenderableType

    from connector_assets.lifecycle.standing import Standing
    from connector_assets.project import Project

app = typer.Typer(add_completion=False)
#: Seconds between two looks of ``--watch``.
_EVERY = 2.0


@app.command()
@unpacked
def status(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One connector; else all.")] = "",
    watch: Annotated[
        bool,
        typer.Option("--watch", metavar="", help="Show it anew every two seconds, until Ctrl-C."),
    ] = False,
    *,
    usual: Usual,
) -> None:
    """Show how each connector stands: is it set up, did its last sync work, is it in time.

    Set up: its file is valid, its secrets are there where this runs (those of commands are not
    asked for), and it has a lock. In time: something was started when its schedule came round.
    Reads the ledger and opens no destination, so it never stands in a sync's way. With --json it
    prints a list with one object per connector.
    """
    if watch:
        _watch(name, usual=usual)
        return
    project, standings, place = _read(name, usual=usual)
    if usual.json:
        usual.output.print_json([render_standing(one) for one in standings])
        return
    if not standings:
        usual.output.print("no connectors yet")
        usual.output.print_next("connectors new NAME --source SOURCE")
        return
    usual.output.print(_render(standings, usual=usual))
    usual.output.print(f"environment {project.environment}, ledger {place}")


def _read(name: str, *, usual: Usual) -> tuple[Project, list[Standing], str]:
    from connector_assets.cli.context import load, open_ledger
    from connector_assets.lifecycle.standing import read_standings

    project = load(usual.project, usual.env, tolerate=True)
    names = _pick(project, name)
    with open_ledger(project) as ledger:
        found = read_standings(project, ledger, names=names, now=datetime.now(UTC))
        return project, found, ledger.place


def _pick(project: Project, name: str) -> list[str]:
    """Return the names to show; a broken file does not hide how its connector's syncs ended."""
    from connector_assets.cli.context import list_names

    names = list_names(project)
    if name and name not in names:
        project.connector(name)
    return [name] if name else names


def _render(standings: list[Standing], *, usual: Usual) -> RenderableType:
    from rich.console import Group

    from connector_assets.cli.status_table import explain, fit_table

    now = datetime.now(UTC)
    table = fit_table(standings, console=usual.output.console, now=now)
    return Group(table, *explain(standings))


def _watch(name: str, *, usual: Usual) -> None:
    """Show the standings until Ctrl-C; what cannot be read for a while is shown, too."""
    from rich.live import Live

    from connector_assets.errors import ConfigError

    if usual.json:
        fix = "Ask for it again and again: connectors status --json"
        raise ConfigError("what is shown anew is no JSON", place="--watch --json", fix=fix)
    # What is wrong from the start ends the command.
    shown = _look(name, usual=usual)
    with suppress(KeyboardInterrupt), Live(shown, console=usual.output.console) as live:
        while True:
            time.sleep(_EVERY)
            live.update(_look_again(name, usual=usual), refresh=True)


def _look(name: str, *, usual: Usual) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    project, standings, place = _read(name, usual=usual)
    at = f"{datetime.now(UTC):%H:%M:%SZ}"
    footer = Text(f"{at}, environment {project.environment}, ledger {place}; Ctrl-C ends it")
    return Group(_render(standings, usual=usual), footer)


def _look_again(name: str, *, usual: Usual) -> RenderableType:
    from rich.text import Text

    from connector_assets.errors import ConnectorError

    try:
        return _look(name, usual=usual)
    except ConnectorError as error:
        return Text(str(error), style="red")
