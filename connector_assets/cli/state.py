"""``connectors state``: where a connector stands, since when, by whom; and how that is changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli import state_write
from connector_assets.cli.context import load, open_ledger
from connector_assets.cli.options import Usual, unpacked
from connector_assets.cli.state_write import Name, Streams

if TYPE_CHECKING:
    from connector_assets.ledger.records import StateVersion
    from connector_assets.ledger.store import Ledger
    from connector_assets.model import Connector
    from connector_assets.project import Project
    from connector_assets.state_file import StateFile

app = typer.Typer(help="Where a connector goes on: every version, who made it, and why.")

#: Versions that are looked through for those of a stream.
_LOOKED_AT = 1000


@app.command()
@unpacked
def log(
    name: Name,
    stream: Streams = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, metavar="N", help="So many versions.")
    ] = 20,
    *,
    usual: Usual,
) -> None:
    """List the versions of a connector's state, the newest first: when, by whom, why.

    From the ledger alone: the destination is not opened.
    """
    from connector_assets.cli.state_table import build_log, render_log

    project = load(usual.project, usual.env, tolerate=True)
    streams = stream or ()
    with open_ledger(project) as ledger:
        connector = _find_connector(ledger, project, name)
        # One more than is shown, to tell what moved in the last of them.
        looked = _LOOKED_AT if streams else limit + 1
        versions = ledger.states.versions(
            connector.name, environment=project.environment, limit=looked
        )
    rows = render_log(versions, streams=streams, limit=limit)
    if usual.json:
        usual.output.print_json(rows)
    elif rows:
        usual.output.print(build_log(rows))
    else:
        of = f" of {', '.join(streams)}" if streams else ""
        usual.output.print(f"no state{of} yet in environment {project.environment}")
        usual.output.print_next(f"connectors sync {connector.name}")


@app.command()
@unpacked
def show(
    name: Name,
    version: Annotated[
        int | None, typer.Argument(metavar="[VERSION]", help="A version; else the newest.")
    ] = None,
    stream: Streams = None,
    *,
    usual: Usual,
) -> None:
    """Show what a connector goes on from, by stream and key.

    Texts of times and decimals are shown as people read them; ``--json`` has the state as it is
    kept, too.
    """
    from connector_assets.cli.state_table import (
        build_positions,
        render_positions,
        render_version,
    )

    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger:
        connector = _find_connector(ledger, project, name)
        found = _find(ledger, project, connector, version=version)
    positions = render_positions(found, streams=stream or ())
    if usual.json:
        told = {**render_version(found), "streams": positions, "state": _sources(found)}
        usual.output.print_json(told)
        return
    usual.output.print(f"version {found.version}, {found.who}: {found.why}")
    if positions:
        usual.output.print(build_positions(positions))
    else:
        usual.output.print("nothing is kept: the next sync reads from the beginning")


@app.command()
@unpacked
def diff(
    name: Name,
    old: Annotated[int, typer.Argument(metavar="A", help="A version.")],
    new: Annotated[
        int | None, typer.Argument(metavar="[B]", help="Another one; else the newest.")
    ] = None,
    stream: Streams = None,
    *,
    usual: Usual,
) -> None:
    """Show what differs between two versions of a connector's state, by stream and key."""
    from connector_assets.cli.state_table import build_moved, render_moved, select_moved
    from connector_assets.positions import diff_positions

    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger:
        connector = _find_connector(ledger, project, name)
        before = _find(ledger, project, connector, version=old)
        after = _find(ledger, project, connector, version=new)
    moved = select_moved(diff_positions(before.state, after.state), stream or ())
    if usual.json:
        told = {"from": before.version, "to": after.version}
        usual.output.print_json({**told, "moved": list(map(render_moved, moved))})
    elif moved:
        usual.output.print(build_moved(moved))
    else:
        usual.output.print(f"versions {before.version} and {after.version} are the same")


@app.command()
@unpacked
def export(
    name: Name,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The file; else it is printed.")
    ] = None,
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help="A version; else the newest.")
    ] = None,
    *,
    usual: Usual,
) -> None:
    """Write a connector's state as JSON, for another environment or to be changed and set.

    The shape is that of ``connectors schema state``.
    """
    from connector_assets.state_file import render_state_file

    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger:
        connector = _find_connector(ledger, project, name)
        found = _find(ledger, project, connector, version=version)
    text = render_state_file(_build_file(found, connector, project))
    if file is None:
        usual.output.write(text)
        return
    file.write_text(text, encoding="utf-8")
    if usual.json:
        usual.output.print_json({"written": file, "version": found.version})
    else:
        usual.output.print(f"written  {file}  version {found.version}")


def _build_file(found: StateVersion, connector: Connector, project: Project) -> StateFile:
    from connector_assets.state_file import FORMAT, StateFile

    return StateFile(
        format=FORMAT,
        project=project.id,
        environment=project.environment,
        connector=connector.name,
        engine=connector.engine.value,
        source=connector.source,
        version=found.version,
        at=found.at,
        who=found.who,
        why=found.why,
        state=_sources(found),
    )


def _sources(version: StateVersion) -> dict[str, object]:
    return {"sources": version.state.get("sources") or {}}


def _find_connector(ledger: Ledger, project: Project, name: str) -> Connector:
    """Return a connector; one that was removed has its history still."""
    from connector_assets.lifecycle.known import find_connector
    from connector_assets.lifecycle.setting import Setting

    return find_connector(Setting(project=project, ledger=ledger), name)


def _find(
    ledger: Ledger, project: Project, connector: Connector, *, version: int | None
) -> StateVersion:
    if version is None:
        latest = ledger.states.latest(connector.name, environment=project.environment)
        version = latest.version if latest else 0
    return ledger.states.find(connector.name, environment=project.environment, version=version)


# Without a name: its commands are of this group.
app.add_typer(state_write.app)
