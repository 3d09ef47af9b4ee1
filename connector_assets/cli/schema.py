"""``connectors schema``: the JSON Schemas of the files that the platform reads and writes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from connector_assets.cli.options import Usual, unpacked

app = typer.Typer(add_completion=False)


class Which(StrEnum):
    """The file that a schema is for."""

    CONNECTOR = "connector"
    PROJECT = "project"
    GROUP = "group"
    STATE = "state"


@app.command()
@unpacked
def schema(
    which: Annotated[
        Which,
        typer.Argument(metavar="connector|project|group|state", help="The schema of which file."),
    ] = Which.CONNECTOR,
    write: Annotated[
        bool,
        typer.Option("--write", metavar="", help="Write those of the YAML files into schemas/."),
    ] = False,
    *,
    usual: Usual,
) -> None:
    """Print the JSON Schema of a connector file, of connectors.yaml, of a group, or of a state.

    The files that init and new make refer to schemas/, so that editors complete and check them;
    --write brings those up to date after an upgrade.
    """
    if not write:
        usual.output.write(_render(which))
        return
    written = _write(usual)
    if usual.json:
        usual.output.print_json({"written": written})
    else:
        usual.output.print(*(f"written  {name}" for name in written))


def _render(which: Which) -> str:
    from airflow_bridge.group_schema import render_group_schema
    from connector_assets.cli.scaffold import render_schema
    from connector_assets.state_file import render_state_schema

    if which is Which.STATE:
        return render_state_schema()
    return render_group_schema() if which is Which.GROUP else render_schema(which)


def _write(usual: Usual) -> list[str]:
    from connector_assets.cli.context import find
    from connector_assets.cli.scaffold import render_schema
    from connector_assets.config_schema import FOLDER, Kind, schema_file

    root = find(usual.project)
    (root / FOLDER).mkdir(exist_ok=True)
    for kind in Kind:
        (root / schema_file(kind)).write_text(render_schema(kind), encoding="utf-8")
    return [schema_file(kind) for kind in Kind]
