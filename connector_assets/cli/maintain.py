"""``connectors maintain``: fewer files, no old snapshots, logs and folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.context import load, open_ledger
from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from connector_assets.lifecycle.upkeep import Upkeep

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

    kept = {"undo": parse_time(undo, option="--undo"), "logs": parse_time(logs, option="--logs")}
    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger, usual.output.waiting("tidying up ..."):
        setting = Setting(project=project, ledger=ledger)
        done = keep_up(setting, **kept, destinations=tuple(destinations or ()))
    if usual.json:
        usual.output.print_json(asdict(done))
        return
    usual.output.print(*_tell(done))


def _tell(done: Upkeep) -> Iterator[str]:
    for lake in done.lakes:
        merged = f"{lake.merged_files} files merged into {lake.into_files}"
        expired, removed = f"{lake.expired} snapshots expired", f"{lake.removed_files} removed"
        yield f"{lake.destination}  {expired}, {merged}, {removed}"
        if lake.unknown:
            yield f"  left: files that no snapshot names, as {lake.unknown[0]} stands among them"
    if done.busy:
        yield f"rows in the catalog stay there while a sync runs: {', '.join(done.busy)}"
    folders, packages = f"{done.folders} left-over folders", f"{done.packages} held packages"
    yield f"{done.logs} logs, {folders} and {packages} removed"


def parse_time(text: str, *, option: str) -> timedelta:
    """Return a length of time as an option has it, such as 7d.

    Raises:
        ConfigError: It is none.
    """
    from connector_assets.config_fields import parse_positive_duration
    from connector_assets.errors import ConfigError

    try:
        return timedelta(seconds=float(parse_positive_duration(text)))
    except ValueError as error:
        raise ConfigError(str(error), place=option, value=text) from error
