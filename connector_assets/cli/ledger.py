"""``connectors ledger``: the platform's own database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from connector_assets.cli.context import load, open_ledger
from connector_assets.cli.options import Usual, unpacked

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def ledger() -> None:
    """Look after the ledger, in which syncs, evidence and states are."""


@app.command()
@unpacked
def prune(
    older: Annotated[
        str,
        typer.Option("--older", metavar="TIME", help="Syncs that ended longer ago, such as 400d."),
    ],
    apply: Annotated[
        bool, typer.Option("--apply", metavar="", help="Remove them; else they are counted.")
    ] = False,
    *,
    usual: Usual,
) -> None:
    """Remove what is known of syncs that ended long ago: evidence, attempts, what views were told.

    The last sync of each connector and its last good one stay, and so do states, drift and what is
    not settled.
    """
    from connector_assets.cli.maintain import parse_time

    before = datetime.now(UTC) - parse_time(older, option="--older")
    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as opened, usual.output.waiting("looking ..."):
        act = opened.pruning.drop_old if apply else opened.pruning.count_old
        count = act(environment=project.environment, before=before)
    if usual.json:
        usual.output.print_json({"syncs": count, "removed": apply, "before": before.isoformat()})
        return
    usual.output.print(f"{count:,} syncs {'removed' if apply else 'would be removed'}")
    if count and not apply:
        usual.output.print_next(f"connectors ledger prune --older {older} --apply")
