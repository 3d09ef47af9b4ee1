"""``connectors clear``: rows and position are dropped together."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from connector_assets.cli.context import load, open_ledger, who
from connector_assets.cli.options import Usual, unpacked
from connector_assets.cli.state_write import Name, Streams
from connector_assets.errors import ConfigError

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
            _ask(f"{connector.target} in {project.environment} loses {listed}", name=name)
        with usual.output.waiting("clearing ..."):
            cleared = clearing.clear(setting, connector, stream or (), who=who())
    if usual.json:
        usual.output.print_json({"connector": name, "version": cleared.version, "cleared": rows})
        return
    usual.output.print(f"cleared  {connector.target}  {listed}")
    usual.output.print(f"  state version {cleared.version}")
    usual.output.print_next(f"connectors sync {name}")


def _ask(what: str, *, name: str) -> None:
    """Have a person confirm it.

    Raises:
        ConfigError: There is no terminal to ask at.
        Abort: The person does not confirm it.
    """
    if not sys.stdin.isatty():
        raise ConfigError(
            "there is nobody to ask whether the rows are to go",
            place=f"connectors clear {name}",
            fix=f"{what}. To do it without a question: --yes",
        )
    typer.confirm(
        f"{what}, child tables included, and reads from the beginning then. Sure?",
        abort=True,
        err=True,
    )
