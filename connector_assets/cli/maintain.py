"""``connectors maintain``: fewer files, no old snapshots, logs and folders."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from connector_assets.cli.context import load, open_ledger
from connector_assets.cli.options import Usual, unpacked

app = typer.Typer(add_completion=False)


@app.command()
@unpacked
def maintain(
    destinations: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DESTINATION...]", help="Only these; all of the project's."),
    ] = None,
    undo: Annotated[
        str,
        typer.Option("--undo", metavar="TIME", help="How long syncs can be undone, such as 7d."),
    ] = "7d",
    logs: Annotated[
        str, typer.Option("--logs", metavar="TIME", help="How long logs are kept, such as 90d.")
    ] = "90d",
    *,
    usual: Usual,
) -> None:
    """Merge small files of DuckLakes, expire old snapshots, remove dead files, logs and folders.

    Safe beside running syncs; run it once a day. A DuckDB file needs nothing.
    """
    from connector_assets.lifecycle.setting import Setting
    from connector_assets.lifecycle.upkeep import maintain as keep_up

    kept = {"undo": _parse(undo, option="--undo"), "logs": _parse(logs, option="--logs")}
    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger, usual.output.waiting("tidying up ..."):
        setting = Setting(project=project, ledger=ledger)
        done = keep_up(setting, **kept, destinations=tuple(destinations or ()))
    if usual.json:
        usual.output.print_json(asdict(done))
        return
    for lake in done.lakes:
        merged = f"{lake.merged_files} files merged into {lake.into_files}"
        expired, removed = f"{lake.expired} snapshots expired", f"{lake.removed_files} removed"
        usual.output.print(f"{lake.destination}  {expired}, {merged}, {removed}")
    usual.output.print(f"{done.logs} logs and {done.folders} left-over folders removed")


def _parse(text: str, *, option: str) -> timedelta:
    from connector_assets.config_fields import parse_positive_duration
    from connector_assets.errors import ConfigError

    try:
        return timedelta(seconds=float(parse_positive_duration(text)))
    except ValueError as error:
        raise ConfigError(str(error), place=option, value=text) from error
