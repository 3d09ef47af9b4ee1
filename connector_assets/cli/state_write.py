"""The commands of ``connectors state`` that change one: set, restore, import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.context import load, open_ledger, who
from connector_assets.cli.options import Usual, unpacked
from connector_assets.errors import ConfigError

if TYPE_CHECKING:
    from connector_assets.cli.state_sources import Found
    from connector_assets.ledger.store import Ledger
    from connector_assets.lifecycle.state_changes import Changed, StateChange
    from connector_assets.model import Connector
    from connector_assets.project import Project

app = typer.Typer()

State = Mapping[str, Any]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The connector.")]
Streams = Annotated[
    list[str] | None,
    typer.Option("--stream", metavar="NAME", help="Only this stream; can be given again."),
]


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a state is changed, and what it is thought to be."""

    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why: kept in the ledger.")]
    expect: Annotated[
        int | None,
        typer.Option(
            "--expect",
            metavar="VERSION",
            help="Refuse, with exit code 13, where the live state is another version.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a state is imported from, and whether it may take the place of another one."""

    from_meltano: Annotated[
        Path | None,
        typer.Option(
            "--from-meltano",
            metavar="PATH",
            help="A Meltano project, its SQLite database, or a file of `meltano state get`.",
        ),
    ] = None
    state_id: Annotated[
        str,
        typer.Option("--state-id", metavar="ID", help="Which of Meltano's states."),
    ] = ""
    from_dlt: Annotated[
        str,
        typer.Option(
            "--from-dlt",
            metavar="PLACE",
            help="A dlt pipeline: PIPELINES_DIR/NAME, a DuckDB file that it loads into, or "
            "DESTINATION[.DATASET] of connectors.yaml.",
        ),
    ] = ""
    pipeline: Annotated[
        str,
        typer.Option("--pipeline", metavar="NAME", help="Which of the pipelines there."),
    ] = ""
    replace: Annotated[
        bool,
        typer.Option("--replace", metavar="", help="Take the place of the state that is there."),
    ] = False
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why: kept in the ledger.")] = ""


@app.command("set")
@unpacked
def set_(
    name: Name,
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="STREAM.KEY=VALUE", help="A key of `state show`, or a cursor."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="All of it, from a file of `state export`."),
    ] = None,
    *,
    reason: Reason,
    usual: Usual,
) -> None:
    """Set values of a connector's state, as a new version; the next sync goes on from there.

    A text stays a text, a number a number, a time keeps its kind. Rows at the new value are read
    again. With --file the whole state is that of the file, and is refused where the live state is
    no longer the version that was exported.
    """
    from connector_assets.lifecycle.state_changes import StateChange
    from connector_assets.state_file import load_state_file

    if bool(values) == (file is not None):
        raise typer.BadParameter("give STREAM.KEY=VALUE, or --file")
    project = load(usual.project, usual.env, tolerate=True)
    connector = project.connector(name)
    expect = reason.expect
    if file is not None and expect is None:
        exported = load_state_file(file)
        _check_environment(exported.environment, project, place=str(file))
        expect = exported.version
    change = StateChange(
        who=who(), why=reason.why, make=_make_set(values or (), file, connector), expect=expect
    )
    with open_ledger(project) as ledger:
        run_change(ledger, project, connector, change=change, usual=usual)


@app.command()
@unpacked
def restore(
    name: Name,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="A version of `state log`.")],
    stream: Streams = None,
    *,
    reason: Reason,
    usual: Usual,
) -> None:
    """Go back to an earlier version of a connector's state, as a new version.

    The next sync reads what a sync at that point would have read. Rows that are in the tables stay:
    of a stream that is appended to, they come a second time. ``connectors undo`` takes rows back.
    """
    from connector_assets.lifecycle.restoring import restore_positions
    from connector_assets.lifecycle.setting import Setting
    from connector_assets.lifecycle.state_changes import StateChange, list_names

    project = load(usual.project, usual.env, tolerate=True)
    connector = project.connector(name)
    with open_ledger(project) as ledger:
        environment = project.environment
        old = ledger.states.find(connector.name, environment=environment, version=version)
        streams = list_names(connector, stream or (), state=old.state)
        setting = Setting(project=project, ledger=ledger)
        change = StateChange(
            who=who(),
            why=f"{reason.why} (restored from version {version})",
            make=lambda state: restore_positions(
                setting, connector, old, live=state, streams=streams
            ),
            expect=reason.expect,
            behind=True,
        )
        run_change(ledger, project, connector, change=change, usual=usual)


