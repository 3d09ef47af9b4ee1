"""``connectors clear``: rows and position are dropped together."""

from __future__ import annotations

from typing import Annotated

import typer

from connector_assets.cli.asking import confirm
from connector_assets.cli.context import load, open_ledger, who
from connector_assets.cli.options import Usual, unpacked
from connector_assets.cli.state_write import Name, Streams

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def clear(
    name: Name,
    stream: Streams = None,
    yes: Annotated[bool, typer.Option("--yes", metavar="", help="Do not ask first.")] = False,
    *,
    usual: Usual,
) -> None:
    """Drop the rows of a connector and where it would go on, in one transaction; asks first.

    The tables stay, empty, until the next sync reads from the beginning. For a reload without a
    gap: ``connectors refresh``.
    """
    from connector_assets.lifecycle import clearing
    from connector_assets.lifecycle.setting import Setting

    project = load(usual.project, usual.env, tolerate=True)
    connector = project.connector(name)
    with open_ledger(project) as ledger:
        setting = Setting(project=project, ledger=ledger)
        rows = clearing.count_loaded(setting, connector, stream or ())
        listed = ", ".join(f"{one} ({count:,} rows)" for one, count in rows.items())
        if not yes:
            confirm(
                f"{connector.target} in {project.environment} loses {listed}",
                after=", child tables included, and reads from the beginning then",
                command=f"connectors clear {name}",
            )
        with usual.output.waiting("clearing ..."):
            cleared = clearing.clear(setting, connector, stream or (), who=who())
    if usual.json:
        usual.output.print_json({"connector": name, "version": cleared.version, "cleared": rows})
        return
    usual.output.print(f"cleared  {connector.target}  {listed}")
    usual.output.print(f"  state version {cleared.version}")
    usual.output.print_next(f"connectors sync {name}")
