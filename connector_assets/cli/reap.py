"""``connectors reap``: close the syncs that nobody works on any more."""

from __future__ import annotations

import typer

from connector_assets.cli.context import load, open_ledger
from connector_assets.cli.options import Usual, unpacked

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def reap(*, usual: Usual) -> None:
    """Close the syncs whose process is gone, and settle those whose outcome was not known.

    Asks their destinations what arrived, gives back their leases and sends their alerts, and those
    of connectors that are late. Each next start of a connector does the same for it; a scheduler
    can run this for all of them.
    """
    from connector_assets.cli.status_table import render_verdict
    from connector_assets.cli.sync_json import render_sync
    from connector_assets.lifecycle.aftercare import tend
    from connector_assets.lifecycle.setting import Setting
    from connector_assets.lifecycle.steps import reap as close_abandoned

    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger, usual.output.waiting("looking for abandoned syncs ..."):
        setting = Setting(project=project, ledger=ledger)
        rows = close_abandoned(setting)
        tend(setting)
    if usual.json:
        usual.output.print_json([render_sync(row) for row in rows])
        return
    for row in rows:
        usual.output.print(f"{row.connector}  sync {row.sync_id}", render_verdict(row.verdict))
    if not rows:
        usual.output.print(f"no abandoned sync in environment {project.environment}")