@app.command("import")
@unpacked
def import_(
    name: Name,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A file of `state export`.")
    ] = None,
    *,
    origin: Origin,
    usual: Usual,
) -> None:
    """Make a state from elsewhere a connector's own: another environment's, Meltano's, dlt's.

    Rows that were loaded there stay there: the next sync loads what came after them. A connector
    that has a state keeps it, unless --replace.
    """
    from connector_assets.lifecycle.state_changes import StateChange

    project = load(usual.project, usual.env, tolerate=True)
    connector = project.connector(name)
    found = _find(file, origin, connector=connector, project=project)
    why = f"{origin.why + ' (' if origin.why else ''}imported from {found.origin}"
    change = StateChange(
        who=who(),
        why=f"{why})" if origin.why else why,
        make=lambda state: {**state, "sources": found.sources},
        expect=None if origin.replace else 0,
    )
    with open_ledger(project) as ledger:
        if not origin.replace:
            from connector_assets.lifecycle.carrying import check_stateless
            from connector_assets.lifecycle.setting import Setting

            fix = "Nothing was changed. To take its place: --replace"
            check_stateless(Setting(project=project, ledger=ledger), connector.name, fix=fix)
        run_change(ledger, project, connector, change=change, usual=usual)


def run_change(
    ledger: Ledger, project: Project, connector: Connector, *, change: StateChange, usual: Usual
) -> None:
    """Change a state, and print what moved and what comes next."""
    from connector_assets.lifecycle.setting import Setting
    from connector_assets.lifecycle.state_changes import change_state

    setting = Setting(project=project, ledger=ledger)
    with usual.output.waiting("changing the state ..."):
        changed = change_state(setting, connector, change=change)
    _print(changed, connector, change=change, usual=usual)


def _make_set(
    values: Sequence[str], file: Path | None, connector: Connector
) -> Callable[[State], State]:
    """Return what makes the new state of the live one: the file's, or some values of it set."""
    from connector_assets.cli.state_sources import load_exported
    from connector_assets.positions import list_positions, set_position, split_target

    def make(state: State) -> State:
        if file is not None:
            return {**state, "sources": load_exported(file, connector).sources}
        for text in values:
            stream, key, value = split_target(text, streams=list_positions(state))
            state = set_position(state, stream=stream, key=key, text=value)
        return state

    return make


def _print(changed: Changed, connector: Connector, *, change: StateChange, usual: Usual) -> None:
    from connector_assets.cli.state_table import build_moved, render_moved
    from connector_assets.model import WriteDisposition

    if usual.json:
        told = {"connector": connector.name, "version": changed.version, "why": change.why}
        told |= {"written": changed.written, "emptied": change.emptied}
        usual.output.print_json({**told, "moved": list(map(render_moved, changed.moved))})
        return
    if not changed.written:
        usual.output.print(
            f"the state of {connector.name} is that already, version "
            f"{changed.version}: nothing was written"
        )
        return
    if changed.moved:
        usual.output.print(build_moved(changed.moved))
    usual.output.print(f"state version {changed.version} of {connector.name}")
    appended = [one.name for one in connector.streams if one.write is WriteDisposition.APPEND]
    moved = {one.stream for one in changed.moved}
    if again := [one for one in appended if one in moved and one not in change.emptied]:
        usual.output.print(f"rows that are read again are appended again: {', '.join(again)}")
    usual.output.print_next(f"connectors sync {connector.name}")


def _find(file: Path | None, origin: Origin, *, connector: Connector, project: Project) -> Found:
    from connector_assets.cli.state_sources import find_dlt, find_meltano, load_exported

    if [file is not None, origin.from_meltano is not None, bool(origin.from_dlt)].count(True) != 1:
        raise typer.BadParameter("give a FILE, --from-meltano or --from-dlt")
    if origin.from_dlt:
        return find_dlt(origin.from_dlt, connector, pipeline=origin.pipeline, project=project)
    if origin.from_meltano:
        return find_meltano(
            origin.from_meltano,
            connector,
            state_id=origin.state_id,
            environment=project.environment,
        )
    assert file is not None
    return load_exported(file, connector)


def _check_environment(environment: str, project: Project, *, place: str) -> None:
    if environment != project.environment:
        raise ConfigError(
            f"the file is of environment {environment}, this is {project.environment}",
            place=place,
            fix="Nothing was changed. From another environment: connectors state import",
        )
