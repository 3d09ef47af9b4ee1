"""``connectors release``: load what the gate held, without asking the source again."""

from __future__ import annotations

from typing import Annotated

import typer

from connector_assets.cli.context import load, open_ledger, who
from connector_assets.cli.options import Usual, unpacked
from connector_assets.cli.sync import show_end, terminable

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def release(
    sync: Annotated[str, typer.Argument(metavar="SYNC", help="The sync that was blocked.")],
    *,
    usual: Usual,
) -> None:
    """Load the package that a blocked sync left; the source is not asked again.

    The gate judges it anew, by what is approved now; what it blocks stays held.
    """
    from connector_assets.cli.sync_view import SyncView
    from connector_assets.lifecycle import decisions
    from connector_assets.lifecycle.setting import Setting

    project = load(usual.project, usual.env, tolerate=True)
    view = SyncView(usual.output.console)
    with open_ledger(project) as ledger, view, terminable():
        setting = Setting(project=project, ledger=ledger, observer=view)
        row = decisions.release(setting, sync, who=who())
    show_end(row, view=view, usual=usual)
