"""``connectors discard``: drop what the gate held."""

from __future__ import annotations

from typing import Annotated

import typer

from connector_assets.cli.context import load, open_ledger, who
from connector_assets.cli.options import Usual, unpacked

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def discard(
    sync: Annotated[str, typer.Argument(metavar="SYNC", help="The sync that was blocked.")],
    *,
    usual: Usual,
) -> None:
    """Drop the package that a blocked sync left; the next sync reads the source again."""
    from connector_assets.lifecycle import decisions
    from connector_assets.lifecycle.setting import Setting

    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger:
        held = decisions.discard(Setting(project=project, ledger=ledger), sync, who=who())
    if usual.json:
        usual.output.print_json({"sync_id": held.sync_id, "connector": held.connector})
        return
    usual.output.print(f"discarded what sync {held.sync_id} of {held.connector} left")
    usual.output.print_next(f"connectors sync {held.connector}")
