"""``connectors lock``: the committed structure, renewed by what was approved."""

from __future__ import annotations

from typing import Annotated

import typer

from connector_assets.cli.context import load, open_ledger
from connector_assets.cli.options import Usual, unpacked
from connector_assets.errors import ConfigError

app = typer.Typer(help="The committed structure of connectors.")


@app.command()
@unpacked
def update(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", metavar="", help="Every connector that has a lock.")
    ] = False,
    *,
    usual: Usual,
) -> None:
    """Fold what was approved, and what is allowed, into locks/NAME.json; then review the change."""
    from connector_assets.lifecycle.decisions import renew_lock
    from connector_assets.lifecycle.setting import Setting
    from connector_assets.lock import load_lock

    project = load(usual.project, usual.env, tolerate=True)
    if bool(name) is everything:
        raise ConfigError("name a connector, or say --all", fix="connectors lock update NAME")
    names = [project.connector(name).name] if name else [one.name for one in project.connectors]
    folded: dict[str, int] = {}
    with open_ledger(project) as ledger:
        setting = Setting(project=project, ledger=ledger)
        for one in names:
            if name or load_lock(one, root=project.root) is not None:
                folded[one] = renew_lock(setting, one)[1]
    if usual.json:
        usual.output.print_json([{"connector": one, "folded": n} for one, n in folded.items()])
        return
    for one, count in folded.items():
        usual.output.print(f"locks/{one}.json: {count} events folded")
    usual.output.print_next("git diff locks")


@app.callback()
def _group() -> None:
    """Keep ``update`` a command of a group: more are to come."""
