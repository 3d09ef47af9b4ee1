"""``connectors init``: a project folder, or what an existing Meltano project lacks to be one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.options import Printing, unpacked

if TYPE_CHECKING:
    from connector_assets.cli.output import Output
    from connector_assets.cli.scaffold import Scaffold

app = typer.Typer(add_completion=False)
LONGEST_ID = 64


@app.command()
@unpacked
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="Else this folder.")
    ] = Path(),
    *,
    printing: Printing,
) -> None:
    """Make a project folder; overwrites nothing.

    In a Meltano project it adds what is missing: connectors.yaml, the folders for connectors and
    their locks, and the schemas with which editors complete and check the YAML files.
    """
    root = folder.expanduser().absolute()
    scaffold = _scaffold(root)
    if printing.json:
        printing.output.print_json(
            {
                "folder": str(root),
                "project_id": make_project_id(root.name),
                "made": scaffold.made,
                "kept": scaffold.kept,
            }
        )
        return
    _print(printing.output, scaffold, folder=folder)


def make_project_id(name: str) -> str:
    """Return a valid project id that is as near to a folder's name as can be."""
    valid = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_")[:LONGEST_ID].rstrip("-_")
    return valid or "connectors"


def _scaffold(root: Path) -> Scaffold:
    from connector_assets.cli.scaffold import Scaffold, render_template
    from connector_assets.errors import ConfigError
    from connector_assets.lock import FOLDER as LOCKS
    from connector_assets.project import FOLDER as CONNECTORS
    from connector_assets.project_file import FILE

    if (root / FILE).exists():
        raise ConfigError(
            "this is a project already",
            place=str(root / FILE),
            fix="Name another folder, or add a connector: connectors new NAME --source SOURCE",
        )
    project_id = make_project_id(root.name)
    scaffold = Scaffold(root=root)
    scaffold.write("meltano.yml", render_template("meltano.yml", project_id=project_id))
    # Version control keeps no empty folders.
    scaffold.write(f"{CONNECTORS}/.gitkeep", "")
    scaffold.write(f"{LOCKS}/.gitkeep", "")
    scaffold.write_schemas()
    scaffold.append(".gitignore", render_template("gitignore").split())
    # Last: with it the folder is a project, and a half-made one can be made again.
    scaffold.write(FILE, render_template("connectors.yaml", project_id=project_id))
    return scaffold


def _print(output: Output, scaffold: Scaffold, *, folder: Path) -> None:
    for number, name in enumerate(scaffold.made):
        output.print(f"{'made' if number == 0 else '':<6}{folder / name}")
    for number, name in enumerate(scaffold.kept):
        output.print(f"{'kept' if number == 0 else '':<6}{folder / name}")
    enter = [] if folder == Path() else [f"cd {folder}"]
    output.print_next(*enter, "connectors new NAME --source rest_api")
