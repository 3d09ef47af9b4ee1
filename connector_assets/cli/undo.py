"""``connectors undo``: what a sync loaded is taken back."""

from __future__ import annotations

from typing import Annotated

import typer

from connector_assets.cli.context import load, open_ledger, who
from connector_assets.cli.options import Usual, unpacked

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def undo(
    sync: Annotated[str, typer.Argument(metavar="SYNC", help="The last sync that was loaded.")],
    *,
    usual: Usual,
) -> None:
    """Put a connector's tables and position in a DuckLake back to what they were before a sync.

    One transaction, one new snapshot; the next sync loads again what was undone. Only the last
    sync of a connector can be undone, then the one before it.
    """
    from connector_assets.lifecycle import undo as undoing
    from connector_assets.lifecycle.setting import Setting

    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger, usual.output.waiting("undoing ..."):
        row, undone = undoing.undo(Setting(project=project, ledger=ledger), sync, who=who())
    if usual.json:
        told = {"sync_id": row.sync_id, "connector": row.connector, "snapshot": undone.snapshot}
        restored, dropped = undone.restored, undone.dropped
        told |= {"state_version": undone.version, "restored": restored, "dropped": dropped}
        usual.output.print_json(told)
        return
    usual.output.print(f"undone  {row.connector}  sync {row.sync_id}")
    for word, tables in (("restored", undone.restored), ("dropped", undone.dropped)):
        if tables:
            usual.output.print(f"  {word}  {', '.join(tables)}")
    usual.output.print(f"  state version {undone.version}, as of snapshot {undone.snapshot}")
    usual.output.print_next(f"connectors sync {row.connector}")
