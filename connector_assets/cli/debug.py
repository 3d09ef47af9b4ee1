"""``connectors debug``: five checks of a sync, the cause, whether a retry is safe, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from connector_assets.lifecycle.debugging import Check, Examination

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Bundling:
    """What is written for somebody else to look at."""

    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle", metavar="FILE", help="Also write all that is known of it, redacted: a zip."
        ),
    ] = None


@app.command()
@unpacked
def debug(
    sync: Annotated[
        str,
        typer.Argument(metavar="SYNC", help="A sync's id, its start, or a connector's name."),
    ] = "",
    *,
    bundling: Bundling,
    usual: Usual,
) -> None:
    """Say why a sync ended as it did: five checks in their order, the first broken one, the cause.

    Whether the data is whole, what a retry would do, and the next command. Changes nothing.
    """
    from connector_assets.cli.context import list_names, load, open_ledger
    from connector_assets.cli.logs import find_sync
    from connector_assets.lifecycle.debugging import examine, render
    from connector_assets.lifecycle.setting import Setting

    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger:
        setting = Setting(project=project, ledger=ledger)
        row = find_sync(project, ledger, sync)
        examination = examine(setting, row.sync_id)
        written = None
        if bundling.bundle is not None:
            from connector_assets.lifecycle.bundle import write_bundle

            written = write_bundle(setting, examination, to=bundling.bundle)
    if usual.json:
        told = render(examination)
        usual.output.print_json({**told, "bundle": str(written)} if written else told)
        return
    for line in _lines(examination):
        usual.output.print(line)
    if row.connector not in list_names(project):
        left = f"{row.connector} is no connector of the project any more; what was done to it:"
        usual.output.print(f"Note    {left} connectors state log {row.connector}")
    if written:
        usual.output.print(f"Bundle  {written}")


def _lines(examination: Examination) -> Iterator[Text]:
    from rich.text import Text

    from connector_assets.cli.status_table import render_verdict
    from connector_assets.cli.times import render_utc

    row = examination.row
    yield Text.assemble(
        (row.connector, "bold"),
        f"  sync {row.sync_id}  ",
        render_verdict(row.verdict),
        f"  {render_utc(row.started_at)}  attempt {row.attempt}  env {row.environment}",
    )
    for number, check in enumerate(examination.checks, 1):
        yield Text.assemble(f" {number} ", _mark(check), f" {check.name:<12} {check.text}")
    finding = examination.finding
    if finding:
        yield Text.assemble(("Cause   ", "bold"), f"{finding.cause.meaning}  [{finding.cause.id}]")
        for line in finding.lines:
            yield Text(f"        {line}", style="dim")
        if examination.log:
            yield Text(f"        {examination.log}", style="dim")
    yield Text.assemble(("Data    ", "bold"), examination.data)
    retry = examination.retry
    by = "by the scheduler" if retry.automatic else "by a person"
    how = f" {by}" if retry.action not in ("nothing", "needs_human") else ""
    yield Text.assemble(("Retry   ", "bold"), f"{retry.action}{how}: {retry.reason}")
    if finding:
        yield Text.assemble(("Do      ", "bold"), examination.action)
    yield Text.assemble(("Next    ", "bold"), "      ".join(examination.next))


def _mark(check: Check) -> tuple[str, str]:
    if check.broken is None:
        return "-   ", "dim"
    return ("STOP", "bold red") if check.broken else ("ok  ", "green")
